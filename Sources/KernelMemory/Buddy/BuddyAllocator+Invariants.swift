// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

extension BuddyAllocator {
  /// Whether a page lies in a free block of any order.
  func isInFreeBlock(_ page: Int) -> Bool {
    (0...Self.largestOrder).contains { isFree((page >> $0) << $0, $0) }
  }

  /// Checks the lists against the marks of the pages, and that no two free buddies stand unmerged.
  ///
  /// - Throws: the first violation, with its values.
  public func checkInvariants() throws(InvariantViolation) {
    var free = 0
    for order in 0...Self.largestOrder {
      var count = 0
      var page = lists[order].head
      var previous = Self.none
      while page != Self.none {
        let index = Int(page)
        guard index < capacityPages, Int(orders[index]) == order, index & ((1 << order) - 1) == 0 else {
          throw InvariantViolation("buddy: page \(index) on the list of order \(order) starts no such block")
        }
        guard links[index].previous == previous else {
          throw InvariantViolation("buddy: page \(index) of order \(order) has a wrong back link")
        }
        let buddy = index ^ (1 << order)
        if order < Self.largestOrder && isFree(buddy, order) {
          throw InvariantViolation("buddy: pages \(index) and \(buddy) of order \(order) are both free and not merged")
        }
        count += 1
        guard count <= lists[order].count else {
          throw InvariantViolation("buddy: more blocks of order \(order) than the \(lists[order].count) counted")
        }
        previous = page
        page = links[index].next
      }
      guard count == lists[order].count, lists[order].tail == previous else {
        throw InvariantViolation("buddy: \(count) blocks of order \(order), counted \(lists[order].count)")
      }
      guard (count > 0) == (state.pointee.occupied >> UInt32(order) & 1 != 0) else {
        throw InvariantViolation("buddy: order \(order) has \(count) blocks, its mark says otherwise")
      }
      free += count << order
    }
    guard free + usedPages == capacityPages else {
      throw InvariantViolation("buddy: \(usedPages) pages used + \(free) free, capacity \(capacityPages)")
    }
    guard usedPages <= highWaterPages else {
      throw InvariantViolation("buddy: \(usedPages) pages used, high water \(highWaterPages)")
    }
  }
}
