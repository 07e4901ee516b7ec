// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

extension BucketMalloc {
  /// malloc(9) (FreeBSD 4 sys/kern/kern_malloc.c).
  ///
  /// - Parameters:
  ///   - size: bytes; the accounts take a request of 0 as one of 1.
  ///   - type: index that ``register(_:)`` returned.
  ///   - wait: whether the caller may sleep. A caller that would sleep gets null too: ``refusal`` says so.
  /// - Returns: the address, or null.
  public func malloc(_ size: Int, _ type: Int, _ wait: WaitPolicy) -> KernelAddress {
    precondition(
      UInt(bitPattern: type) < UInt(bitPattern: state.pointee.types.count), "BucketMalloc: malloc type \(type)")
    let record = types + type
    guard record.pointee.bytes < typeLimit else { return refuseAtLimit(record, wait) }
    guard UInt(bitPattern: size) <= UInt(bitPattern: Self.largestListed) else { return mallocPages(size, record, wait) }
    let sizeClass = Self.sizeClass(of: size)
    let bucket = buckets + sizeClass
    record.pointee.sizes |= 1 << UInt64(truncatingIfNeeded: sizeClass)
    if bucket.pointee.head == Self.endOfList {
      let code = refill(bucket, sizeClass, wait)
      guard code >= 0 else { return refuse(code, record, wait) }
    }
    let item = bucket.pointee.head
    let next = links[Int(item)]
    bucket.pointee.head = next
    let address = address(ofItem: item, sizeClass: sizeClass)
    diagnostic?.verify(address, size: 16 << sizeClass, requested: size)
    let asked = max(size, 1)
    requested[Int(item)] = UInt16(truncatingIfNeeded: asked)
    records[Int(item >> 8)].count &-= 1
    bucket.pointee.totalFree &-= 1
    bucket.pointee.calls &+= 1
    state.pointee.liveBytes &+= asked
    state.pointee.liveRoundedBytes &+= 16 << sizeClass
    charge(record, 16 << sizeClass)
    return address
  }

  /// free(9) of an address that ``malloc(_:_:_:)`` returned; ``freeError`` says whether anything was wrong with it.
  ///
  /// The bytes are taken off the type given here, as the kernel does, which keeps no note of the type that an item was
  /// allocated with.
  public func free(_ address: KernelAddress, _ type: Int) {
    precondition(
      UInt(bitPattern: type) < UInt(bitPattern: state.pointee.types.count), "BucketMalloc: malloc type \(type)")
    state.pointee.freeError = .none
    guard map.space.contains(address) else { return state.pointee.freeError = .outOfRange }
    let offset = Int(truncatingIfNeeded: address.rawValue &- map.space.start.rawValue)
    let page = offset >> 12
    let sizeClass = Int(records[page].sizeClass)
    guard sizeClass < Self.classCount else { return state.pointee.freeError = .outOfRange }
    let mask = min(kernelPageSize, 16 << sizeClass) &- 1
    guard offset & mask == 0 else { return state.pointee.freeError = .unaligned }
    let record = types + type
    guard sizeClass <= Self.largestListedClass else { return freePages(page, sizeClass, record) }

    let slot = (offset & (kernelPageSize &- 1)) >> (sizeClass &+ Self.minimumShift)
    let item = page << Self.slotShift | slot
    let asked = Int(requested[item])
    guard asked != 0 else { return state.pointee.freeError = .multipleFree }
    let bucket = buckets + sizeClass
    let size = 16 << sizeClass
    diagnostic?.trash(address, size: size, type: type)
    requested[item] = 0
    let free = Int(records[page].count) &+ 1
    records[page].count = UInt16(truncatingIfNeeded: free)
    // The test is on the total before this item: kb_couldfree counts, and nothing acts on it.
    if free >= bucket.pointee.itemsPerRefill && bucket.pointee.totalFree > bucket.pointee.highWater {
      bucket.pointee.couldFree &+= 1
    }
    bucket.pointee.totalFree &+= 1
    state.pointee.liveBytes &-= asked
    state.pointee.liveRoundedBytes &-= size
    record.pointee.credit(size)
    push(UInt32(truncatingIfNeeded: item), bucket)
  }

  // MARK: Whole pages

