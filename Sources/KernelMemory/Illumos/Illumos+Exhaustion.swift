// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

/// What illumos does and says where a request cannot be served or a free is wrong.
extension Illumos {
  /// A request that got nothing: null, and the end of the run for a caller that sleeps for ever.
  @inline(never)
  func refuse(_ size: Int, _ type: Int, _ wait: WaitPolicy) -> KernelAddress {
    if type >= 0 { types.refuse(type) }
    guard wait == .wait else { return .null }
    switch kmem.state.pointee.refusal {
    case .heapFull:
      failure = .stuck(
        reason: "sleeps in vmem_xalloc on heap: \(mapUsedBytes) of \(mapCapacityBytes) bytes in use"
          + " and none is freed", requestBytes: size)
    case .noPages:
      failure = .stuck(
        reason: "sleeps in page_create_wait: physical pages are short and none is freed",
        requestBytes: size)
    case .none, .noSleep: break
    }
    return .null
  }

  /// kmem_error(): the kernel writes what it found and panics with "kernel heap corruption detected".
  ///
  /// A kernel without kmem_flags notices none of it: the words are those of one with KMF_AUDIT's companions DEADBEEF and
  /// REDZONE. A free of a buffer that is free, or is none, is refused here in both modes, for it would break the model.
  ///
  /// - Returns: whether there was anything.
  @inline(never)
  func reportCorruption() -> Bool {
    let state = kmem.state
    guard state.pointee.error != .none else { return false }
    let buffer = state.pointee.errorBuffer
    let named = state.pointee.errorCache
    let place = String(buffer, radix: 16)
    let owner = ownerName(of: buffer)
    let cacheName = named >= 0 ? kmem.names[named] : owner
    switch state.pointee.error {
    case .none: break
    case .badAddress: log.print("kernel memory allocator: invalid free: buffer not in cache")
    case .duplicateFree: log.print("kernel memory allocator: duplicate free: buffer freed twice")
    case .wrongCache:
      log.print("kernel memory allocator: buffer freed to wrong cache")
      log.print("buffer was allocated from \(owner),")
      log.print("caller attempting free to \(named >= 0 ? cacheName : "kmem_alloc").")
    case .badBase:
      log.print("kernel memory allocator: bad free: free address (\(place)) != alloc address (\(base(of: buffer)))")
    case .modified(let offset, let value):
      log.print("kernel memory allocator: buffer modified after being freed")
      log.print(
        "modification occurred at offset 0x\(String(offset, radix: 16))"
          + " (0x\(String(KmemDiagnostic.free, radix: 16)) replaced by 0x\(String(value, radix: 16)))")
    case .redzone: log.print("kernel memory allocator: redzone violation: write past end of buffer")
    }
    log.print("buffer=\(place)  bufctl=0  cache: \(cacheName)")
    state.pointee.error = .none
    failure = .panic(message: "kernel heap corruption detected", requestBytes: 0)
    return true
  }

  private func page(of address: UInt64) -> Int? {
    let page = Int(truncatingIfNeeded: address &- Self.heapStart.rawValue) >> 12
    guard page >= 0, page < kmem.heap.space.capacityPages, kmem.pages[page].kind == KmemPageKind.slab else {
      return nil
    }
    return page
  }

  private func ownerName(of address: UInt64) -> String {
    page(of: address).map { kmem.names[Int(kmem.pages[$0].cache)] } ?? "?"
  }

  /// The buffer that an address lies in.
  private func base(of address: UInt64) -> String {
    guard let page = page(of: address) else { return "0" }
    let slab = kmem.pages[Int(kmem.pages[page].head)]
    let chunk = UInt64(kmem.caches[Int(slab.cache)].layout.chunkSize)
    let first = Self.heapStart.rawValue + UInt64(slab.base)
    return String(address < first ? first : first + (address - first) / chunk * chunk, radix: 16)
  }
}
