// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

/// The DIAGNOSTIC part of pool(9): the first word of a free item is PI_MAGIC, which an allocation looks for.
///
/// OpenBSD and NetBSD sys/kern/subr_pool.c, pi_magic.
final class PoolDiagnostic {
  /// PI_MAGIC.
  let magic: UInt32
  private let backing: BackingBytes

  /// An item whose mark was gone.
  struct Finding {
    var pool: Int
    var address: KernelAddress
    var value: UInt32
  }

  private var finding: Finding?

  init(backing: BackingBytes, magic: UInt32) {
    self.backing = backing
    self.magic = magic
  }

  /// Takes the first finding since the last call.
  func takeFinding() -> Finding? {
    defer { finding = nil }
    return finding
  }

  private func word(of address: KernelAddress) -> UnsafeMutablePointer<UInt32>? {
    backing.bytes(at: address, count: 4)?.assumingMemoryBound(to: UInt32.self)
  }

  /// Marks a free item.
  func mark(_ address: KernelAddress) { word(of: address)?.pointee = magic }

  /// Looks for the mark of an item that is being allocated.
  func verify(_ address: KernelAddress, pool: Int) {
    guard finding == nil, let word = word(of: address), word.pointee != magic else { return }
    finding = Finding(pool: pool, address: address, value: word.pointee)
  }
}
