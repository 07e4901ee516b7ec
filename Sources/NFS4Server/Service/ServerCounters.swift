// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import NFS4

/// What a server was asked for since it started.
public struct ServerCounters: Sendable {
  /// COMPOUNDs that came, garbage included.
  public var rpcs: UInt64 = 0
  /// Operations carried out, failed ones included, by number; numbers that are none are in ``illegal``.
  public var operations: InlineArray<40, UInt64> = InlineArray(repeating: 0)
  /// Operations with a number that NFSv4.0 does not have.
  public var illegal: UInt64 = 0
  /// Operations that make, change, free or renew state.
  public var stateOperations: UInt64 = 0
  /// Operations that failed.
  public var failures: UInt64 = 0
  /// Requests answered from the duplicate request cache.
  public var cacheHits: UInt64 = 0
  /// Sequenced requests answered with the reply that their owner keeps.
  public var ownerReplays: UInt64 = 0
  /// Replies that the duplicate request cache kept, for its own sake or an owner's.
  public var savedReplies: UInt64 = 0
  /// Compounds refused because the cache held too many replies.
  public var floods: UInt64 = 0
  /// Open-owners freed because they were idle.
  public var idleOwnersFreed: UInt64 = 0
  /// Clients freed because their lease was long past.
  public var expiredClientsFreed: UInt64 = 0
  /// Callbacks sent to clients, and those of them that failed below the level of NFS.
  public var callbacks: UInt64 = 0
  /// Callbacks that found no client, or got no reply in time.
  public var callbacksFailed: UInt64 = 0
  /// Delegations given to clients.
  public var delegationsGranted: UInt64 = 0
  /// Delegations that clients gave back.
  public var delegationsReturned: UInt64 = 0
  /// Delegations that were taken away because they were not given back in time.
  public var delegationsRevoked: UInt64 = 0
  /// Delegations that were wanted back; each counts once.
  public var recalls: UInt64 = 0
  /// Requests that were put off for a moment because they waited for a callback, and then served anew.
  public var held: UInt64 = 0

  /// Restarts of the service.
  public var restarts: UInt64 = 0

  /// All zero.
  public init() {}

  /// How often an operation was carried out.
  public func count(of operation: NFSOperation) -> UInt64 {
    let number = Int(operation.rawValue)
    return number < NFSOperation.countedLimit ? operations[number] : illegal
  }
}
