// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

/// Poisoned free elements, as with XNU's boot argument -zp, and the link that is kept twice.
///
/// XNU osfmk/kern/zalloc.c: the first word of a free element is the link to the next one, the last word the same link
/// once more, each under a cookie; the words between hold 0xdeadbeef. The cookies are random numbers of the boot; here
/// they are the fixed parts of the kernel's alone.
final class ZonePoison {
  /// What an allocation found.
  struct Finding {
    var zone: Int
    var element: KernelAddress
    var size: Int
    var offset: Int
    var expected: UInt64
    var found: UInt64
  }

  private(set) var finding: Finding?
  private let backing: BackingBytes
  private let width: Int
  /// ZP_POISON.
  let poison: UInt64
  /// zp_nopoison_cookie, without the random bits.
  let plainCookie: UInt64
  /// zp_poisoned_cookie, without the random bits; its lowest bit is set.
  let poisonCookie: UInt64

  init(backing: BackingBytes, pointerSize: Int) {
    self.backing = backing
    width = pointerSize
    poison = pointerSize == 8 ? 0xdead_beef_dead_beef : 0xdead_beef
    plainCookie = pointerSize == 8 ? 0x3f00_1100_0000_0000 : 0
    poisonCookie = pointerSize == 8 ? 0x0535_2100_0000_0001 : 1
  }

  /// Takes the finding, if there is one.
  func takeFinding() -> Finding? {
    defer { finding = nil }
    return finding
  }

  private func load(_ base: UnsafeMutableRawPointer, _ offset: Int) -> UInt64 {
    width == 8
      ? base.load(fromByteOffset: offset, as: UInt64.self) : UInt64(base.load(fromByteOffset: offset, as: UInt32.self))
  }

  private func store(_ value: UInt64, _ base: UnsafeMutableRawPointer, _ offset: Int) {
    if width == 8 {
      base.storeBytes(of: value, toByteOffset: offset, as: UInt64.self)
    } else {
      base.storeBytes(of: UInt32(truncatingIfNeeded: value), toByteOffset: offset, as: UInt32.self)
    }
  }

  /// Fills a free element and writes its link twice.
  func poison(_ address: KernelAddress, size: Int, next: KernelAddress) {
    guard let base = backing.bytes(at: address, count: size) else { return }
    for offset in stride(from: width, to: size - width, by: width) { store(poison, base, offset) }
    store(next.rawValue ^ plainCookie, base, 0)
    store(next.rawValue ^ poisonCookie, base, size - width)
  }

  /// Looks at an element that is being allocated, then overwrites both links.
  func take(_ address: KernelAddress, size: Int, zone: Int, next: KernelAddress) {
    guard let base = backing.bytes(at: address, count: size) else { return }
    func check(_ offset: Int, _ expected: UInt64) {
      let found = load(base, offset)
      guard found != expected, finding == nil else { return }
      finding = Finding(zone: zone, element: address, size: size, offset: offset, expected: expected, found: found)
    }
    check(0, next.rawValue ^ plainCookie)
    check(size - width, next.rawValue ^ poisonCookie)
    for offset in stride(from: width, to: size - width, by: width) { check(offset, poison) }
    store(poison, base, 0)
    store(poison, base, size - width)
  }
}
