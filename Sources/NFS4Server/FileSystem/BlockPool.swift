// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

/// Blocks of file data, taken from the host in large pieces and reused; the space of the file system is counted here.
struct BlockPool {
  /// Bytes of a block: a page, so that blocks in use are the pages that a page cache would hold.
  static let blockBytes = 4096
  private static let blocksPerPiece = 256

  /// Bytes that blocks, block tables and link texts may take together.
  let limit: Int
  /// Bytes taken.
  private(set) var used = 0
  private var freeHead: UnsafeMutableRawPointer? = nil
  private var pieces: [UnsafeMutableRawPointer] = []

  init(limit: Int) { self.limit = limit }

  func deallocate() {
    for piece in pieces { piece.deallocate() }
  }

  /// Bytes that can still be taken.
  var available: Int { max(limit &- used, 0) }

  /// Counts bytes that the caller takes from elsewhere; false if the limit is reached.
  mutating func charge(_ bytes: Int) -> Bool {
    guard bytes <= available else { return false }
    used &+= bytes
    return true
  }

  /// Gives counted bytes back.
  mutating func refund(_ bytes: Int) { used &-= bytes }

  /// A block with undefined contents, nil if the limit is reached.
  mutating func take() -> UnsafeMutableRawPointer? {
    guard charge(Self.blockBytes) else { return nil }
    if freeHead == nil { grow() }
    guard let block = freeHead else { return nil }
    freeHead = block.load(as: UnsafeMutableRawPointer?.self)
    return block
  }

  /// Gives a block back.
  mutating func give(_ block: UnsafeMutableRawPointer) {
    block.storeBytes(of: freeHead, as: UnsafeMutableRawPointer?.self)
    freeHead = block
    refund(Self.blockBytes)
  }

  private mutating func grow() {
    let piece = UnsafeMutableRawPointer.allocate(
      byteCount: Self.blockBytes * Self.blocksPerPiece, alignment: Self.blockBytes)
    pieces.append(piece)
    var index = Self.blocksPerPiece
    while index > 0 {
      index &-= 1
      let block = piece + index &* Self.blockBytes
      block.storeBytes(of: freeHead, as: UnsafeMutableRawPointer?.self)
      freeHead = block
    }
  }
}
