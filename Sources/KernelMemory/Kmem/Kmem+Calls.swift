// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

extension Kmem {
  /// kmem_cache_alloc() and the cached part of kmem_alloc(), with the accounts of the model.
  @inline(__always)
  func allocate(_ cache: Int, requested size: Int, _ wait: WaitPolicy) -> KernelAddress {
    let buffer = take(cache, wait)
    guard buffer != Self.none else { return .null }
    requested[Int(buffer) >> Self.cellShift] = UInt32(truncatingIfNeeded: size)
    let record = caches + cache
    record.pointee.live &+= 1
    record.pointee.requestedBytes &+= size
    if let diagnostic { verifyAllocation(diagnostic, buffer, cache, size) }
    return address(buffer)
  }

  /// kmem_cache_free(), and kmem_free() of a cached size.
  ///
  /// - Parameters:
  ///   - address: the buffer.
  ///   - expected: the cache that the caller names; −1 for kmem_free(), which goes by the size.
  /// - Returns: the buffer's cache; −1 for an oversize allocation of kmem_alloc(), whose page is then the caller's
  ///   business; −2 after an error, which ``State/error`` tells.
  @inline(__always)
  func free(_ address: KernelAddress, expected: Int) -> Int {
    let offset = address.rawValue &- startAddress
    let page = Int(truncatingIfNeeded: offset) >> 12
    guard UInt(bitPattern: page) < UInt(bitPattern: heap.space.capacityPages), offset & 7 == 0,
      pages[page].kind == KmemPageKind.slab
    else { return freeOther(address, page, expected) }
    let cache = Int(pages[page].cache)
    let record = caches + cache
    let cell = Int(truncatingIfNeeded: offset) >> Self.cellShift
    let size = requested[cell]
    guard size != 0, expected < 0 ? record.pointee.flags.contains(.malloc) : cache == expected else {
      return refuse(address, cache, expected)
    }
    if let diagnostic, !verifyFree(diagnostic, address, cache, Int(size)) { return -2 }
    requested[cell] = 0
    record.pointee.live &-= 1
    record.pointee.requestedBytes &-= Int(size)
    give(cache, UInt32(truncatingIfNeeded: offset))
    return cache
  }

  @inline(never)
  private func freeOther(_ address: KernelAddress, _ page: Int, _ expected: Int) -> Int {
    let offset = address.rawValue &- startAddress
    if expected < 0, page >= 0, page < heap.space.capacityPages, pages[page].kind == KmemPageKind.oversize,
      offset & UInt64(kernelPageSize - 1) == 0
    {
      return -1
    }
    let isSlab = page >= 0 && page < heap.space.capacityPages && pages[page].kind == KmemPageKind.slab
    return fail(isSlab ? .badBase : .badAddress, address, expected)
  }

  @inline(never)
  private func refuse(_ address: KernelAddress, _ cache: Int, _ expected: Int) -> Int {
    let named = expected < 0 ? caches[cache].flags.contains(.malloc) : cache == expected
    guard named else { return fail(.wrongCache, address, expected) }
    // The start of a free buffer, or no start at all.
    let offset = UInt32(truncatingIfNeeded: address.rawValue &- startAddress)
    let base = pages[Int(pages[Int(offset) >> 12].head)].base
    let chunk = UInt32(truncatingIfNeeded: caches[cache].layout.chunkSize)
    return fail(offset >= base && (offset - base) % chunk == 0 ? .duplicateFree : .badBase, address, cache)
  }

  private func fail(_ error: KmemError, _ address: KernelAddress, _ cache: Int) -> Int {
    if state.pointee.error == .none {
      state.pointee.error = error
      state.pointee.errorBuffer = address.rawValue
      state.pointee.errorCache = cache
    }
    return -2
  }

  /// A finding of checked mode.
  func report(_ error: KmemError, _ buffer: UInt32, _ cache: Int) { _ = fail(error, address(buffer), cache) }

  @inline(never)
  private func verifyAllocation(_ diagnostic: KmemDiagnostic, _ buffer: UInt32, _ cache: Int, _ size: Int) {
    let count = caches[cache].layout.chunkSize
    let asked = caches[cache].flags.contains(.malloc) ? size : count
    if let found = diagnostic.allocate(address(buffer), count: count, asked: asked) { report(found, buffer, cache) }
  }

  @inline(never)
  private func verifyFree(_ diagnostic: KmemDiagnostic, _ address: KernelAddress, _ cache: Int, _ size: Int) -> Bool {
    let count = caches[cache].layout.chunkSize
    let asked = caches[cache].flags.contains(.malloc) ? size : count
    if let found = diagnostic.free(address, count: count, asked: asked) {
      _ = fail(found, address, cache)
      return false
    }
    diagnostic.fill(address, count: count)
    return true
  }
}
