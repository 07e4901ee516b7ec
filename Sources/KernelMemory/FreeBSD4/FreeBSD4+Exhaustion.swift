// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

/// What FreeBSD 4 does and says where a request cannot be served (reference page "kernel-allocators", sections 4.4 and
/// 17).
extension FreeBSD4 {
  private static let nanosecondsPerSecond: UInt64 = 1_000_000_000

  /// A malloc(9) that got nothing: null to a caller that may not sleep, the end for one that may.
  @inline(never)
  func mallocRefused(_ size: Int, _ type: Int, _ wait: WaitPolicy) {
    if buckets.refusal == .tooLarge {
      failure = .panic(message: "malloc: allocation too large", requestBytes: Self.pages(of: size) * kernelPageSize)
      return
    }
    guard wait == .wait else { return }
    switch buckets.refusal {
    case .typeLimit:
      // tsleep(ksp, PSWP + 2, ks_shortdesc, 0): nothing but a free of the same type wakes it.
      let name = buckets.typeNames[type]
      failure = .stuck(
        reason: "sleeps on \"\(name)\": malloc type \"\(name)\" holds \(buckets.types[type].pointee.bytes) bytes,"
          + " limit \(buckets.typeLimit)",
        requestBytes: size)
    case .mapFull: panicTooSmall(pages: Self.pages(of: size))
    default: waitsForPages(bytes: Self.pages(of: size) * kernelPageSize)
    }
  }

  /// A zalloc() that got nothing.
  ///
  /// A reservation that is full gives null to everybody: zalloc() does not wait. kmem_map is asked for a growth with
  /// M_WAITOK whoever calls, so that it panics for everybody.
  @inline(never)
  func zoneRefused(_ index: Int, _ wait: WaitPolicy) {
    guard case .pages(let pages) = zones.zones[index].growth else { return }
    switch zones.refusal {
    case .mapFull where wait == .wait:
      failure = .panic(message: "kernel_map exhausted", requestBytes: pages * kernelPageSize)
    case .fallbackFull: panicTooSmall(pages: pages)
    case .pagesNeverCome: waitsForPages(bytes: pages * kernelPageSize)
    case .none, .mapFull, .limit, .noPages: break
    }
  }

  /// m_get() and m_clget(): null where there is nothing, whether the caller may wait or not.
  ///
  /// A caller that may wait sleeps for mbuf_wait ticks in the kernel and then gets null all the same, unless another
  /// one freed meanwhile.
  func mbufAlloc(_ index: Int, _ wait: WaitPolicy) -> KernelAddress {
    let address = mbufs.allocate(index, wait)
    if address == .null { mbufRefused(wait) }
    return address
  }

  @inline(never)
  private func mbufRefused(_ wait: WaitPolicy) {
    mbufFailures += 1
    switch mbufs.refusal {
    case .mapFull:
      if let last = lastMbufReport, now - last < Self.nanosecondsPerSecond { return }
      lastMbufReport = now
      mbufSpaceWarnings += 1
      log.print("Out of mbuf address space!")
      log.print("Consider increasing NMBCLUSTERS")
    case .pagesNeverCome: waitsForPages(bytes: kernelPageSize)
    case .none, .limit, .fallbackFull, .noPages: break
    }
  }

  /// kmem_malloc() for a waiting caller without room in kmem_map.
  func panicTooSmall(pages: Int) {
    let bytes = pages * kernelPageSize
    failure = .panic(
      message: "kmem_malloc(\(bytes)): kmem_map too small: \(mapUsedBytes) total allocated", requestBytes: bytes)
  }

  /// VM_WAIT without an end: the wait channel is "vmwait" (recollection).
  private func waitsForPages(bytes: Int) {
    failure = .stuck(reason: WiredMap.vmwait, requestBytes: bytes)
  }

  /// Pages that kmem_malloc() is asked for: those of the class up to 8 KiB, of the request above.
  private static func pages(of size: Int) -> Int {
    guard size >= 0, size <= Int.max - kernelPageSize else { return Int.max / kernelPageSize }
    guard size > kernelPageSize else { return 1 }
    return size <= BucketMalloc.largestListed ? 2 : (size + kernelPageSize - 1) / kernelPageSize
  }

  /// A free(9) of something that is not allocated, in the words of a kernel with DIAGNOSTIC.
  @inline(never)
  func freeRefused(_ address: KernelAddress, _ type: Int) {
    let hex = "0x" + String(address.rawValue, radix: 16)
    switch buckets.freeError {
    case .none: break
    case .outOfRange: failure = .panic(message: "free: address \(hex) out of range", requestBytes: 0)
    case .unaligned:
      let size = buckets.itemSize(at: address)
      failure = .panic(
        message: "free: unaligned addr \(hex), size \(size), type \(buckets.typeNames[type]),"
          + " mask \(min(size, kernelPageSize) - 1)", requestBytes: 0)
    case .multipleFree:
      log.print("multiple freed item \(hex)")
      failure = .panic(message: "free: multiple free", requestBytes: 0)
    }
  }

  /// A zfree() of something that is not allocated, in the words of a kernel with INVARIANTS.
  @inline(never)
  func zoneFreeRefused(_ error: ZoneAllocator.FreeError) {
    failure = .panic(message: error == .alreadyFree ? "item is already free" : "invalid item", requestBytes: 0)
  }

  /// Checked mode: a free item was written to, which the kernel prints and goes on.
  func reportModifiedItem() {
    guard let found = buckets.diagnostic?.takeFinding() else { return }
    let previous =
      buckets.typeNames.indices.contains(found.previousType) ? buckets.typeNames[found.previousType] : "free"
    log.print(
      "Data modified on freelist: word \(found.word) of object 0x\(String(found.address.rawValue, radix: 16))"
        + " size \(found.requestedSize) previous type \(previous)"
        + " (0x\(String(found.value, radix: 16)) != 0x\(String(BucketDiagnostic.pattern, radix: 16)))")
  }

  /// Checked mode: the mark of a free zone item is gone.
  func reportModifiedZoneItem() {
    guard zones.diagnostic?.found == true else { return }
    failure = .panic(message: "item is not free", requestBytes: 0)
  }
}
