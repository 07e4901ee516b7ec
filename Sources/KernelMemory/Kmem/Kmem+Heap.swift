// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

extension Kmem {
  /// Updates that a sleeper waits for before it counts as asleep for ever: a magazine falls out of the working set at
  /// the second update after its last use, and the third one changes nothing more.
  static let fruitlessUpdates = 3

  /// vmem_alloc of the heap with its physical pages.
  ///
  /// A caller that may sleep has the caches reaped and sleeps; vmem_update wakes it every 15 s to try again. Nothing
  /// else runs meanwhile in the model, so that a few fruitless rounds mean for ever. The time is counted in
  /// ``State/sleptNanoseconds``.
  ///
  /// - Returns: the first page, or −1 with ``State/refusal`` set.
  func takePages(_ count: Int, _ wait: WaitPolicy) -> Int {
    var page = heap.allocate(pages: count, .noWait)
    if page < 0 && wait == .wait { page = sleepForPages(count, first: page) }
    guard page >= 0 else {
      if wait == .noWait { state.pointee.refusal = .noSleep }
      return -1
    }
    state.pointee.pageEnd = max(state.pointee.pageEnd, page + count)
    return page
  }

  @inline(never)
  private func sleepForPages(_ count: Int, first: Int) -> Int {
    var code = first
    for round in 0...Self.fruitlessUpdates {
      if round > 0 {
        state.pointee.sleeps &+= 1
        state.pointee.sleptNanoseconds &+= Self.interval
        // This is the update of the mark that the sleep passes: the caller's clock must not run it again.
        state.pointee.now &+= Self.interval
        state.pointee.nextUpdate &+= Self.interval
        state.pointee.nextReap = 0
        update()
      }
      reap()
      code = heap.allocate(pages: count, .wait)
      if code >= 0 { return code }
    }
    state.pointee.refusal = code == WiredMap.noSpace ? .heapFull : .noPages
    return code
  }

  /// vmem_free.
  func givePages(_ page: Int, _ count: Int) { heap.free(page: page, pages: count) }

  /// kmem_alloc() above the largest cache: whole pages of the arena kmem_oversize.
  func takeOversize(_ size: Int, _ wait: WaitPolicy) -> UInt32 {
    guard size > 0, size <= heap.space.capacityPages * kernelPageSize else {
      state.pointee.refusal = wait == .wait ? .heapFull : .noSleep
      return Self.none
    }
    let count = (size + kernelPageSize - 1) / kernelPageSize
    let page = takePages(count, wait)
    guard page >= 0 else { return Self.none }
    pages[page] = KmemPage(
      head: UInt32(truncatingIfNeeded: page), kind: KmemPageKind.oversize, chunks: UInt32(truncatingIfNeeded: count))
    let offset = UInt32(truncatingIfNeeded: page * kernelPageSize)
    requested[Int(offset) >> Self.cellShift] = UInt32(truncatingIfNeeded: size)
    state.pointee.oversizePages &+= count
    state.pointee.oversizeCount &+= 1
    return offset
  }

  /// kmem_free() of an oversize allocation whose first page this is.
  ///
  /// - Returns: its bytes, whole pages.
  func giveOversize(_ page: Int) -> Int {
    let count = Int(pages[page].chunks)
    pages[page].kind = KmemPageKind.none
    requested[page * kernelPageSize >> Self.cellShift] = 0
    state.pointee.oversizePages &-= count
    state.pointee.oversizeCount &-= 1
    givePages(page, count)
    return count * kernelPageSize
  }

  /// Takes pages of the heap into nobody's books.
  func losePages(_ count: Int) -> Bool {
    guard takePages(count, .wait) >= 0 else { return false }
    state.pointee.lostPages &+= count
    return true
  }

  /// Resizes a hash table; the tables share the pages of the arena kmem_hash.
  ///
  /// - Returns: false, and nothing changed, where the heap has no page for the larger table.
  func resizeHash(from old: Int, to new: Int) -> Bool {
    let bytes = state.pointee.hashBytes + (new - old) * wordSize
    let wanted = (bytes + kernelPageSize - 1) / kernelPageSize
    while hashTablePages.count < wanted {
      let page = takePages(1, .noWait)
      guard page >= 0 else { return false }
      hashTablePages.append(page)
    }
    while hashTablePages.count > wanted { givePages(hashTablePages.removeLast(), 1) }
    state.pointee.hashPages = hashTablePages.count
    state.pointee.hashBytes = bytes
    return true
  }
}
