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

  private var entries: [Entry] = []
  private(set) var isActive = false

  mutating func set(kind: Int, every period: UInt64) {
    while entries.count <= kind { entries.append(Entry()) }
    entries[kind] = Entry(period: period, countdown: period)
    isActive = true
  }

  /// True where the free that is being made is one to forget.
  @inline(__always)
  mutating func forgetsNextFree(kind: Int) -> Bool {
    guard isActive, kind < entries.count, entries[kind].period != 0 else { return false }
    entries[kind].countdown &-= 1
    guard entries[kind].countdown == 0 else { return false }
    entries[kind].countdown = entries[kind].period
    return true
  }
}
