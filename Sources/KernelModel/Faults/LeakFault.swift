// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import KernelMemory

/// Forgets every n-th free of a kind: an ordinary leak in the code that calls the allocator.
///
/// Kinds are small numbers: malloc types and kernel objects by their index. A period of zero means no leak.
struct LeakFault {
  private struct Entry {
    var period: UInt64 = 0
    var countdown: UInt64 = 0
  }

  private var entries: UnsafeMutablePointer<Entry>?
  private var capacity = 0

  /// Sets the period of a kind.
  mutating func set(kind: Int, every period: UInt64) {
    if kind >= capacity {
      let larger = UnsafeMutablePointer<Entry>.allocate(capacity: kind + 1)
      larger.initialize(repeating: Entry(), count: kind + 1)
      if let entries {
        larger.update(from: entries, count: capacity)
        entries.deallocate()
      }
      entries = larger
      capacity = kind + 1
    }
    entries?[kind] = Entry(period: period, countdown: period)
  }

  /// True where the free that is being made is one to forget.
  @inline(__always)
  mutating func forgetsNextFree(kind: Int) -> Bool {
    guard kind < capacity, let entry = entries.map({ $0 + kind }), entry.pointee.period != 0 else { return false }
    entry.pointee.countdown &-= 1
    guard entry.pointee.countdown == 0 else { return false }
    entry.pointee.countdown = entry.pointee.period
    return true
  }

  func deallocate() { entries?.deallocate() }
}
