// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

/// The INVARIANTS part of vm_zone: the second word of a free item holds a mark, which an allocation looks for.
///
/// FreeBSD sys/vm/vm_zone.c: ZENTRY_FREE; the assertions say "item is not free" and "item is already free".
final class ZoneDiagnostic {
  /// ZENTRY_FREE (recollection of the number).
  static let mark: UInt32 = 0x1234_2378

  /// True once an allocation found an item whose mark was gone.
  private(set) var found = false
  private let backing: BackingBytes

  init(backing: BackingBytes) { self.backing = backing }

  private func word(of address: KernelAddress) -> UnsafeMutablePointer<UInt32>? {
    backing.bytes(at: address, count: 8).map { ($0 + 4).assumingMemoryBound(to: UInt32.self) }
  }

  /// Marks a free item.
  func mark(_ address: KernelAddress) {
    guard let word = word(of: address) else { return }
    word.pointee = Self.mark
  }

  /// Looks for the mark of an item that is being allocated and removes it.
  func take(_ address: KernelAddress) {
    guard let word = word(of: address) else { return }
    if word.pointee != Self.mark { found = true }
    word.pointee = 0
  }
}
