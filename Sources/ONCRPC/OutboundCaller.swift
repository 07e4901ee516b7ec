// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

/// A service that calls go out to.
public struct RPCDestination: Hashable, Sendable {
  /// Address of the host.
  public var host: String
  /// TCP port.
  public var port: UInt16
  /// Program number.
  public var program: UInt32
  /// Version of the program.
  public var version: UInt32

  /// Puts a destination together.
  public init(host: String, port: UInt16, program: UInt32, version: UInt32) {
    self.host = host
    self.port = port
    self.program = program
    self.version = version
  }
}

/// Makes RPCs from threads of its own, so that the caller never waits for a peer: what a server calls its clients back with.
///
/// Each destination has one connection and one thread, which ends when there was nothing to do for a while: a peer that is silent holds
/// up its own calls alone.
public final class OutboundCaller: Sendable {
  /// What became of a call: the result body, or why there is none.
  public typealias Completion = @Sendable (Result<[UInt8], RPCError>) -> Void

  /// Destinations that are called at the same time; a call beyond fails at once.
  public static let defaultMaximumDestinations = 256
  /// Calls that wait for one destination; a call beyond fails at once.
  public static let maximumWaiting = 4096
  /// How long a connection without calls is kept, milliseconds.
  public static let idleMilliseconds = 30_000
  /// The longest reply, bytes, header included.
  static let maximumReplyBytes = 64 << 10

  private struct Call: Sendable {
    var procedure: UInt32
    var arguments: [UInt8]
    var timeoutMilliseconds: Int
    var completion: Completion
  }

  private final class Lane: Sendable {
    let calls = PosixMutex<[Call]>([])
    let events = EventCounter()
  }

  private struct State: Sendable {
    var lanes: [RPCDestination: Lane] = [:]
    var isStopped = false
  }

  private let credential: RPCClientCredential
  private let maximumDestinations: Int
  private let state = PosixMutex(State())

  /// A caller without connections.
  ///
  /// - Parameters:
  ///   - credential: presented with every call.
  ///   - maximumDestinations: destinations called at the same time, at least 1.
  public init(
    credential: RPCClientCredential, maximumDestinations: Int = OutboundCaller.defaultMaximumDestinations
  ) {
    self.credential = credential
    self.maximumDestinations = max(maximumDestinations, 1)
  }

  deinit { stop() }

  /// Makes a call and returns at once.
  ///
  /// - Parameters:
  ///   - destination: whom to call.
  ///   - procedure: the procedure number.
  ///   - arguments: the argument body.
  ///   - timeoutMilliseconds: the longest wait for the connection, and for the reply.
  ///   - completion: called once, from another thread or before this returns.
  public func call(
    _ destination: RPCDestination, procedure: UInt32, arguments: [UInt8], timeoutMilliseconds: Int,
    completion: @escaping Completion
  ) {
    let call = Call(
      procedure: procedure, arguments: arguments, timeoutMilliseconds: timeoutMilliseconds, completion: completion)
    let refusal: RPCError? = state.withLock { state in
      if state.isStopped { return .connectionLost(reason: "no more calls are made") }
      if let lane = state.lanes[destination] {
        return lane.calls.withLock { calls in
          guard calls.count < Self.maximumWaiting else { return .resourceExhausted(what: "room for another call") }
          calls.append(call)
          lane.events.signal()
          return nil
        }
      }
      guard state.lanes.count < maximumDestinations else {
        return .resourceExhausted(what: "a connection to another client")
      }
      let lane = Lane()
      lane.calls.withLock { $0.append(call) }
      // The thread holds the caller only while it takes a lane off the table: an idle caller can go away.
      guard
        let thread = PosixThread.start({ [weak self, credential] in
          Self.serve(lane, destination, credential) { self?.retire(lane, destination) ?? true }
        })
      else { return .resourceExhausted(what: "a thread for a call") }
      PosixThread.detach(thread)
      state.lanes[destination] = lane
      return nil
    }
    if let refusal { completion(.failure(refusal)) }
  }

  /// Refuses further calls; calls under way end by themselves, at the latest with their time.
  public func stop() {
    let lanes = state.withLock { state in
      state.isStopped = true
      defer { state.lanes = [:] }
      return Array(state.lanes.values)
    }
    for lane in lanes { lane.events.signal() }
  }

  /// Takes a lane off the table if nothing waits in it.
  private func retire(_ lane: Lane, _ destination: RPCDestination) -> Bool {
    state.withLock { state in
      let isIdle = lane.calls.withLock { $0.isEmpty }
      guard isIdle else { return false }
      if state.lanes[destination] === lane { state.lanes[destination] = nil }
      return true
    }
  }

  /// The life of a lane's thread.
  private static func serve(
    _ lane: Lane, _ destination: RPCDestination, _ credential: RPCClientCredential, retire: () -> Bool
  ) {
    var transport: TCPTransport? = nil
    while true {
      let seen = lane.events.count
      let next: Call? = lane.calls.withLock { $0.isEmpty ? nil : $0.removeFirst() }
      if let next {
        next.completion(perform(next, destination, credential, &transport))
      } else if !lane.events.wait(beyond: seen, until: EventCounter.deadline(milliseconds: idleMilliseconds))
        || lane.calls.withLock({ $0.isEmpty })
      {
        // Nothing for a long time, or woken for nothing: the caller stops.
        if retire() { break }
      }
    }
    transport?.close()
  }

  /// One call; a connection that was kept may have ended in the meantime, so it is made anew once.
  private static func perform(
    _ call: Call, _ destination: RPCDestination, _ credential: RPCClientCredential, _ transport: inout TCPTransport?
  ) -> Result<[UInt8], RPCError> {
    let wasKept = transport != nil
    do throws(RPCError) {
      return .success(try attempt(call, destination, credential, &transport))
    } catch {
      drop(&transport, after: error)
      guard case .connectionLost = error, wasKept else { return .failure(error) }
    }
    do throws(RPCError) {
      return .success(try attempt(call, destination, credential, &transport))
    } catch {
      drop(&transport, after: error)
      return .failure(error)
    }
  }

  /// The next call makes a new connection where this one may be of no use any more.
  private static func drop(_ transport: inout TCPTransport?, after error: RPCError) {
    switch error {
    case .connectionLost, .timedOut:
      transport?.close()
      transport = nil
    default: break
    }
  }

  private static func attempt(
    _ call: Call, _ destination: RPCDestination, _ credential: RPCClientCredential, _ transport: inout TCPTransport?
  ) throws(RPCError) -> [UInt8] {
    let connected: TCPTransport
    if let transport {
      connected = transport
    } else {
      connected = try TCPTransport(
        host: destination.host, port: destination.port, program: destination.program, version: destination.version,
        credential: credential, timeoutMilliseconds: call.timeoutMilliseconds,
        limits: RPCLimits(maximumRecordBytes: maximumReplyBytes))
      transport = connected
    }
    guard call.arguments.count <= connected.argumentBuffer.count else {
      throw .resourceExhausted(what: "room for the arguments")
    }
    connected.argumentBuffer.copyBytes(from: call.arguments)
    return [UInt8](try connected.call(procedure: call.procedure, argumentLength: call.arguments.count))
  }
}
