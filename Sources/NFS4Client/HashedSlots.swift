// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

/// The slots of a table of fixed size with their hash chains: which are free, and which have a hash.
///
/// Index-linked columns: nothing is allocated after the start. The table itself keeps what is in a slot.
struct HashedSlots {
  /// Slots in all.
  let capacity: Int
  /// Slots that were ever taken: no index is at or above it.
  private(set) var used = 0
  /// Slots in use.
  private(set) var count = 0
  private let next: UnsafeMutablePointer<Int32>
  private let heads: UnsafeMutablePointer<Int32>
  private let mask: UInt64
  private var firstFree: Int32 = -1
  private var hand = 0

  init(capacity: Int) {
    self.capacity = capacity
    var size = 64
    while size < capacity { size *= 2 }
    mask = UInt64(size - 1)
    next = .allocate(capacity: capacity)
    next.initialize(repeating: -1, count: capacity)
    heads = .allocate(capacity: size)
    heads.initialize(repeating: -1, count: size)
  }

  func deallocate() {
    next.deallocate()
    heads.deallocate()
  }

  /// True if no further slot can be taken.
  var isFull: Bool { firstFree < 0 && used == capacity }

  /// The first slot of the chain of a hash, -1 for none.
  @inline(__always)
  func first(_ hash: UInt64) -> Int { Int(heads[Int(truncatingIfNeeded: hash & mask)]) }

  /// The slot behind `slot` in its chain, -1 for none.
  @inline(__always)
  func following(_ slot: Int) -> Int { Int(next[slot]) }

  /// Takes a slot and puts it in front of the chain of its hash; nil if there is none left.
  mutating func take(_ hash: UInt64) -> Int? {
    let slot: Int
    if firstFree >= 0 {
      slot = Int(firstFree)
      firstFree = next[slot]
    } else {
      guard used < capacity else { return nil }
      slot = used
      used &+= 1
    }
    let head = Int(truncatingIfNeeded: hash & mask)
    next[slot] = heads[head]
    heads[head] = Int32(truncatingIfNeeded: slot)
    count &+= 1
    return slot
  }

  /// Takes a slot out of the chain of its hash and gives it back.
  mutating func give(_ slot: Int, _ hash: UInt64) {
    let head = Int(truncatingIfNeeded: hash & mask)
    var link = heads[head]
    if link == Int32(truncatingIfNeeded: slot) {
      heads[head] = next[slot]
    } else {
      while link >= 0 {
        let behind = next[Int(link)]
        if behind == Int32(truncatingIfNeeded: slot) {
          next[Int(link)] = next[slot]
          break
        }
        link = behind
      }
    }
    next[slot] = firstFree
    firstFree = Int32(truncatingIfNeeded: slot)
    count &-= 1
  }

  /// Goes round the table once from where the last search ended, and returns the first slot that `mayGo` allows.
  mutating func victim(_ mayGo: (Int) -> Bool) -> Int? {
    var steps = 0
    while steps < used {
      let slot = hand
      hand = hand &+ 1 < used ? hand &+ 1 : 0
      steps &+= 1
      if mayGo(slot) { return slot }
    }
    return nil
  }
}
