// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

/// Checked mode: what INVARIANTS kernels do (FreeBSD 6 sys/vm/uma_dbg.c and kern_malloc.c), with decisions that stay
/// the same.
///
/// Freed items are filled with a pattern that is verified when they are handed out again; each item is live or not, so
/// that a second free and a free to the wrong zone are found. Items of zones that keep their contents (NOFREE) or are
/// cleared once (ZINIT) are not filled, as the kernel gives its trash functions to zones without functions of their
/// own. The last word of a malloc item is left out: the kernel keeps the type of the last user there.
extension UMA {
  /// uma_junk.
  static let junk: UInt32 = 0xDEAD_C0DE
  /// The free-list byte of a live item.
  private static let live: UInt8 = 255

  /// Fills the items of a new slab (trash_init, mtrash_init).
  func trashNewSlab(_ zone: Int, _ page: Int) {
    if let typeColumn {
      (typeColumn + page * (kernelPageSize / 16)).initialize(repeating: .max, count: kernelPageSize / 16)
    }
    for index in 0..<kegs[zone].itemsPerSlab { trash(zone, page * kernelPageSize + index * kegs[zone].stride) }
  }

  /// An item is handed out: verifies its pattern and marks it live.
  ///
  /// - Returns: false where the kernel ended.
  func verifyAllocation(_ zone: Int, _ item: UMAOffset, type: Int?) -> Bool {
    let (mark, _) = markIndex(zone, item)
    if let bytes = trashedBytes(zone, Int(item)) {
      for offset in stride(from: 0, to: bytes.count, by: 4) {
        let word = bytes.base.loadUnaligned(fromByteOffset: offset, as: UInt32.self)
        guard word != UMA.junk else { continue }
        let start = UMA.hexadecimal(address(item).rawValue)
        let place = UMA.hexadecimal(address(item).rawValue + UInt64(offset))
        var message = "Memory modified after free \(start)(\(bytes.count)) val=\(String(word, radix: 16)) @ \(place)"
        if kegs[zone].flags.contains(.malloc) { message += "; Most recently used by \(lastUser(item))" }
        die(.panic(message: message, requestBytes: kegs[zone].size))
        return false
      }
    }
    freeLists[mark] = UMA.live
    if let type, let typeColumn { typeColumn[Int(item >> 4)] = UInt16(truncatingIfNeeded: type) }
    return true
  }

  /// An item is given back: it has to be a live item of this zone; fills it.
  ///
  /// - Returns: false where the kernel ended.
  func verifyFree(_ zone: Int, _ item: UMAOffset, type: Int?) -> Bool {
    let page = Int(item) / kernelPageSize
    let place = UMA.hexadecimal(address(item).rawValue)
    let name = zoneNames[zone]
    guard slabs[page].kind == UMAPageKind.slab, Int(slabs[page].zone) == zone else {
      die(.panic(message: "UMA: Freed item \(place) did not belong to zone \(name)", requestBytes: 0))
      return false
    }
    let (mark, aligned) = markIndex(zone, item)
    guard aligned else {
      die(.panic(message: "zone: \(name) freed address \(place) unaligned.", requestBytes: 0))
      return false
    }
    guard freeLists[mark] == UMA.live else {
      die(.panic(message: "Duplicate free of item \(place) from zone \(name)", requestBytes: 0))
      return false
    }
    if let type, !verifyType(item, type) { return false }
    freeLists[mark] = 0
    trash(zone, Int(item))
    return true
  }

  /// Whole pages are handed out: notes the type.
  func verifyLargeAllocation(_ item: UMAOffset, type: Int) -> Bool {
    typeColumn?[Int(item >> 4)] = UInt16(truncatingIfNeeded: type)
    return true
  }

  /// Whole pages are given back: under the type that took them.
  ///
  /// - Returns: false where the kernel ended.
  func verifyLargeFree(_ item: UMAOffset, type: Int) -> Bool { verifyType(item, type) }

  /// The kernel of 6.x has no words for a wrong type: it keeps the type in the item and does not compare.
  private func verifyType(_ item: UMAOffset, _ type: Int) -> Bool {
    guard let typeColumn, Int(typeColumn[Int(item >> 4)]) != type else { return true }
    let place = UMA.hexadecimal(address(item).rawValue)
    die(
      .panic(message: "free: \(place) of type \(lastUser(item)) freed as type \(typeNames[type])", requestBytes: 0))
    return false
  }

  /// Where the mark of an item lies in the free lists, and whether the item begins where one may.
  private func markIndex(_ zone: Int, _ item: UMAOffset) -> (mark: Int, aligned: Bool) {
    let inPage = Int(item) % kernelPageSize
    let (index, rest) = inPage.quotientAndRemainder(dividingBy: kegs[zone].stride)
    let mark = Int(item) / kernelPageSize * UMAConstants.freeListStride + index
    return (mark, rest == 0 && index < kegs[zone].itemsPerSlab)
  }

  private func trash(_ zone: Int, _ offset: Int) {
    guard let bytes = trashedBytes(zone, offset) else { return }
    for offset in stride(from: 0, to: bytes.count, by: 4) {
      bytes.base.storeBytes(of: UMA.junk, toByteOffset: offset, as: UInt32.self)
    }
  }

  /// The bytes of an item that carry the pattern while it is free; nil for zones without one and where nothing is
  /// behind the address.
  private func trashedBytes(_ zone: Int, _ offset: Int) -> (base: UnsafeMutableRawPointer, count: Int)? {
    guard let backing else { return nil }
    let keg = kegs[zone]
    guard keg.flags.isDisjoint(with: [.internal, .noFree, .zeroInit, .bookkeeping]) else { return nil }
    let count = (keg.flags.contains(.malloc) ? keg.size - structures.pointerBytes : keg.size) & ~3
    let address = base + UInt64(offset)
    guard address >= backing.start.rawValue else { return nil }
    let distance = address - backing.start.rawValue
    guard distance <= UInt64(backing.count), UInt64(count) <= UInt64(backing.count) - distance else { return nil }
    return (backing.base + Int(distance), count)
  }

  /// The malloc type that had an item last; "none" where nobody had.
  private func lastUser(_ item: UMAOffset) -> String {
    guard let typeColumn else { return "none" }
    let type = Int(typeColumn[Int(item >> 4)])
    return type < typeNames.count ? typeNames[type] : "none"
  }
}
