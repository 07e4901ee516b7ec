// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

/// The INVARIANTS part of DragonFly's slab allocator: a pattern in free chunks, and a look at their link at reuse.
///
/// DragonFly sys/kern/kern_slaballoc.c: the first 64 bytes of a freed chunk are filled with 0xdeadc0de, the first word
/// is the link to the next free chunk of the page (c_Next). At reuse the kernel looks at the link alone: a value below
/// the kernel's addresses panics, any other write to a free chunk stays unseen.
final class SlabDiagnostic {
  /// WEIRD_ADDR.
  static let pattern: UInt32 = 0xdead_c0de
  /// MAX_COPY, bytes.
  static let depth = 64
  /// VM_MIN_KERNEL_ADDRESS.
  static let lowestKernelAddress: UInt32 = 0xC000_0000

  /// A link that cannot be one.
  struct Finding {
    var chunk: KernelAddress
    var next: UInt32
    var firstFreePage: Int
    var pages: Int
  }

  private(set) var finding: Finding?
  private let backing: BackingBytes

  init(backing: BackingBytes) { self.backing = backing }

  /// Takes the finding, if there is one.
  func takeFinding() -> Finding? {
    defer { finding = nil }
    return finding
  }

  private func words(at address: KernelAddress, bytes: Int) -> UnsafeMutablePointer<UInt32>? {
    backing.bytes(at: address, count: bytes)?.assumingMemoryBound(to: UInt32.self)
  }

  /// Fills a freed chunk and writes its link.
  func fill(_ address: KernelAddress, size: Int, next: KernelAddress) {
    let bytes = min(size, Self.depth)
    guard let word = words(at: address, bytes: bytes) else { return }
    for index in 0..<bytes / 4 { word[index] = Self.pattern }
    word[0] = UInt32(truncatingIfNeeded: next.rawValue)
  }

  /// Looks at the link of a chunk that is being allocated.
  func verify(_ address: KernelAddress, firstFreePage: Int, pages: Int) {
    guard let word = words(at: address, bytes: 4), word[0] != 0, word[0] < Self.lowestKernelAddress else { return }
    finding = Finding(chunk: address, next: word[0], firstFreePage: firstFreePage, pages: pages)
  }
}
