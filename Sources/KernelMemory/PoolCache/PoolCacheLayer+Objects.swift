// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

extension PoolCacheLayer {
  /// pool_cache_get_paddr(): takes one object.
  ///
  /// - Returns: the address, or null: ``PoolAllocator/refusal`` tells why.
  @inline(__always)
  public func get(_ cache: Int, _ wait: WaitPolicy) -> KernelAddress {
    precondition(UInt(bitPattern: cache) < UInt(bitPattern: state.pointee.count), "PoolCacheLayer: cache \(cache)")
    let cc = processor(cache, state.pointee.currentCPU)
    let group = Int(cc.pointee.current)
    guard group >= 0, groups[group].available > 0 else { return getSlowly(cache, cc, wait) }
    return take(cache, group, cc)
  }

  @inline(__always)
  private func take(_ cache: Int, _ group: Int, _ cc: UnsafeMutablePointer<Processor>) -> KernelAddress {
    let left = groups[group].available &- 1
    groups[group].available = left
    let address = KernelAddress(rawValue: objects[group &* groupSize &+ left])
    caches[cache].processorObjects &-= 1
    cc.pointee.gets &+= 1
    // An object of a group is an item of its pool, on a page that stays for as long.
    pools.links[pools.cell(of: address, pool: caches[cache].pool)] = PoolAllocator.inUse
    return address
  }

  @inline(never)
  private func getSlowly(_ cache: Int, _ cc: UnsafeMutablePointer<Processor>, _ wait: WaitPolicy) -> KernelAddress {
    let previous = Int(cc.pointee.previous)
    if previous >= 0 && groups[previous].available > 0 {
      cc.pointee.previous = cc.pointee.current
      cc.pointee.current = Int32(truncatingIfNeeded: previous)
      return take(cache, previous, cc)
    }
    // pool_cache_get_slow(): a full group for the empty one.
    let record = caches + cache
    let full = record.pointee.full
    if full != Self.none {
      if cc.pointee.current != Self.dummy {
        push(cc.pointee.current, &record.pointee.empty, &record.pointee.emptyCount)
      }
      record.pointee.full = groups[Int(full)].next
      record.pointee.fullCount &-= 1
      record.pointee.globalObjects &-= groupSize
      record.pointee.processorObjects &+= groupSize
      cc.pointee.current = full
      return take(cache, Int(full), cc)
    }
    // The pool may sleep, and a drain may empty the groups meanwhile: nothing read before holds any more.
    let address = pools.get(record.pointee.pool, wait)
    if address == .null {
      caches[cache].failures &+= 1
    } else {
      cc.pointee.gets &+= 1
    }
    return address
  }

  /// pool_cache_put_paddr(): gives one object back.
  @inline(__always)
  @discardableResult
  public func put(_ cache: Int, _ address: KernelAddress) -> PoolAllocator.FreeError {
    precondition(UInt(bitPattern: cache) < UInt(bitPattern: state.pointee.count), "PoolCacheLayer: cache \(cache)")
    let pool = caches[cache].pool
    let cell = pools.cell(of: address, pool: pool)
    guard cell >= 0 else { return pools.pools[pool].out > 0 ? .notAnItem : .noneOut }
    guard pools.links[cell] == PoolAllocator.inUse else { return .alreadyFree }
    let cc = processor(cache, state.pointee.currentCPU)
    cc.pointee.puts &+= 1
    let group = Int(cc.pointee.current)
    guard group >= 0, groups[group].available < groupSize else {
      putSlowly(cache, cc, address, cell)
      return .none
    }
    add(cache, group, address, cell)
    return .none
  }

  @inline(__always)
  private func add(_ cache: Int, _ group: Int, _ address: KernelAddress, _ cell: Int) {
    let count = groups[group].available
    objects[group &* groupSize &+ count] = address.rawValue
    groups[group].available = count &+ 1
    caches[cache].processorObjects &+= 1
    pools.links[cell] = PoolAllocator.cached
  }

  @inline(never)
  private func putSlowly(
    _ cache: Int, _ cc: UnsafeMutablePointer<Processor>, _ address: KernelAddress, _ cell: Int
  ) {
    let previous = Int(cc.pointee.previous)
    if previous >= 0 && groups[previous].available < groupSize {
      cc.pointee.previous = cc.pointee.current
      cc.pointee.current = Int32(truncatingIfNeeded: previous)
      return add(cache, previous, address, cell)
    }
    // pool_cache_put_slow(): an empty group of the global list, else a new one.
    let record = caches + cache
    var group = record.pointee.empty
    if group != Self.none {
      record.pointee.empty = groups[Int(group)].next
      record.pointee.emptyCount &-= 1
    } else {
      group = makeGroup()
      guard group != Self.dummy else { return pools.release(record.pointee.pool, cell) }
    }
    if cc.pointee.previous == Self.dummy {
      // The processor's second group: it becomes the current one by the swap that follows.
      cc.pointee.previous = cc.pointee.current
    } else {
      push(cc.pointee.current, &record.pointee.full, &record.pointee.fullCount)
      record.pointee.processorObjects &-= groupSize
      record.pointee.globalObjects &+= groupSize
    }
    cc.pointee.current = group
    add(cache, Int(group), address, cell)
  }

  /// Puts a group at the head of a list.
  @inline(__always)
  func push(_ group: Int32, _ head: inout Int32, _ count: inout Int) {
    groups[Int(group)].next = head
    head = group
    count &+= 1
  }
}
