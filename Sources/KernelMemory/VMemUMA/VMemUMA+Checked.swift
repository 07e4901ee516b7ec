// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

/// Checked mode: what INVARIANTS kernels do (FreeBSD 11 sys/vm/uma_dbg.c), with decisions that stay the same.
///
/// Freed items are filled with a pattern that is verified when they are handed out again; each item is live or not, so
/// that a second free and a free to the wrong zone are found. Items of zones that keep their contents (NOFREE) or are
/// cleared once (ZINIT) are not filled. The last word of a malloc item is left out: the kernel keeps the type of the
/// last user there.
extension VMemUMA {
  /// uma_junk.
  static let junk: UInt32 = 0xDEAD_C0DE

  /// Fills the items of a new slab; none is live (trash_init, mtrash_init).
  func trashNewSlab(_ index: Int, _ page: Int) {
    let keg = kegs[index]
    if let liveBits { (liveBits + page * 4).initialize(repeating: 0, count: 4) }
    if let typeColumn {
      (typeColumn + page * (kernelPageSize / 16)).initialize(
        repeating: .max, count: keg.pagesPerSlab * (kernelPageSize / 16))
    }
    for item in 0..<keg.itemsPerSlab { trash(index, page * kernelPageSize + item * keg.stride) }
  }

  /// An item is handed out: verifies its pattern and marks it live.
  ///
  /// - Returns: false where the kernel ended.
  func verifyAllocation(_ index: Int, _ item: Offset, type: Int?) -> Bool {
    if let bytes = trashedBytes(index, Int(item)) {
      for offset in stride(from: 0, to: bytes.count, by: 4) {
        let word = bytes.base.loadUnaligned(fromByteOffset: offset, as: UInt32.self)
        guard word != Self.junk else { continue }
        let start = TextColumn.hexadecimal(address(item).rawValue)
        let place = TextColumn.hexadecimal(address(item).rawValue + UInt64(offset))
        var message = "Memory modified after free \(start)(\(bytes.count)) val=\(String(word, radix: 16)) @ \(place)"
        if kegs[index].flags.contains(.malloc) { message += "; Most recently used by \(lastUser(item))" }
        die(.panic(message: message, requestBytes: kegs[index].size))
        return false
      }
    }
    let (page, place) = itemPlace(index, item)
    liveBits?[page * 4 + place >> 6] |= 1 << UInt64(place & 63)
    if let type { typeColumn?[Int(item >> 4)] = UInt16(truncatingIfNeeded: type) }
    return true
  }

  /// An item is given back: it has to be a live item of this zone; fills it (uma_dbg_free).
  ///
  /// - Returns: false where the kernel ended.
  func verifyFree(_ index: Int, _ item: Offset, type: Int?) -> Bool {
    let start = TextColumn.hexadecimal(address(item).rawValue)
    let keg = kegs[index]
    let (page, place) = itemPlace(index, item)
    let problem: String
    if place >= keg.itemsPerSlab {
      problem = "Invalid free"
    } else if page * kernelPageSize + place * keg.stride != Int(item) {
      problem = "Unaligned free"
    } else if let liveBits, liveBits[page * 4 + place >> 6] >> UInt64(place & 63) & 1 == 0 {
      problem = "Duplicate free"
    } else {
      if let type, !verifyType(item, type) { return false }
      liveBits?[page * 4 + place >> 6] &= ~(1 << UInt64(place & 63))
      trash(index, Int(item))
      return true
    }
    let zoneText = TextColumn.hexadecimal(address(zones[index].offset).rawValue)
    let slabText = TextColumn.hexadecimal(slabAddress(index, page))
    die(
      .panic(
        message: "\(problem) of \(start) from zone \(zoneText)(\(zoneNames[index])) slab \(slabText)(\(place))",
        requestBytes: 0))
    return false
  }

