// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

@testable import ONCRPC

/// A service that gives back what it saw.
final class RecordingService: RPCService {
  static let programNumber: UInt32 = 0x2000_0777
  static let versionNumber: UInt32 = 3

  /// The procedures it has.
  enum Procedure {
    static let echo: UInt32 = 1
    static let credential: UInt32 = 2
    static let pattern: UInt32 = 3
    static let waitForRelease: UInt32 = 4
    static let garbage: UInt32 = 10
    static let systemError: UInt32 = 11
    static let tooLong: UInt32 = 12
    static let negative: UInt32 = 13
  }

  /// One call as it arrived.
  struct Seen: Equatable, Sendable {
    var procedure: UInt32
    var xid: UInt32
    var flavor: RPCFlavor
    var uid: UInt32
    var gid: UInt32
    var groups: [UInt32]
    var machine: String
    var arguments: [UInt8]
    var isAligned: Bool
    var replyLimit: Int
  }

  private struct State: Sendable {
    var seen: [Seen] = []
    var opened: [UInt64] = []
    var closed: [UInt64] = []
    var isReleased = false
  }

  private let state = PosixMutex(State())
  let program = RecordingService.programNumber
  let version = RecordingService.versionNumber

  var seen: [Seen] { state.withLock { $0.seen } }
  var isEveryBufferAligned: Bool { seen.allSatisfy(\.isAligned) }
  var opened: [UInt64] { state.withLock { $0.opened } }
  var closed: [UInt64] { state.withLock { $0.closed } }

  func release() { state.withLock { $0.isReleased = true } }

  func connectionOpened(_ id: UInt64) { state.withLock { $0.opened.append(id) } }
  func connectionClosed(_ id: UInt64) { state.withLock { $0.closed.append(id) } }

  func handle(
    procedure: UInt32, xid: UInt32, credential: borrowing RPCCredential, connection: UInt64,
    arguments: UnsafeRawBufferPointer, reply: UnsafeMutableRawBufferPointer
  ) -> RPCReply {
    let seen = Seen(
      procedure: procedure, xid: xid, flavor: credential.flavor, uid: credential.uid, gid: credential.gid,
      groups: Array(credential.groups), machine: credential.machineName, arguments: Array(arguments),
      isAligned: Int(bitPattern: arguments.baseAddress) % 4 == 0 && Int(bitPattern: reply.baseAddress) % 8 == 0,
      replyLimit: reply.count)
    state.withLock { $0.seen.append(seen) }
    switch procedure {
    case Procedure.echo:
      guard arguments.count <= reply.count else { return .systemError }
      reply.copyMemory(from: arguments)
      return .success(length: arguments.count)
    case Procedure.credential:
      let words = [credential.flavor.rawValue, credential.uid, credential.gid] + Array(credential.groups)
      words.withUnsafeBytes { reply.copyMemory(from: $0) }
      return .success(length: words.count * 4)
    case Procedure.pattern:
      guard arguments.count >= 4 else { return .garbageArguments }
      let count = Int(UInt32(bigEndian: arguments.loadUnaligned(as: UInt32.self)))
      guard count <= reply.count else { return .systemError }
      for index in 0..<count { reply[index] = UInt8(truncatingIfNeeded: index) }
      return .success(length: count)
    case Procedure.waitForRelease:
      Eventually.holds { state.withLock { $0.isReleased } }
      return .success(length: 0)
    case Procedure.garbage: return .garbageArguments
    case Procedure.systemError: return .systemError
    case Procedure.tooLong: return .success(length: reply.count + 1)
    case Procedure.negative: return .success(length: -1)
    default: return .procedureUnavailable
    }
  }
}
