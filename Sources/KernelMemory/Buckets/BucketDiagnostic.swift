// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

/// What a system with DIAGNOSTIC fills free items with.
public struct BucketTrash: Equatable, Sendable {
  /// WEIRD_ADDR.
  public var pattern: UInt32
  /// MAX_COPY: so many bytes of an item are filled and verified.
  public var depth: Int

  /// FreeBSD 4: 64 bytes of 0xdeadc0de.
  public static let freeBSD = BucketTrash(pattern: BucketDiagnostic.pattern, depth: BucketDiagnostic.depth)
  /// OpenBSD and NetBSD: 32 bytes of 0xdeadbeef.
  public static let uvm = BucketTrash(pattern: 0xdead_beef, depth: 32)

  /// Puts a style together.
  public init(pattern: UInt32, depth: Int) {
    self.pattern = pattern
    self.depth = depth
  }
}

/// The DIAGNOSTIC part of the bucket malloc: a known pattern in free items, looked at when they are allocated again.
///
/// FreeBSD 4 sys/kern/kern_malloc.c: the first 64 bytes of a freed item are filled with 0xdeadc0de. A word that differs
/// at reuse is reported on the console with the type that freed the item last; the kernel does not panic. The type is
/// kept in the item there; here it lies in the second word too, as the type's index + 1, so that a stray write to it is
/// seen like any other.
final class BucketDiagnostic {
  /// WEIRD_ADDR.
  static let pattern: UInt32 = 0xdead_c0de
  /// MAX_COPY, bytes.
  static let depth = 64
  /// The type of an item that was never allocated.
  static let neverAllocated = -1

  /// The first modified word that was found.
  struct Finding {
    var word: Int
    var address: KernelAddress
    var requestedSize: Int
    var previousType: Int
    var value: UInt32
  }

  /// What ``verify(_:size:requested:)`` found since it was last taken.
  private(set) var finding: Finding?
  /// Modified items so far.
  private(set) var modifiedItems: UInt64 = 0
  private let backing: BackingBytes
  private let trashStyle: BucketTrash

  init(backing: BackingBytes, style: BucketTrash = .freeBSD) {
    self.backing = backing
    trashStyle = style
  }

  /// Takes the finding, if there is one.
  func takeFinding() -> Finding? {
    defer { finding = nil }
    return finding
  }

  private func words(at address: KernelAddress, size: Int) -> (UnsafeMutablePointer<UInt32>, Int)? {
    let count = min(size, trashStyle.depth)
    guard let bytes = backing.bytes(at: address, count: count) else { return nil }
    return (bytes.assumingMemoryBound(to: UInt32.self), count / 4)
  }

  /// Fills the start of a free item.
  func trash(_ address: KernelAddress, size: Int, type: Int) {
    guard let (word, count) = words(at: address, size: size) else { return }
    for index in 0..<count { word[index] = trashStyle.pattern }
    word[1] = UInt32(truncatingIfNeeded: type &+ 1)
  }

  /// Looks at the start of an item that is being allocated.
  func verify(_ address: KernelAddress, size: Int, requested: Int) {
    guard let (word, count) = words(at: address, size: size) else { return }
    let previous = Int(word[1]) - 1
    for index in 0..<count where index != 1 && word[index] != trashStyle.pattern {
      modifiedItems += 1
      finding = Finding(
        word: index, address: address, requestedSize: requested, previousType: previous, value: word[index])
      break
    }
  }
}