  /// Checked mode of malloc: verifies and marks an item.
  @inline(never)
  func verifyMalloc(_ item: Offset, _ type: MallocType) -> Bool {
    let slab = slabs[Int(item) / kernelPageSize]
    if slab.kind == .largeMalloc {
      typeColumn?[Int(item >> 4)] = UInt16(truncatingIfNeeded: type.index)
      return true
    }
    return verifyAllocation(Int(slab.zone), item, type: type.index)
  }

  /// Checked mode of free: an item of malloc is given back.
  @inline(never)
  func verifyFree(_ item: Offset, _ type: MallocType) -> Bool {
    let slab = slabs[Int(item) / kernelPageSize]
    switch slab.kind {
    case .largeMalloc: return verifyType(item, type.index)
    case .slab where kegs[Int(slab.zone)].flags.contains(.malloc):
      return verifyFree(Int(slab.zone), item, type: type.index)
    case .slab, .none: return true
    }
  }

  /// A zone free of an address that is not the zone's.
  @inline(never)
  func refuse(_ address: KernelAddress, _ zone: ZoneID) {
    guard address != .null else { return }
    let place = TextColumn.hexadecimal(address.rawValue)
    die(.panic(message: "uma: item \(place) did not belong to zone \(zoneNames[zone.index])", requestBytes: 0))
  }

  /// The kernels have no words for a wrong type: they keep the type in the item and do not compare.
  private func verifyType(_ item: Offset, _ type: Int) -> Bool {
    guard let typeColumn, Int(typeColumn[Int(item >> 4)]) != type else { return true }
    let place = TextColumn.hexadecimal(address(item).rawValue)
    die(
      .panic(message: "free: \(place) of type \(lastUser(item)) freed as type \(typeNames[type])", requestBytes: 0))
    return false
  }

  /// The first page of the slab of an item, and the item's index in it.
  ///
  /// A slab of several pages holds one item; a page that is none's first belongs to the item before it.
  private func itemPlace(_ index: Int, _ item: Offset) -> (page: Int, place: Int) {
    let page = Int(item) / kernelPageSize
    return (page, (Int(item) - page * kernelPageSize) / kegs[index].stride)
  }

  /// Where the header of a slab lies: at the end of the slab, or in an item of its own.
  private func slabAddress(_ index: Int, _ page: Int) -> UInt64 {
    let keg = kegs[index]
    if keg.flags.contains(.offPage) { return address(slabs[page].header).rawValue }
    return base + UInt64((page + keg.pagesPerSlab) * kernelPageSize - keg.headerBytes)
  }

  private func trash(_ index: Int, _ offset: Int) {
    guard let bytes = trashedBytes(index, offset) else { return }
    for offset in stride(from: 0, to: bytes.count, by: 4) {
      bytes.base.storeBytes(of: Self.junk, toByteOffset: offset, as: UInt32.self)
    }
  }

  /// The bytes of an item that carry the pattern while it is free; nil for zones without one and where nothing is
  /// behind the address.
  private func trashedBytes(_ index: Int, _ offset: Int) -> (base: UnsafeMutableRawPointer, count: Int)? {
    guard let backing else { return nil }
    let keg = kegs[index]
    guard keg.flags.isDisjoint(with: [.internal, .bucket, .noFree, .zeroInit, .bookkeeping]) else { return nil }
    let last = keg.flags.contains(.malloc) ? policy.pointerBytes : 0
    let count = (keg.size - last) & ~3
    let address = base + UInt64(offset)
    guard address >= backing.start.rawValue else { return nil }
    let distance = address - backing.start.rawValue
    guard distance <= UInt64(backing.count), UInt64(count) <= UInt64(backing.count) - distance else { return nil }
    return (backing.base + Int(distance), count)
  }

  /// The malloc type that had an item last; "none" where nobody had.
  private func lastUser(_ item: Offset) -> String {
    guard let typeColumn else { return "none" }
    let type = Int(typeColumn[Int(item >> 4)])
    return type < typeNames.count ? typeNames[type] : "none"
  }
}