  private func mallocPages(
    _ size: Int, _ record: UnsafeMutablePointer<MallocTypeRecord>, _ wait: WaitPolicy
  ) -> KernelAddress {
    let sizeClass = size < 0 ? Self.classCount &- 1 : Self.sizeClass(of: size)
    record.pointee.sizes |= 1 << UInt64(truncatingIfNeeded: sizeClass)
    // A negative size is a very large one to the kernel, whose parameter is unsigned.
    let pages = size < 0 || size > Int.max &- kernelPageSize ? Int.max >> 12 : (size &+ kernelPageSize &- 1) >> 12
    let page = map.allocate(pages: pages, wait)
    guard page >= 0 else { return refuse(page, record, wait) }
    guard pages <= Self.largestPageCount else {
      map.free(page: page, pages: pages)
      state.pointee.refusal = .tooLarge
      return .null
    }
    records[page] = PageRecord(
      sizeClass: UInt8(truncatingIfNeeded: sizeClass), count: UInt16(truncatingIfNeeded: pages))
    state.pointee.recordEnd = max(state.pointee.recordEnd, page &+ pages)
    buckets[sizeClass].total &+= 1
    buckets[sizeClass].calls &+= 1
    state.pointee.largeBytes &+= pages << 12
    charge(record, pages << 12)
    return map.space.address(ofPage: page)
  }

  private func freePages(_ page: Int, _ sizeClass: Int, _ record: UnsafeMutablePointer<MallocTypeRecord>) {
    let pages = Int(records[page].count)
    map.free(page: page, pages: pages)
    records[page] = PageRecord(sizeClass: Self.noClass, count: 0)
    buckets[sizeClass].total &-= 1
    state.pointee.largeBytes &-= pages << 12
    record.pointee.credit(pages << 12)
  }

  // MARK: Lists

  /// Takes pages for a class and puts all items on the empty list, the one with the highest address first.
  private func refill(_ bucket: UnsafeMutablePointer<Bucket>, _ sizeClass: Int, _ wait: WaitPolicy) -> Int {
    let page = map.allocate(pages: sizeClass == Self.largestListedClass ? 2 : 1, wait)
    guard page >= 0 else { return page }
    let items = bucket.pointee.itemsPerRefill
    let first = page << Self.slotShift
    for slot in 0..<items {
      // The lowest item is the last of the list, each other one points to the item below it.
      links[first &+ slot] = slot == 0 ? Self.endOfList : UInt32(truncatingIfNeeded: first &+ slot &- 1)
      requested[first &+ slot] = 0
    }
    records[page] = PageRecord(
      sizeClass: UInt8(truncatingIfNeeded: sizeClass), count: UInt16(truncatingIfNeeded: items))
    state.pointee.recordEnd = max(state.pointee.recordEnd, page &+ 2)
    bucket.pointee.head = UInt32(truncatingIfNeeded: first &+ items &- 1)
    bucket.pointee.tail = UInt32(truncatingIfNeeded: first)
    bucket.pointee.total &+= items
    bucket.pointee.totalFree &+= items
    if let diagnostic {
      for slot in 0..<items {
        let address = address(ofItem: UInt32(truncatingIfNeeded: first &+ slot), sizeClass: sizeClass)
        diagnostic.trash(address, size: 16 << sizeClass, type: BucketDiagnostic.neverAllocated)
      }
    }
    return page
  }

  @inline(__always)
  private func push(_ item: UInt32, _ bucket: UnsafeMutablePointer<Bucket>) {
    let head = bucket.pointee.head
    if head == Self.endOfList {
      links[Int(item)] = Self.endOfList
      bucket.pointee.head = item
      bucket.pointee.tail = item
    } else if order == .lifo {
      links[Int(item)] = head
      bucket.pointee.head = item
    } else {
      links[Int(item)] = Self.endOfList
      links[Int(bucket.pointee.tail)] = item
      bucket.pointee.tail = item
    }
  }

  // MARK: Accounts

  @inline(__always)
  private func charge(_ record: UnsafeMutablePointer<MallocTypeRecord>, _ bytes: Int) {
    record.pointee.charge(bytes)
    record.pointee.calls &+= 1
  }

  @inline(never)
  private func refuseAtLimit(_ record: UnsafeMutablePointer<MallocTypeRecord>, _ wait: WaitPolicy) -> KernelAddress {
    state.pointee.refusal = .typeLimit
    if wait == .noWait {
      state.pointee.noWaitFailures &+= 1
    } else if record.pointee.limitBlocks < 65535 {
      record.pointee.limitBlocks &+= 1
    }
    return .null
  }

  @inline(never)
  private func refuse(
    _ code: Int, _ record: UnsafeMutablePointer<MallocTypeRecord>, _ wait: WaitPolicy
  ) -> KernelAddress {
    switch code {
    case WiredMap.noSpace: state.pointee.refusal = .mapFull
    case WiredMap.noPages: state.pointee.refusal = .noPages
    default: state.pointee.refusal = .pagesNeverCome
    }
    if wait == .noWait { state.pointee.noWaitFailures &+= 1 }
    return .null
  }
}
