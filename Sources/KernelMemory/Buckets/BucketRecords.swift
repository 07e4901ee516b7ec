// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

extension BucketMalloc {
  /// A size class (struct kmembuckets), and the column of its items.
  ///
  /// 64 bytes: one line of a cache, and eight units of a class.
  struct Bucket {
    /// A place for each item that the address space has room for: the item behind it on the free list, or for a live one
    /// the bytes asked for, negative.
    ///
    /// An item's number is its offset from ``State/origin`` in items, so that 0 is never one: it ends the list, and
    /// place 0 holds the head.
    let places: UnsafeMutablePointer<Int32>
    /// Bits of an offset that the start of an item has not: its size − 1, a page − 1 at most; all in a class without a list.
    let mask: UInt64
    /// Bytes of an item.
    let size: Int
    /// kb_total: items of all pages of the class.
    var total = 0
    /// kb_totalfree: items on the list.
    var free: Int32 = 0
    /// kb_highwat: five refills.
    let highWater: Int32
    /// Items of a page, 1 for those of more than one.
    let itemsPerRefill: Int32
    /// The last item of the list, 0 where it is empty; kept in FIFO order alone.
    var tail: Int32 = 0
    /// kb_couldfree.
    var couldFree = 0
    /// log2 of the distance between places, bytes.
    let shift: UInt64

    /// Allocations that are out.
    var used: Int { total - Int(free) }

    /// An empty class over `pages` pages.
    init(sizeClass: Int, pages: Int) {
      let isListed = sizeClass <= largestListedClass
      let itemShift = min(sizeClass + minimumShift, 12)
      let items = max(1, kernelPageSize >> (sizeClass + minimumShift))
      places = .zeroed(isListed ? (pages * kernelPageSize) >> itemShift : 1)
      mask = isListed ? 1 << UInt64(itemShift) - 1 : .max
      size = 16 << sizeClass
      highWater = Int32(5 * items)
      itemsPerRefill = Int32(items)
      shift = isListed ? UInt64(itemShift) : 63
    }
  }

  /// The allocator's own variables: all that the short paths read lies behind it.
  ///
  /// Behind it in the same memory lie the classes and the table that finds the class of a size, so that their addresses need
  /// no load.
  struct State {
    /// Types below this one are served by the short paths; 0 in checked mode and once the kernel has ended.
    var fastTypes = 0
    /// Where offsets are counted from: a page below the map, so that no item has the offset 0.
    let origin: UInt64
    /// The end of the map.
    let endOffset: UInt64
    /// The unit of a page's class, by the page of an offset: ku_indx of struct kmemusage.
    let units: UnsafeMutablePointer<UInt8>
    /// The free items of a page of a listed class (ku_freecnt), or the pages of a large allocation (ku_pagecnt).
    ///
    /// A column of its own: a free reads the class first, and must not wait there for a count that changes all the time.
    let counts: UnsafeMutablePointer<UInt16>
    var types = TypeColumn()
    /// Bytes asked for by all mallocs of the listed classes, and by those that were freed: two counters, because one that both
    /// calls change would make each wait for the other.
    var bytesAskedFor = 0
    var bytesGivenBack = 0
    /// The kernel has ended.
    var hasEnded = false
    var largeBytes = 0
    var refusal = Refusal.none
    var freeError = FreeError.none
    var noWaitFailures: UInt64 = 0
    /// No page from here on ever had an allocation.
    var pageEnd = 1

    private static let bucketsOffset = (MemoryLayout<State>.size + 63) & ~63
    private static let tableOffset = bucketsOffset + (classCount + 1) * MemoryLayout<Bucket>.stride
    private static let tableCount = largestListed >> minimumShift

    /// Variables of an empty allocator over `pages` pages, the one below the map among them.
    static func allocate(origin: UInt64, pages: Int) -> UnsafeMutablePointer<State> {
      let bytes = tableOffset + tableCount * MemoryLayout<UInt16>.stride
      let memory = UnsafeMutableRawPointer.allocate(byteCount: bytes, alignment: 64)
      let units = UnsafeMutablePointer<UInt8>.allocate(capacity: pages)
      units.initialize(repeating: noClass, count: pages)
      let state = memory.bindMemory(to: State.self, capacity: 1)
      let end = UInt64(pages * kernelPageSize)
      state.initialize(to: State(origin: origin, endOffset: end, units: units, counts: .zeroed(pages)))
      let buckets = (memory + bucketsOffset).bindMemory(to: Bucket.self, capacity: classCount + 1)
      for index in 0...classCount { (buckets + index).initialize(to: Bucket(sizeClass: index, pages: pages)) }
      let table = (memory + tableOffset).bindMemory(to: UInt16.self, capacity: tableCount)
      for index in 0..<tableCount {
        let sizeClass = BucketMalloc.sizeClass(of: (index + 1) << minimumShift)
        (table + index).initialize(to: UInt16(BucketMalloc.unit(of: sizeClass)))
      }
      return state
    }

    /// Gives back what ``allocate(origin:pages:)`` made.
    static func deallocate(_ state: UnsafeMutablePointer<State>) {
      for index in 0...classCount { bucket(state, BucketMalloc.unit(of: index)).pointee.places.deallocate() }
      state.pointee.types.deallocate()
      state.pointee.units.deallocate()
      state.pointee.counts.deallocate()
      UnsafeMutableRawPointer(state).deallocate()
    }

    /// The class of a unit.
    @inline(__always)
    static func bucket(_ state: UnsafeMutablePointer<State>, _ unit: Int) -> UnsafeMutablePointer<Bucket> {
      (UnsafeMutableRawPointer(state) + (bucketsOffset &+ unit &* 8)).assumingMemoryBound(to: Bucket.self)
    }

    /// The unit of the class of a request of `below` + 1 bytes, at most ``BucketMalloc/largestListed``.
    @inline(__always)
    static func unit(_ state: UnsafeMutablePointer<State>, below: UInt) -> Int {
      let table = (UnsafeMutableRawPointer(state) + tableOffset).assumingMemoryBound(to: UInt16.self)
      return Int(table[Int(bitPattern: below &>> 4)])
    }
  }
}
