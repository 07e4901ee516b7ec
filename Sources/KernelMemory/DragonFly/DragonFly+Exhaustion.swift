// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

/// What DragonFly does and says where a request cannot be served (reference page "kernel-allocators", chapters 14 and
/// 17).
extension DragonFly {
  /// A malloc(9) that got nothing: null to a caller with M_NULLOK, which M_NOWAIT contains, the end for another one.
  @inline(never)
  func mallocRefused(_ size: Int, _ type: Int, _ wait: WaitPolicy) {
    guard wait == .wait else { return }
    switch slabs.refusal {
    case .none, .noPages: break
    case .typeLimit:
      failure = .panic(message: "\(slabs.typeNames[type]): malloc limit exceeded", requestBytes: size)
    case .mapFull: panicNoSpace(bytes: backendBytes(size))
    case .pagesNeverCome: waitsForPages(bytes: backendBytes(size))
    }
  }

  /// A zalloc() that got nothing; that the growth of a zone without room ends the kernel is inferred, as on FreeBSD 4.
  @inline(never)
  func zoneRefused(_ index: Int, _ wait: WaitPolicy) {
    guard wait == .wait, case .pages(let pages) = zones.zones[index].growth else { return }
    switch zones.refusal {
    case .mapFull: failure = .panic(message: "kernel_map exhausted", requestBytes: pages * kernelPageSize)
    case .pagesNeverCome: waitsForPages(bytes: pages * kernelPageSize)
    case .none, .limit, .fallbackFull, .noPages: break
    }
  }

  func panicNoSpace(bytes: Int) {
    failure = .panic(message: "kmem_slab_alloc(): kernel_map ran out of space!", requestBytes: bytes)
  }

  /// vm_wait() without an end: the wait channel is "vmwait" (recollection).
  private func waitsForPages(bytes: Int) {
    failure = .stuck(reason: WiredMap.vmwait, requestBytes: bytes)
  }

  /// What kmem_slab_alloc() was asked for: a zone, or the pages of the request.
  private func backendBytes(_ size: Int) -> Int {
    let asked = size == 0 ? 1 : size
    if asked > 0 && asked < slabs.zoneLimit && asked % kernelPageSize != 0 { return slabs.zoneSize }
    guard asked > 0, asked <= Int.max - kernelPageSize else { return Int.max / kernelPageSize * kernelPageSize }
    return (asked + kernelPageSize - 1) / kernelPageSize * kernelPageSize
  }

  /// A free(9) of something that is not allocated, in the words of a kernel with INVARIANTS.
  ///
  /// A kernel without them corrupts its lists instead; the model ends in both modes.
  @inline(never)
  func freeRefused(_ address: KernelAddress) {
    let hex = "0x" + String(address.rawValue, radix: 16)
    switch slabs.freeError {
    case .none: break
    case .noZone:
      failure = .panic(message: "assertion: z->z_Magic == ZALLOC_SLAB_MAGIC in free", requestBytes: 0)
    case .illegalChunk(let number):
      failure = .panic(message: "memory chunk \(hex) bit index \(number) is illegal!", requestBytes: 0)
    case .alreadyFree: failure = .panic(message: "memory chunk \(hex) is already free!", requestBytes: 0)
    }
  }

  /// A zfree() of something that is not allocated.
  @inline(never)
  func zoneFreeRefused(_ error: ZoneAllocator.FreeError) {
    failure = .panic(message: error == .alreadyFree ? "item is already free" : "invalid item", requestBytes: 0)
  }

  /// Checked mode: the link of a free chunk, or the mark of a free zone item, was overwritten.
  func reportModified() {
    if let found = slabs.diagnostic?.takeFinding() {
      failure = .panic(
        message: "chunkNEXT 0x\(String(found.chunk.rawValue, radix: 16)) 0x\(String(found.next, radix: 16))"
          + " FFPG \(found.firstFreePage)/\(found.pages)", requestBytes: 0)
    } else if zones.diagnostic?.found == true {
      failure = .panic(message: "item is not free", requestBytes: 0)
    }
  }
}
