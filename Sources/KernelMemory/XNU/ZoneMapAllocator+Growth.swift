// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

/// Chunks come from zone_map and go back to it.
extension ZoneMapAllocator {
  /// Adds a chunk to a zone, for a caller that may block.
  ///
  /// Where zone_map has no room the second try asks for the pages of one element alone, and the third one comes after a
  /// zone_gc().
  ///
  /// - Returns: false where it could not be done: ``refusal`` tells why.
  @inline(never)
  func grow(_ index: Int) -> Bool {
    let zone = zones + index
    if zone.pointee.currentBytes &+ zone.pointee.size > zone.pointee.maximumBytes {
      zone.pointee.maximumBytes &+= zone.pointee.maximumBytes / 2
    }
    let least = (zone.pointee.size &+ kernelPageSize &- 1) / kernelPageSize
    for attempt in 0..<3 {
      if attempt > 0 { state.pointee.retries &+= 1 }
      if attempt == 2 { collect() }
      let pages = attempt == 0 ? Int(zone.pointee.chunkPages) : least
      let page = map.allocate(pages: pages, .wait)
      if page >= 0 {
        cram(page, pages, index)
        return true
      }
      guard page == WiredMap.noSpace else {
        state.pointee.refusal = .pagesNeverCome
        return false
      }
    }
    state.pointee.refusal = .mapFull
    return false
  }

  /// zcram: makes pages into a chunk without live elements.
  private func cram(_ page: Int, _ pages: Int, _ index: Int) {
    let zone = zones + index
    let size = zone.pointee.size
    let elements = pages &* kernelPageSize / size
    for offset in 0..<pages {
      state.pointee.pages[page &+ offset] = UInt16(truncatingIfNeeded: (index &+ 1) << 8 | offset)
    }
    var chunk = Chunk()
    chunk.zone = UInt8(truncatingIfNeeded: index)
    chunk.pages = UInt8(truncatingIfNeeded: pages)
    chunk.free = UInt16(truncatingIfNeeded: elements)
    chunk.elements = chunk.free
    chunk.head = ItemWords.free | UInt16(truncatingIfNeeded: elements &- 1)
    chunks[page] = chunk
    let words = words(zone, page: page)
    // No element begins in the rest, and a free of its address finds a word of a free one.
    if elements &* size < pages &* kernelPageSize { words[elements] = ItemWords.end }
    for number in 0..<elements {
      words[number] = number == 0 ? ItemWords.end : ItemWords.free | UInt16(truncatingIfNeeded: number &- 1)
      diagnostic?.poison(
        address(ofElement: number, page: page, size: size), size: size,
        next: number == 0 ? .null : address(ofElement: number &- 1, page: page, size: size))
    }
    Self.append(chunks, page, &zone.pointee.allFree)
    zone.pointee.allFreePages &+= pages
    zone.pointee.elements &+= elements
    zone.pointee.pages &+= pages
    state.pointee.elementBytes &+= elements &* size
    state.pointee.usedPages &+= pages
    state.pointee.recordEnd = max(state.pointee.recordEnd, page &+ pages)
  }

  /// zone_gc: gives every chunk without live elements back to zone_map.
  @inline(never)
  public func collect() {
    state.pointee.collections &+= 1
    for index in 0..<state.pointee.zoneCount where zones[index].isCollectable {
      let zone = zones + index
      while zone.pointee.allFree.head != Self.none {
        let page = Int(zone.pointee.allFree.head)
        let pages = Int(chunks[page].pages)
        let elements = Int(chunks[page].elements)
        Self.unlink(chunks, page, &zone.pointee.allFree)
        // Words of elements, too.
        (chunks + page).update(repeating: Chunk(), count: pages)
        (state.pointee.pages + page).update(repeating: 0, count: pages)
        zone.pointee.elements &-= elements
        zone.pointee.pages &-= pages
        zone.pointee.pagesReturned &+= UInt64(truncatingIfNeeded: pages)
        state.pointee.elementBytes &-= elements &* zone.pointee.size
        state.pointee.usedPages &-= pages
        map.free(page: page, pages: pages)
      }
      zone.pointee.allFreePages = 0
    }
  }

  /// A caller that may not block gets nothing; zalloc_async() will grow the zone.
  @inline(never)
  func leaveToThreadCall(_ zone: UnsafeMutablePointer<Zone>) -> KernelAddress {
    state.pointee.refusal = .wouldBlock
    zone.pointee.failures &+= 1
    if !zone.pointee.isGrowthPending {
      zone.pointee.isGrowthPending = true
      state.pointee.pendingGrowths &+= 1
      limitShortPaths()
    }
    return .null
  }

  /// zalloc_async: takes an element of every zone that a caller left empty, blocking, and gives it back.
  ///
  /// - Returns: the zone whose growth failed, with ``refusal``; nil where all went well.
  @inline(never)
  func runThreadCalls() -> Int? {
    state.pointee.pendingGrowths = 0
    limitShortPaths()
    for index in 0..<state.pointee.zoneCount where zones[index].isGrowthPending {
      zones[index].isGrowthPending = false
      let element = allocate(index, .wait, asked: 1)
      guard element != .null else { return index }
      free(index, element)
    }
    return nil
  }

  /// zone_find_largest: the zone with the most bytes in elements, the first of equals.
  func largestZone() -> Int {
    var largest = 0
    for index in 1..<max(state.pointee.zoneCount, 1)
    where zones[index].currentBytes > zones[largest].currentBytes { largest = index }
    return largest
  }
}
