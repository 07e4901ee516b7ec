// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

/// pool_cache(9): groups ("pcg") of free objects before a pool, two for each processor and lists of them behind.
///
/// NetBSD sys/kern/subr_pool.c of 5 and later (pool_cache_get_paddr, pool_cache_put_paddr). Every processor takes from
/// its current group; where that is empty the previous one takes its place; where both are, a full group comes from the
/// global list, else an object from the pool. A free goes the other way; where both groups are full and the global list
/// has no empty one, a new group is taken from the pool of groups, and where there is none the object goes straight to
/// its pool. Nothing bounds the list of full groups but a drain.
///
/// Groups are items of a pool; what is in them lies in columns here.
public final class PoolCacheLayer {
  /// pcg_dummy: a group of size 0, always empty and always full.
  static let dummy: Int32 = -1
  /// The end of a list of groups.
  static let none: Int32 = -1

  /// struct pool_cache_group.
  struct Group {
    var available = 0
    var next = PoolCacheLayer.none
    /// The item of the pool of groups.
    var address: UInt64 = 0
  }

  /// pool_cache_cpu_t.
  struct Processor {
    var current = PoolCacheLayer.dummy
    var previous = PoolCacheLayer.dummy
    var gets: UInt64 = 0
    var puts: UInt64 = 0
  }

  /// struct pool_cache.
  struct Cache {
    var pool: Int
    var full = PoolCacheLayer.none
    var partial = PoolCacheLayer.none
    var empty = PoolCacheLayer.none
    var fullCount = 0
    var partialCount = 0
    var emptyCount = 0
    /// Objects in groups of processors and in those of the global lists.
    var processorObjects = 0
    var globalObjects = 0
    var failures: UInt64 = 0
  }

  /// The layer's own variables.
  struct State {
    var caches: UnsafeMutablePointer<Cache>
    /// Of each cache, then each processor.
    var processors: UnsafeMutablePointer<Processor>
    var count = 0
    var capacity: Int
    var groups: UnsafeMutablePointer<Group>
    var objects: UnsafeMutablePointer<UInt64>
    var groupCount = 0
    var groupCapacity: Int
    /// Records of groups that were given back.
    var freeGroups = PoolCacheLayer.none
    var currentCPU = 0
  }

  /// The pools behind the caches.
  public let pools: PoolAllocator
  /// Objects of a group (pcg_size).
  public let groupSize: Int
  /// Processors.
  public let processorCount: Int
  /// The pool that groups come from.
  let groupPool: Int
  let state: UnsafeMutablePointer<State>

  /// A layer without caches.
  ///
  /// - Parameters:
  ///   - pools: the pools behind.
  ///   - groupPool: index of the pool that groups come from.
  ///   - groupSize: objects of a group: 14 on 32-bit machines, 15 on 64-bit ones, 62 and 63 for large caches.
  ///   - processors: number of processors, at least 1.
  public init(pools: PoolAllocator, groupPool: Int, groupSize: Int, processors: Int) {
    precondition(groupSize > 0 && processors > 0, "PoolCacheLayer: \(groupSize) objects, \(processors) processors")
    self.pools = pools
    self.groupPool = groupPool
    self.groupSize = groupSize
    processorCount = processors
    let capacity = 16
    let groups = 64
    state = .allocate(capacity: 1)
    state.initialize(
      to: State(
        caches: .allocate(capacity: capacity), processors: .allocate(capacity: capacity * processors),
        capacity: capacity, groups: .allocate(capacity: groups), objects: .allocate(capacity: groups * groupSize),
        groupCapacity: groups))
  }

  deinit {
    state.pointee.caches.deallocate()
    state.pointee.processors.deallocate()
    state.pointee.groups.deallocate()
    state.pointee.objects.deallocate()
    state.deallocate()
  }

  /// pool_cache_init: a cache before a pool.
  ///
  /// - Returns: its index.
  public func create(pool: Int) -> Int {
    let index = state.pointee.count
    if index == state.pointee.capacity {
      let caches = UnsafeMutablePointer<Cache>.allocate(capacity: 2 * index)
      caches.moveInitialize(from: state.pointee.caches, count: index)
      state.pointee.caches.deallocate()
      let processors = UnsafeMutablePointer<Processor>.allocate(capacity: 2 * index * processorCount)
      processors.moveInitialize(from: state.pointee.processors, count: index * processorCount)
      state.pointee.processors.deallocate()
      state.pointee.caches = caches
      state.pointee.processors = processors
      state.pointee.capacity *= 2
    }
    (state.pointee.caches + index).initialize(to: Cache(pool: pool))
    (state.pointee.processors + index * processorCount).initialize(repeating: Processor(), count: processorCount)
    state.pointee.count += 1
    pools.pools[pool].cache = index
    return index
  }

  /// The processor on which the following calls run.
  @inline(__always)
  public var currentCPU: Int {
    get { state.pointee.currentCPU }
    set { if UInt(bitPattern: newValue) < UInt(bitPattern: processorCount) { state.pointee.currentCPU = newValue } }
  }

  /// Number of caches.
  public var count: Int { state.pointee.count }
  @inline(__always)
  var caches: UnsafeMutablePointer<Cache> { state.pointee.caches }
  @inline(__always)
  var groups: UnsafeMutablePointer<Group> { state.pointee.groups }
  @inline(__always)
  var objects: UnsafeMutablePointer<UInt64> { state.pointee.objects }
  /// The pair of groups of a processor.
  @inline(__always)
  func processor(_ cache: Int, _ cpu: Int) -> UnsafeMutablePointer<Processor> {
    state.pointee.processors + (cache &* processorCount &+ cpu)
  }

  // MARK: Group records

  /// Takes a group from its pool, without waiting; ``dummy`` where there is none.
  func makeGroup() -> Int32 {
    let address = pools.get(groupPool, .noWait)
    guard address != .null else { return Self.dummy }
    var index = state.pointee.freeGroups
    if index != Self.none {
      state.pointee.freeGroups = groups[Int(index)].next
    } else {
      if state.pointee.groupCount == state.pointee.groupCapacity { growGroups() }
      index = Int32(truncatingIfNeeded: state.pointee.groupCount)
      state.pointee.groupCount &+= 1
    }
    (groups + Int(index)).initialize(to: Group(address: address.rawValue))
    return index
  }

  /// Gives a group back to its pool.
  func destroyGroup(_ index: Int32) {
    pools.put(groupPool, KernelAddress(rawValue: groups[Int(index)].address))
    groups[Int(index)].address = 0
    groups[Int(index)].next = state.pointee.freeGroups
    state.pointee.freeGroups = index
  }

  private func growGroups() {
    let count = state.pointee.groupCount
    let larger = UnsafeMutablePointer<Group>.allocate(capacity: 2 * count)
    larger.moveInitialize(from: groups, count: count)
    groups.deallocate()
    let objects = UnsafeMutablePointer<UInt64>.allocate(capacity: 2 * count * groupSize)
    // What lies behind a group's last object was never written and means nothing.
    objects.update(repeating: 0, count: 2 * count * groupSize)
    for group in 0..<count {
      for slot in 0..<larger[group].available {
        objects[group * groupSize + slot] = self.objects[group * groupSize + slot]
      }
    }
    self.objects.deallocate()
    state.pointee.groups = larger
    state.pointee.objects = objects
    state.pointee.groupCapacity = 2 * count
  }
}
