// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

/// Bytes of file data that each user owns, and the most that one may own: the quotas of UFS by user (sys/ufs/ufs/ufs_quota.c), data alone.
///
/// Nothing is counted where there is no limit.
struct QuotaTable {
  private struct Row {
    var user: UInt32
    var isUsed: Bool
    var bytes: Int
  }

  /// Most bytes of a user, nil for no limit; the superuser has none, as on UFS.
  let limit: Int?
  private var rows: UnsafeMutablePointer<Row>
  private var mask: Int
  private var count = 0

  init(limit: Int?) {
    self.limit = limit
    mask = 63
    rows = .allocate(capacity: mask + 1)
    rows.initialize(repeating: Row(user: 0, isUsed: false, bytes: 0), count: mask + 1)
  }

  func deallocate() { rows.deallocate() }

  /// Bytes of a user.
  func used(by user: UInt32) -> Int {
    let row = rows[slot(of: user)]
    return row.isUsed ? row.bytes : 0
  }

  /// Bytes that a user can still take.
  func available(to user: UInt32) -> Int {
    guard let limit, user != 0 else { return .max }
    return max(limit &- used(by: user), 0)
  }

  /// Adds to, or takes from, the bytes of a user.
  mutating func add(_ bytes: Int, to user: UInt32) {
    guard limit != nil, bytes != 0 else { return }
    if count &* 2 > mask { grow() }
    let slot = slot(of: user)
    if !rows[slot].isUsed {
      rows[slot] = Row(user: user, isUsed: true, bytes: 0)
      count &+= 1
    }
    rows[slot].bytes &+= bytes
  }

  private func slot(of user: UInt32) -> Int {
    var slot = Int(user &* 2_654_435_761) & mask
    while rows[slot].isUsed && rows[slot].user != user { slot = (slot &+ 1) & mask }
    return slot
  }

  private mutating func grow() {
    let old = rows
    let oldCount = mask &+ 1
    mask = oldCount &* 2 &- 1
    rows = .allocate(capacity: mask &+ 1)
    rows.initialize(repeating: Row(user: 0, isUsed: false, bytes: 0), count: mask &+ 1)
    for index in 0..<oldCount where old[index].isUsed { rows[slot(of: old[index].user)] = old[index] }
    old.deallocate()
  }
}
