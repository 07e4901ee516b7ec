// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

extension PoolCacheLayer {
  /// pool_cache_transfer(): moves the groups of every processor to the global lists, processor 0 first.
  public func transfer(_ cache: Int) {
    for cpu in 0..<processorCount {
      let cc = processor(cache, cpu)
      let pair = [cc.pointee.current, cc.pointee.previous]
      cc.pointee.current = Self.dummy
      cc.pointee.previous = Self.dummy
      for group in pair where group != Self.dummy {
        let available = groups[Int(group)].available
        let record = caches + cache
        record.pointee.processorObjects &-= available
        record.pointee.globalObjects &+= available
        if available == groupSize {
          push(group, &record.pointee.full, &record.pointee.fullCount)
        } else if available == 0 {
          push(group, &record.pointee.empty, &record.pointee.emptyCount)
        } else {
          push(group, &record.pointee.partial, &record.pointee.partialCount)
        }
      }
    }
  }

  /// pool_cache_invalidate(): gives the objects of the global lists back to the pool, and their groups.
  public func invalidate(_ cache: Int) {
    let record = caches + cache
    let lists = [record.pointee.full, record.pointee.empty, record.pointee.partial]
    record.pointee.full = Self.none
    record.pointee.empty = Self.none
    record.pointee.partial = Self.none
    record.pointee.fullCount = 0
    record.pointee.emptyCount = 0
    record.pointee.partialCount = 0
    record.pointee.globalObjects = 0
    let pool = record.pointee.pool
    for head in lists {
      var group = head
      while group != Self.none {
        let next = groups[Int(group)].next
        for slot in 0..<groups[Int(group)].available {
          let address = KernelAddress(rawValue: objects[Int(group) * groupSize + slot])
          pools.release(pool, pools.cell(of: address, pool: pool))
        }
        groups[Int(group)].available = 0
        destroyGroup(group)
        group = next
      }
    }
  }

  /// Objects of a cache in the groups of processors and in those of the global lists.
  public func cachedObjects(_ cache: Int) -> (perCPU: Int, shared: Int) {
    (caches[cache].processorObjects, caches[cache].globalObjects)
  }

  /// Adds what a cache holds to the statistics row of its pool, whose items in caches count as out.
  public func add(to row: inout ZoneStatistics, cache: Int) {
    let record = caches[cache]
    let cached = record.processorObjects + record.globalObjects
    row.used -= cached
    row.free += cached
    row.cpuFree = record.processorObjects
    row.fullBuckets = record.fullCount
    row.emptyBuckets = record.emptyCount
    row.bucketCount = groupSize
    row.requests = 0
    row.frees = 0
    for cpu in 0..<processorCount {
      row.requests += processor(cache, cpu).pointee.gets
      row.frees += processor(cache, cpu).pointee.puts
    }
  }

  /// Checks the groups of every cache.
  ///
  /// - Throws: the first violation, with its values.
  public func checkInvariants() throws(InvariantViolation) {
    var reached = [Bool](repeating: false, count: state.pointee.groupCount)
    for cache in 0..<state.pointee.count {
      let record = caches[cache]
      var onProcessors = 0
      for cpu in 0..<processorCount {
        let cc = processor(cache, cpu).pointee
        for group in [cc.current, cc.previous] where group != Self.dummy {
          onProcessors += try visit(group, cache, &reached)
        }
        guard cc.current != Self.dummy || cc.previous == Self.dummy else {
          throw InvariantViolation("pool cache \(cache): processor \(cpu) has a previous group and no current one")
        }
      }
      var inLists = 0
      for (name, head, count) in [
        ("full", record.full, record.fullCount), ("empty", record.empty, record.emptyCount),
        ("partial", record.partial, record.partialCount),
      ] {
        var length = 0
        var group = head
        while group != Self.none {
          let available = try visit(group, cache, &reached)
          guard available == (name == "full" ? groupSize : name == "empty" ? 0 : available) else {
            throw InvariantViolation("pool cache \(cache): a group with \(available) objects is on the \(name) list")
          }
          inLists += available
          length += 1
          group = groups[Int(group)].next
        }
        guard length == count else {
          throw InvariantViolation("pool cache \(cache): \(length) groups on the \(name) list, \(count) counted")
        }
      }
      guard onProcessors == record.processorObjects, inLists == record.globalObjects else {
        throw InvariantViolation(
          "pool cache \(cache): \(onProcessors) objects on processors, \(inLists) in lists; counted"
            + " \(record.processorObjects), \(record.globalObjects)")
      }
    }
    let held = reached.count { $0 }
    guard held == pools.pools[groupPool].out else {
      throw InvariantViolation("pool caches: \(held) groups, their pool has \(pools.pools[groupPool].out) out")
    }
  }

  private func visit(_ group: Int32, _ cache: Int, _ reached: inout [Bool]) throws(InvariantViolation) -> Int {
    guard group >= 0, Int(group) < reached.count, !reached[Int(group)] else {
      throw InvariantViolation("pool cache \(cache): group \(group) is in two places")
    }
    reached[Int(group)] = true
    let available = groups[Int(group)].available
    guard available >= 0, available <= groupSize else {
      throw InvariantViolation("pool cache \(cache): group \(group) has \(available) objects")
    }
    for slot in 0..<available {
      let address = KernelAddress(rawValue: objects[Int(group) * groupSize + slot])
      let cell = pools.cell(of: address, pool: caches[cache].pool)
      guard cell >= 0, pools.links[cell] == PoolAllocator.cached else {
        throw InvariantViolation("pool cache \(cache): \(address.rawValue) in group \(group) is no cached item")
      }
    }
    return available
  }
}
