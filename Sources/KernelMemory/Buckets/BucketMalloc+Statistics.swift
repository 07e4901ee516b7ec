// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

/// What a kernel counts for one size class (struct kmembuckets).
public struct BucketStatistics: Equatable, Sendable {
  /// Size of an item, bytes; 512 KiB stands for everything above 256 KiB.
  public var size: Int
  /// Items in use.
  public var used: Int
  /// Items on the free list, 0 for sizes above 8 KiB.
  public var free: Int
  /// Allocations so far.
  public var requests: UInt64
  /// kb_highwat: five refills.
  public var highWater: Int
  /// Times that a free made a page wholly free while the list was above its high water mark; nothing acts on it.
  public var couldFree: Int
}

extension BucketMalloc {
  /// Why the last ``malloc(_:_:_:)`` returned null.
  public var refusal: Refusal { state.pointee.refusal }
  /// Why the last ``free(_:_:)`` did nothing.
  public var freeError: FreeError { state.pointee.freeError }
  /// Requests that were not allowed to sleep and got nothing.
  public var noWaitFailures: UInt64 { state.pointee.noWaitFailures }
  /// Bytes that callers asked for and hold, classes up to 8 KiB.
  public var liveBytes: Int { state.pointee.bytesAskedFor &- state.pointee.bytesGivenBack }
  /// The same at the rounded sizes.
  public var liveRoundedBytes: Int {
    (0...Self.largestListedClass).reduce(0) { $0 + bucket($1).pointee.used << ($1 + Self.minimumShift) }
  }
  /// Bytes of live allocations above 8 KiB.
  public var largeBytes: Int { state.pointee.largeBytes }
  /// struct malloc_type of every type, in the order of registration.
  @inline(__always)
  var types: TypeColumn { state.pointee.types }

  /// The class of a page, by the page of an offset; ``classCount`` for none.
  @inline(__always)
  func sizeClass(ofPage page: Int) -> Int { Int(state.pointee.units[page]) / Self.unit(of: 1) }

  /// Statistics by size class, the smallest first, all sixteen.
  public func bucketStatistics() -> [BucketStatistics] {
    (0..<Self.classCount).map { index in
      let bucket = bucket(index).pointee
      return BucketStatistics(
        size: 16 << index, used: bucket.used, free: Int(bucket.free), requests: UInt64(requests(sizeClass: index)),
        highWater: Int(bucket.highWater), couldFree: Int(bucket.couldFree))
    }
  }

  /// Adds the bytes of live requests, their rounding, free items and large allocations to a ledger.
  func add(to ledger: inout Ledger) {
    ledger.live += liveBytes
    ledger.rounding += liveRoundedBytes - liveBytes
    ledger.slabFree += freeBytes
    ledger.large += largeBytes
  }

  /// Bytes of the items on the free lists.
  public var freeBytes: Int {
    (0...Self.largestListedClass).reduce(0) { $0 + Int(bucket($1).pointee.free) << ($1 + Self.minimumShift) }
  }

  /// Size that the kernel derives from the page record of an address inside the map, bytes: the class, 512 KiB for all
  /// above 256 KiB.
  public func itemSize(at address: KernelAddress) -> Int {
    guard map.space.contains(address) else { return 0 }
    let index = sizeClass(ofPage: map.space.page(of: address) + 1)
    return index < Self.classCount ? 16 << index : 0
  }

  /// Statistics by type, in the order of registration.
  ///
  /// The kernel's counters are signed: a free of more bytes than a type holds, possible where an item is freed under
  /// another type than it was allocated with, makes them negative. Here such a row shows 0.
  public func typeStatistics() -> [MallocTypeStatistics] {
    typeNames.indices.map { index in
      let type = types[index].pointee
      let requests = requests(type: index)
      return MallocTypeStatistics(
        name: typeNames[index], inUse: UInt64(max(0, type.inUse)), bytes: UInt64(max(0, type.bytes)),
        requests: UInt64(requests), frees: UInt64(requests - type.inUse), highUse: UInt64(type.highUse),
        limit: UInt64(typeLimit), limitBlocks: type.limitBlocks, mapBlocks: 0, sizes: sizes(type: index))
    }
  }
}
