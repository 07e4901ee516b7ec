// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

extension ZoneMapAllocator {
  /// zalloc_canblock: takes one element.
  ///
  /// - Parameters:
  ///   - index: the zone.
  ///   - wait: `.noWait` stands for zalloc_noblock(), which leaves the growth of an empty zone to a thread call.
  ///   - asked: bytes that the caller wants of the element, for the ledger.
  /// - Returns: the address, or null: ``refusal`` tells why.
  public func allocate(_ index: Int, _ wait: WaitPolicy, asked: Int) -> KernelAddress {
    precondition(UInt(bitPattern: index) < UInt(bitPattern: state.pointee.zoneCount), "ZoneMapAllocator: zone \(index)")
    let zone = zones + index
    // try_alloc_from_zone: chunks with live elements first, then those without.
    var page = Int(zone.pointee.intermediate.head)
    if page < 0 {
      page = Int(zone.pointee.allFree.head)
      if page < 0 {
        guard wait == .wait else { return leaveToThreadCall(zone) }
        guard grow(index) else {
          zone.pointee.failures &+= 1
          return .null
        }
        page = Int(zone.pointee.allFree.head)
      }
      zone.pointee.allFreePages &-= Int(chunks[page].pages)
    }
    let chunk = chunks + page
    let words = words(zone, page: page)
    let number = Int(chunk.pointee.head & ~ItemWords.free)
    let wasAllFree = chunk.pointee.free == chunk.pointee.elements
    chunk.pointee.head = words[number]
    chunk.pointee.free &-= 1
    if wasAllFree { Self.unlink(chunks, page, &zone.pointee.allFree) }
    if chunk.pointee.free == 0 {
      if !wasAllFree { Self.unlink(chunks, page, &zone.pointee.intermediate) }
    } else if wasAllFree {
      Self.append(chunks, page, &zone.pointee.intermediate)
    }
    let size = zone.pointee.size
    let wanted = max(asked, 1)
    words[number] = UInt16(truncatingIfNeeded: wanted)
    zone.pointee.requests &+= 1
    state.pointee.bytesAskedFor &+= wanted
    let address = address(ofElement: number, page: page, size: size)
    if let diagnostic {
      diagnostic.take(
        address, size: size, zone: index, next: self.address(ofWord: chunk.pointee.head, page: page, size: size))
    }
    return address
  }

  /// zfree: gives one element back, to the head of its chunk's list; ``freeError`` says whether anything was wrong.
  ///
  /// - Parameters:
  ///   - index: the zone; −1 takes the zone of the element, as kfree_addr() does.
  ///   - address: the element.
  public func free(_ index: Int, _ address: KernelAddress) {
    state.pointee.freeError = .none
    guard map.space.contains(address) else { return state.pointee.freeError = .notAllocated }
    let offset = Int(truncatingIfNeeded: address.rawValue &- map.space.start.rawValue)
    let page = offset >> 12 &- self.offset(ofPage: offset >> 12)
    let chunk = chunks + page
    guard chunk.pointee.elements != 0 else { return state.pointee.freeError = .notAllocated }
    let owner = Int(chunk.pointee.zone)
    state.pointee.ownerOfFreed = owner
    guard index < 0 || owner == index else { return state.pointee.freeError = .otherZone }
    let zone = zones + owner
    let number = Self.number(zone, offset &- page << 12)
    let size = zone.pointee.size
    guard number < Int(chunk.pointee.elements), number &* size == offset &- page << 12 else {
      return state.pointee.freeError = .notAnElement
    }
    guard words(zone, page: page)[number] < ItemWords.free else { return state.pointee.freeError = .alreadyFree }
    diagnostic?.poison(
      address, size: size, next: self.address(ofWord: chunk.pointee.head, page: page, size: size))
    Self.put(state, number, page, zone)
  }

  // MARK: Short paths

  /// The short path of zalloc: an element of the first chunk that has live ones, too.
  ///
  /// - Parameters:
  ///   - state: the allocator's variables.
  ///   - zone: its first chunk with live and free elements is `page`.
  ///   - page: of the chunk.
  ///   - asked: bytes that the caller wants of the element.
  /// - Returns: its address.
  @inline(__always)
  static func take(
    _ state: UnsafeMutablePointer<State>, _ zone: UnsafeMutablePointer<Zone>, _ page: Int, asked: Int
  ) -> KernelAddress {
    let chunk = state.pointee.chunks + page
    let words = zone.pointee.words + page &<< Int(zone.pointee.wordShift)
    let number = Int(chunk.pointee.head & ~ItemWords.free)
    let left = chunk.pointee.free &- 1
    chunk.pointee.head = words[number]
    chunk.pointee.free = left
    words[number] = UInt16(truncatingIfNeeded: asked)
    zone.pointee.requests &+= 1
    state.pointee.bytesAskedFor &+= asked
    // The next chunk becomes the first one with the last free element of this one.
    let change = (page ^ chunk.pointee.links) & Unforeseen.isZero(Int(left))
    zone.pointee.intermediate.ends ^= Int(UInt32(truncatingIfNeeded: change))
    let offset = page &<< 12 &+ number &* zone.pointee.size
    return KernelAddress(rawValue: state.pointee.start &+ UInt64(truncatingIfNeeded: offset))
  }

