// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import KernelMemory
import KernelModel
import NFS4
import ONCRPC
import Synchronization

/// The NFSv4.0 server: RPC program 100003, version 4, over any transport.
///
/// State, file system and modelled kernel lie behind one lock, as the server of 2007 had one state lock. Once the modelled kernel has
/// failed, every call answers SYSTEM_ERR and nothing is touched any more.
public final class NFSService: RPCService, @unchecked Sendable {
  private let core: ServerCore
  private let lock = Mutex<Void>(())
  private let rootSquash: Bool
  /// The way to the clients; nil where nobody is ever called back.
  private let callbacks: (any CallbackTransport)?
  /// Callbacks that were answered and delegations that were given back, for requests that wait for one.
  private let events = EventCounter()

  /// A server with an empty file system.
  ///
  /// - Parameters:
  ///   - kernel: the kernel that the server runs in; used behind the server's lock from now on.
  ///   - configuration: how the server is set up.
  /// - Throws: ``ServerError``.
  public init(kernel: Kernel, configuration: ServerConfiguration = ServerConfiguration()) throws(ServerError) {
    core = try ServerCore(kernel: kernel, configuration: configuration)
    rootSquash = configuration.rootSquash
    callbacks = configuration.delegations ? configuration.callbackTransport : nil
  }

  /// 100003.
  public var program: UInt32 { NFS4Protocol.program }
  /// 4.
  public var version: UInt32 { NFS4Protocol.version }

  /// Tells that a connection exists from now on; a known one is left as it is.
  public func connectionOpened(_ id: UInt64) {
    lock.withLock { _ in _ = core.openConnection(id) }
  }

  /// Tells that a connection is gone; its saved replies stay until their time is over.
  public func connectionClosed(_ id: UInt64) {
    lock.withLock { _ in core.closeConnection(id) }
  }

  /// Answers one COMPOUND; a connection that was not announced is opened.
  public func handle(
    procedure: UInt32, xid: UInt32, credential: borrowing RPCCredential, connection: UInt64,
    arguments: UnsafeRawBufferPointer, reply: UnsafeMutableRawBufferPointer
  ) -> RPCReply {
    guard procedure == NFS4Protocol.compoundProcedure else { return .procedureUnavailable }
    let principal = Principal(credential, rootSquash: rootSquash)
    guard let callbacks else {
      return lock.withLock { _ in
        let slot = core.openConnection(connection)
        guard slot >= 0 else { return .systemError }
        return core.serve(xid: xid, principal: principal, slot: slot, arguments: arguments, reply: reply)
      }
    }
    // A request that waits for a callback is held for a moment, and served anew when something has come back.
    let hold = callbacks.holdMilliseconds
    let deadline = hold > 0 ? EventCounter.deadline(milliseconds: hold) : 0
    var mayHold = hold > 0
    while true {
      let seen = events.count
      let (outcome, isHeld) = changing(callbacks) { core -> (RPCReply, Bool) in
        let slot = core.openConnection(connection)
        guard slot >= 0 else { return (.systemError, false) }
        core.variables.pointee.delegations.mayHold = mayHold
        core.variables.pointee.delegations.isHeld = false
        let outcome = core.serve(xid: xid, principal: principal, slot: slot, arguments: arguments, reply: reply)
        let isHeld = core.variables.pointee.delegations.isHeld
        if isHeld { core.variables.pointee.counters.held &+= 1 }
        core.variables.pointee.delegations.mayHold = false
        core.variables.pointee.delegations.isHeld = false
        return (outcome, isHeld)
      }
      guard isHeld else { return outcome }
      mayHold = events.wait(beyond: seen, until: deadline)
    }
  }

  /// Does something behind the lock, and afterwards, outside of it, hands the callbacks over that it wants and wakes requests.
  private func changing<Result>(_ callbacks: any CallbackTransport, _ body: (ServerCore) -> Result) -> Result {
    let (result, outgoing, wakes) = lock.withLock { _ in
      let result = body(core)
      let outgoing = core.variables.pointee.delegations.outbox
      if !outgoing.isEmpty { core.variables.pointee.delegations.outbox = [] }
      let wakes = core.variables.pointee.delegations.wakes
      core.variables.pointee.delegations.wakes = false
      return (result, outgoing, wakes)
    }
    if wakes { events.signal() }
    for callback in outgoing {
      callbacks.send(callback.call) { [weak self] outcome in
        guard let self else { return }
        changing(callbacks) { $0.completeCallback(callback.serial, outcome) }
      }
    }
    return result
  }

  /// Gives the kernel to `body` behind the server's lock, for statistics and for moving the virtual clock.
  public func withKernel<Result, Failure: Error>(
    _ body: (Kernel) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    try lock.withLock { (_) throws(Failure) -> Result in try body(core.kernel) }
  }

  /// Restarts the service as a reboot of the server would: clients, owners, opens and locks are forgotten and their memory is given
  /// back, the reply cache is emptied, and a new instance starts, with a grace period where one is configured.
  ///
  /// Files and filehandles stay. Connections are the transport's, which should drop them before.
  ///
  /// - Parameter bootTime: the number of the new instance, for instance the time in seconds since 1970; the number of the instance before
  ///   plus one if it is not greater than that one, or nil.
  public func restart(bootTime: UInt32? = nil) {
    lock.withLock { _ in core.restart(bootTime: bootTime) }
  }

  /// Whether the grace period is on: clients reclaim what they had before the restart.
  public var isInGrace: Bool { lock.withLock { _ in core.isInGrace } }

  /// Exports the files read-only from now on, or no longer: a change of /etc/exports.
  public func setReadOnly(_ isReadOnly: Bool) {
    lock.withLock { _ in core.files.isReadOnly = isReadOnly }
  }

  /// What the server was asked for since it started.
  public var counters: ServerCounters { lock.withLock { _ in core.variables.pointee.counters } }

  /// How much the server holds.
  public var snapshot: ServerSnapshot { lock.withLock { _ in core.snapshot } }

  /// What the modelled kernel died of, nil while it lives.
  public var failure: KernelFailure? { lock.withLock { _ in core.kernel.failure } }

  /// Checks every invariant of state, reply cache and file system.
  ///
  /// - Throws: the first violation, with its values.
  public func checkInvariants() throws(InvariantViolation) {
    try lock.withLock { (_) throws(InvariantViolation) -> Void in
      guard core.kernel.failure == nil else { return }
      try core.checkInvariants()
    }
  }
}
