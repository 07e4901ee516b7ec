// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

/// The contents of free buffers, as KMF_DEADBEEF and KMF_REDZONE keep them.
///
/// illumos kmem.c and sys/kmem_impl.h: a free buffer is filled with 0xdeadbeef, which an allocation and the end of a
/// magazine look for; an allocated one is filled with 0xbaddcafe; the byte behind a kmem_alloc() is 0xbb. The kernel
/// adds a buffer tag behind each buffer for this; here the byte is kept where the size class leaves room for it.
final class KmemDiagnostic {
  /// KMEM_FREE_PATTERN.
  static let free: UInt64 = 0xdead_beef_dead_beef
  /// KMEM_UNINITIALIZED_PATTERN.
  static let uninitialized: UInt64 = 0xbadd_cafe_badd_cafe
  /// KMEM_REDZONE_BYTE.
  static let redzone: UInt8 = 0xbb
  /// kmem_maxverify: half a page, bytes.
  static let depth = kernelPageSize / 2

  private let backing: BackingBytes

  init(backing: BackingBytes) { self.backing = backing }

  /// copy_pattern of a free buffer.
  func fill(_ address: KernelAddress, count: Int) { copy(Self.free, address, count) }

  private func copy(_ pattern: UInt64, _ address: KernelAddress, _ count: Int) {
    let count = min(count, Self.depth)
    guard let base = backing.bytes(at: address, count: count) else { return }
    for offset in stride(from: 0, through: count - 8, by: 8) {
      base.storeBytes(of: pattern, toByteOffset: offset, as: UInt64.self)
    }
  }

  /// verify_pattern: the first word of a free buffer that was written to.
  func verifyPattern(_ address: KernelAddress, count: Int) -> KmemError? {
    let count = min(count, Self.depth)
    guard let base = backing.bytes(at: address, count: count) else { return nil }
    for offset in stride(from: 0, through: count - 8, by: 8) {
      let word = base.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
      if word != Self.free { return .modified(offset: offset, value: word) }
    }
    return nil
  }

  /// An allocation: verified, filled as new, and marked behind `asked` bytes where there is room.
  func allocate(_ address: KernelAddress, count: Int, asked: Int) -> KmemError? {
    if let found = verifyPattern(address, count: count) { return found }
    copy(Self.uninitialized, address, count)
    if asked < count, let base = backing.bytes(at: address, count: count) {
      base.storeBytes(of: Self.redzone, toByteOffset: asked, as: UInt8.self)
    }
    return nil
  }

  /// A free: the mark is looked at.
  func free(_ address: KernelAddress, count: Int, asked: Int) -> KmemError? {
    guard asked < count, let base = backing.bytes(at: address, count: count) else { return nil }
    return base.load(fromByteOffset: asked, as: UInt8.self) == Self.redzone ? nil : .redzone
  }
}