  /// The short path of zfree: checks the element and gives it back.
  ///
  /// - Parameters:
  ///   - state: the allocator's variables.
  ///   - index: the zone; −1 takes the zone of the element.
  ///   - offset: of the element from the start of zone_map, below its size.
  /// - Returns: the zone; nil where the element is not one or not live.
  @inline(__always)
  static func give(_ state: UnsafeMutablePointer<State>, _ index: Int, _ offset: Int) -> UnsafeMutablePointer<Zone>? {
    let here = Int(state.pointee.pages[offset &>> 12])
    let owner = here &>> 8 &- 1
    guard owner >= 0 else { return nil }
    guard index < 0 || owner == index else { return nil }
    let page = offset &>> 12 &- (here & 0xFF)
    let zone = state.pointee.zones + owner
    let inside = offset &- page &<< 12
    let number = number(zone, inside)
    guard number &* zone.pointee.size == inside else { return nil }
    guard (zone.pointee.words + page &<< Int(zone.pointee.wordShift))[number] < ItemWords.free else { return nil }
    put(state, number, page, zone)
    return zone
  }

  /// The number of the element at an offset inside a chunk.
  ///
  /// Exact below 2^15 bytes: the reciprocal is at most 1 / 2^32 of the element size too large.
  @inline(__always)
  static func number(_ zone: UnsafeMutablePointer<Zone>, _ inside: Int) -> Int {
    Int(truncatingIfNeeded: (UInt64(truncatingIfNeeded: inside) &* zone.pointee.reciprocal) &>> 32)
  }

  /// The word of the element that an offset from the start of zone_map lies in, below its size.
  @inline(__always)
  static func word(_ state: UnsafeMutablePointer<State>, _ offset: Int) -> UnsafeMutablePointer<UInt16> {
    let here = Int(state.pointee.pages[offset &>> 12])
    let page = offset &>> 12 &- (here & 0xFF)
    let zone = state.pointee.zones + max(here &>> 8 &- 1, 0)
    return zone.pointee.words + page &<< Int(zone.pointee.wordShift) + number(zone, offset &- page << 12)
  }

  /// The live element of this number becomes the first free one of its chunk.
  @inline(__always)
  private static func put(
    _ state: UnsafeMutablePointer<State>, _ number: Int, _ page: Int, _ zone: UnsafeMutablePointer<Zone>
  ) {
    let chunks = state.pointee.chunks
    let chunk = chunks + page
    let word = zone.pointee.words + page &<< Int(zone.pointee.wordShift) + number
    zone.pointee.frees &+= 1
    state.pointee.bytesGivenBack &+= Int(word.pointee)
    word.pointee = chunk.pointee.head
    chunk.pointee.head = ItemWords.free | UInt16(truncatingIfNeeded: number)
    let free = chunk.pointee.free &+ 1
    chunk.pointee.free = free
    if free == chunk.pointee.elements {
      if free != 1 { unlink(chunks, page, &zone.pointee.intermediate) }
      append(chunks, page, &zone.pointee.allFree)
      zone.pointee.allFreePages &+= Int(chunk.pointee.pages)
    } else {
      appendIf(Unforeseen.isZero(Int(free) &- 1), chunks, page, &zone.pointee.intermediate)
    }
  }

  // MARK: Queues

  /// Takes a chunk off a queue; chunks without free elements are on none here.
  @inline(__always)
  static func unlink(_ chunks: UnsafeMutablePointer<Chunk>, _ page: Int, _ queue: inout Queue) {
    let next = chunks[page].next
    let previous = chunks[page].previous
    if Int(queue.head) == page { queue.head = next } else { chunks[Int(previous)].next = next }
    if next == none { queue.tail = previous } else { chunks[Int(next)].previous = previous }
  }

  /// Puts a chunk at the tail of a queue.
  @inline(__always)
  static func append(_ chunks: UnsafeMutablePointer<Chunk>, _ page: Int, _ queue: inout Queue) {
    let index = Int32(truncatingIfNeeded: page)
    chunks[page].next = none
    chunks[page].previous = queue.tail
    if queue.head == none { queue.head = index } else { chunks[Int(queue.tail)].next = index }
    queue.tail = index
  }

  /// Puts a chunk at the tail of a queue where the mask has all bits; where it has none, all stays as it is.
  @inline(__always)
  static func appendIf(_ mask: Int, _ chunks: UnsafeMutablePointer<Chunk>, _ page: Int, _ queue: inout Queue) {
    let ends = queue.ends
    let (head, tail) = (Int(queue.head), ends >> 32)
    let isEmpty = head >> 63
    // The record before the first one takes what belongs to no chunk.
    chunks[tail | isEmpty | ~mask].next = Int32(truncatingIfNeeded: page)
    let links = ends | 0xFFFF_FFFF
    chunks[page].links = Unforeseen.choose(mask, links, chunks[page].links)
    let first = UInt32(truncatingIfNeeded: Unforeseen.choose(isEmpty, page, head))
    queue.ends = Unforeseen.choose(mask, page << 32 | Int(first), ends)
  }
}
