// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import Synchronization

/// Records of the clients that have state, which outlive a restart of the service (RFC 7530 section 9.6.3.4.3).
///
/// A client may reclaim after a restart if it had state in the instance before and its lease was not cancelled there: otherwise another
/// client may have had a conflicting lock in between. The records are kept in the memory of the process, as the files are; an
/// object that several servers get one after the other stands for the disk of one machine.
public final class StableStorage: Sendable {
  private enum Record {
    /// The client got state in this instance.
    case current
    /// The client had state when the service went down, and has reclaimed nothing yet.
    case reclaimable
  }

  private let records = Mutex<[[UInt8]: Record]>([:])

  /// A storage without records.
  public init() {}

  /// Clients that are recorded.
  public var count: Int { records.withLock { $0.count } }

  /// Records that a client has state in this instance.
  func note(_ id: [UInt8]) { records.withLock { $0[id] = .current } }

  /// Forgets a client whose state is gone or was given to others.
  func remove(_ id: [UInt8]) { records.withLock { _ = $0.removeValue(forKey: id) } }

  /// A new instance starts: whoever is recorded may reclaim.
  ///
  /// Those that could not reclaim before a second restart keep their right, since nobody else got anything in the grace period.
  func beginInstance() { records.withLock { records in for id in records.keys { records[id] = .reclaimable } } }

  /// The grace period is over: who has not reclaimed must not do so after the next restart (second edge condition).
  func endGrace() { records.withLock { records in records = records.filter { $0.value == .current } } }

  /// Whether a client may reclaim in the grace period.
  func mayReclaim(_ id: [UInt8]) -> Bool { records.withLock { $0[id] != nil } }
}
