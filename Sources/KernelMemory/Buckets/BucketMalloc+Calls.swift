// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

/// The long path: both calls in full.
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
    let record = types[type]
    guard record.pointee.bytes < typeLimit else { return refuseAtLimit(record, wait) }
    guard UInt(bitPattern: size) <= UInt(bitPattern: Self.largestListed) else { return mallocPages(size, record, wait) }
    let sizeClass = Self.sizeClass(of: size)
    let bucket = bucket(sizeClass)
    let places = bucket.pointee.places
    if places[0] == 0 {
      let code = refill(bucket, sizeClass, wait)
      guard code >= 0 else { return refuse(code, sizeClass, record, wait) }
    }
    let item = Int(places[0])
    let next = places[item]
    places[0] = next
    if next == 0 { bucket.pointee.tail = 0 }
    let offset = item << Int(bucket.pointee.shift)
    let address = KernelAddress(rawValue: state.pointee.origin &+ UInt64(offset))
    let asked = max(size, 1)
    diagnostic?.verify(address, size: bucket.pointee.size, requested: size)
    places[item] = -Int32(asked)
    state.pointee.counts[offset >> 12] &-= 1
    bucket.pointee.free &-= 1
    state.pointee.bytesAskedFor &+= asked
    charge(record, bucket.pointee.size, sizeClass)
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
    let offset = Int(truncatingIfNeeded: address.rawValue &- state.pointee.origin)
    let page = offset >> 12
    let sizeClass = sizeClass(ofPage: page)
    guard sizeClass < Self.classCount else { return state.pointee.freeError = .outOfRange }
    let mask = min(kernelPageSize, 16 << sizeClass) &- 1
    guard offset & mask == 0 else { return state.pointee.freeError = .unaligned }
    let record = types[type]
    guard sizeClass <= Self.largestListedClass else { return freePages(page, sizeClass, record) }

    let bucket = bucket(sizeClass)
    let item = offset >> Int(bucket.pointee.shift)
    let asked = bucket.pointee.places[item]
    guard asked < 0 else { return state.pointee.freeError = .multipleFree }
    diagnostic?.trash(address, size: bucket.pointee.size, type: type)
    Self.countFree(bucket, state.pointee.counts + page)
    state.pointee.bytesGivenBack &-= Int(asked)
    record.pointee.credit(bucket.pointee.size)
    Self.push(item, bucket, bucket.pointee.places, order)
  }

  // MARK: Whole pages

  private func mallocPages(
    _ size: Int, _ record: UnsafeMutablePointer<TypeRecord>, _ wait: WaitPolicy
  ) -> KernelAddress {
    let sizeClass = size < 0 ? Self.classCount &- 1 : Self.sizeClass(of: size)
    // A negative size is a very large one to the kernel, whose parameter is unsigned.
    let count = size < 0 || size > Int.max &- kernelPageSize ? Int.max >> 12 : (size &+ kernelPageSize &- 1) >> 12
    let page = map.allocate(pages: count, wait)
    guard page >= 0 else { return refuse(page, sizeClass, record, wait) }
    guard count <= Self.largestPageCount else {
      map.free(page: page, pages: count)
      noteRefused(record, sizeClass)
      state.pointee.refusal = .tooLarge
      return .null
    }
    setPage(page, sizeClass, count: count, pages: count)
    bucket(sizeClass).pointee.total &+= 1
    state.pointee.largeBytes &+= count << 12
    charge(record, count << 12, sizeClass)
    return map.space.address(ofPage: page)
  }

  private func freePages(_ index: Int, _ sizeClass: Int, _ record: UnsafeMutablePointer<TypeRecord>) {
    let count = Int(state.pointee.counts[index])
    map.free(page: index &- 1, pages: count)
    state.pointee.units[index] = Self.noClass
    bucket(sizeClass).pointee.total &-= 1
    state.pointee.largeBytes &-= count << 12
    record.pointee.credit(count << 12)
  }

  /// Writes the record of a page of the map, the first of `pages`.
  private func setPage(_ page: Int, _ sizeClass: Int, count: Int, pages range: Int) {
    state.pointee.units[page &+ 1] = UInt8(truncatingIfNeeded: Self.unit(of: sizeClass))
    state.pointee.counts[page &+ 1] = UInt16(truncatingIfNeeded: count)
    state.pointee.pageEnd = max(state.pointee.pageEnd, page &+ 1 &+ range)
  }

  // MARK: Lists

  /// Takes pages for a class and puts all items on the empty list, the one with the highest address first.
  private func refill(_ bucket: UnsafeMutablePointer<Bucket>, _ sizeClass: Int, _ wait: WaitPolicy) -> Int {
    let range = sizeClass == Self.largestListedClass ? 2 : 1
    let page = map.allocate(pages: range, wait)
    guard page >= 0 else { return page }
    let items = Int(bucket.pointee.itemsPerRefill)
    let places = bucket.pointee.places
    let first = ((page &+ 1) << 12) >> Int(bucket.pointee.shift)
    for slot in 0..<items {
      // The lowest item is the last of the list, each other one points to the item below it.
      places[first &+ slot] = slot == 0 ? 0 : Int32(truncatingIfNeeded: first &+ slot &- 1)
    }
    setPage(page, sizeClass, count: items, pages: range)
    places[0] = Int32(truncatingIfNeeded: first &+ items &- 1)
    bucket.pointee.tail = Int32(truncatingIfNeeded: first)
    bucket.pointee.total &+= items
    bucket.pointee.free &+= Int32(truncatingIfNeeded: items)
    if let diagnostic {
      let address = map.space.address(ofPage: page)
      let size = bucket.pointee.size
      for slot in 0..<items {
        let item = KernelAddress(rawValue: address.rawValue &+ UInt64(slot &* size))
        diagnostic.trash(item, size: size, type: BucketDiagnostic.neverAllocated)
      }
    }
    return page
  }

  // MARK: Accounts

  private func charge(_ record: UnsafeMutablePointer<TypeRecord>, _ bytes: Int, _ sizeClass: Int) {
    record.pointee.charge(bytes, limit: typeLimit)
    TypeColumn.requests(record, Self.unit(of: sizeClass)).pointee &+= 1
  }

  /// ks_size of a request that gets nothing; that of the others is told by their counter.
  private func noteRefused(_ record: UnsafeMutablePointer<TypeRecord>, _ sizeClass: Int) {
    record.pointee.refusedSizes |= 1 << UInt64(truncatingIfNeeded: sizeClass)
  }

  // MARK: Refusals

  @inline(never)
  private func refuseAtLimit(_ record: UnsafeMutablePointer<TypeRecord>, _ wait: WaitPolicy) -> KernelAddress {
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
    _ code: Int, _ sizeClass: Int, _ record: UnsafeMutablePointer<TypeRecord>, _ wait: WaitPolicy
  ) -> KernelAddress {
    noteRefused(record, sizeClass)
    switch code {
    case WiredMap.noSpace: state.pointee.refusal = .mapFull
    case WiredMap.noPages: state.pointee.refusal = .noPages
    default: state.pointee.refusal = .pagesNeverCome
    }
    if wait == .noWait { state.pointee.noWaitFailures &+= 1 }
    return .null
  }
}
