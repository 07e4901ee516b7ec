// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

/// The page cache of OpenBSD's kernel (uvm_km_getpage, uvm_km_putpage): wired pages of kernel_map, ready for pools.
///
/// OpenBSD sys/uvm/uvm_km.c, machines without a direct map. A LIFO list of pages, primed at boot with four times the low
/// water mark; below that mark a kernel thread ("kmthread") takes 16 pages at a time from the map until the mark is
/// reached again. Pages that pools give back stay here: the list is never handed back to the map. The thread runs here
/// as soon as it is woken (inferred: it has a higher priority than any process).
public final class PageReserve {
  /// Pages that the thread takes at a time.
  public static let batch = 16
  /// Bounds of the low water mark at boot, pages.
  public static let lowWaterRange = 128...2048
  /// The most that the mark stays at after boot, pages.
  public static let lowWaterCap = 512
  /// The first filling, in low water marks.
  public static let primeFactor = 4

  /// The map that pages come from: kernel_map.
  public let map: WiredMap
  /// uvm_km_pages_lowat after boot.
  public let lowWaterPages: Int
  /// Pages below each one on the list, -1 at the end; a column beside the map.
  private let below: UnsafeMutablePointer<Int32>
  private let state: UnsafeMutablePointer<State>

  private struct State {
    var head: Int32 = -1
    var free = 0
    /// What stopped the thread last: a code of ``WiredMap``, 0 where nothing did.
    var stoppedBy = 0
    var batches: UInt64 = 0
  }

  /// uvm_km_pages_lowat when the cache is primed: physmem / 256 within its bounds, pages.
  public static func bootLowWater(physicalPages: Int) -> Int {
    min(max(physicalPages / 256, lowWaterRange.lowerBound), lowWaterRange.upperBound)
  }

  /// Primes the cache.
  ///
  /// - Parameters:
  ///   - map: where pages come from.
  ///   - physicalPages: physmem.
  public init(map: WiredMap, physicalPages: Int) {
    self.map = map
    let bootMark = Self.bootLowWater(physicalPages: physicalPages)
    lowWaterPages = min(bootMark, Self.lowWaterCap)
    below = .allocate(capacity: max(1, map.space.capacityPages))
    state = .allocate(capacity: 1)
    state.initialize(to: State())
    for _ in 0..<Self.primeFactor * bootMark {
      let page = map.allocate(pages: 1, .noWait)
      guard page >= 0 else { break }
      give(page)
    }
  }

  deinit {
    below.deallocate()
    state.deallocate()
  }

  /// uvm_km_pages_free: pages on the list.
  public var freePages: Int { state.pointee.free }
  /// Times that the thread took a batch.
  public var batches: UInt64 { state.pointee.batches }

  /// uvm_km_getpage(): a page of ``map``, or the code of what the thread waits for.
  ///
  /// A caller that may wait for an empty list to fill sleeps ("getpage") until the thread has pages; a code means that
  /// the thread never will.
  func take(_ wait: WaitPolicy) -> Int {
    if state.pointee.head < 0 && wait == .wait { refill() }
    let head = state.pointee.head
    if head >= 0 {
      state.pointee.head = below[Int(head)]
      state.pointee.free &-= 1
    }
    if state.pointee.free < lowWaterPages { refill() }
    guard head < 0 else { return Int(head) }
    return wait == .noWait || state.pointee.stoppedBy == 0 ? WiredMap.noPages : state.pointee.stoppedBy
  }

  /// uvm_km_putpage(): the page goes to the head of the list.
  func give(_ page: Int) {
    below[page] = state.pointee.head
    state.pointee.head = Int32(truncatingIfNeeded: page)
    state.pointee.free &+= 1
  }

  /// uvm_km_thread(): batches of 16 until the mark is reached; a batch that is cut short ends it until the next wakeup.
  private func refill() {
    repeat {
      for _ in 0..<Self.batch {
        let page = map.allocate(pages: 1, .wait)
        guard page >= 0 else {
          state.pointee.stoppedBy = page
          return
        }
        give(page)
      }
      state.pointee.batches &+= 1
      state.pointee.stoppedBy = 0
    } while state.pointee.free < lowWaterPages
  }

  /// Calls `body` for every page on the list, the head first; stops where the list is longer than its count.
  func forEachFreePage(_ body: (Int) -> Void) {
    var page = state.pointee.head
    var left = state.pointee.free
    while page >= 0 && left >= 0 {
      body(Int(page))
      page = below[Int(page)]
      left -= 1
    }
  }
}
