// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

/// One block of cached file data: the bytes from its start that are valid, and the part that waits to be written.
struct Block {
  var node: Int32
  var number: UInt64
  /// Bytes from the block's start that are known.
  var valid: Int32 = 0
  /// The part that waits for a WRITE; empty where low >= high.
  var dirtyLow: Int32 = 0
  var dirtyHigh: Int32 = 0
  /// Written unstable, waits for a COMMIT.
  var uncommitted = false
  /// Part that must be written again if the COMMIT finds another verifier.
  var unstableLow: Int32 = 0
  var unstableHigh: Int32 = 0
  var previousInNode: Int32 = -1
  var nextInNode: Int32 = -1
  var inUse = false

  var isDirty: Bool { dirtyLow < dirtyHigh }
}

/// The page cache (Linux) or buffer cache (BSD) of a client: blocks of the transfer size, found by file and number.
final class BlockTable {
  let blocks: UnsafeMutablePointer<Block>
  let capacity: Int
  let blockSize: Int
  private let memory: UnsafeMutableRawPointer
  private var slots: HashedSlots

  init(capacity: Int, blockSize: Int) {
    self.capacity = capacity
    self.blockSize = blockSize
    blocks = .allocate(capacity: capacity)
    memory = .allocate(byteCount: capacity * blockSize, alignment: 64)
    slots = HashedSlots(capacity: capacity)
  }

  deinit {
    blocks.deallocate()
    memory.deallocate()
    slots.deallocate()
  }

  /// The memory of a block.
  func bytes(_ index: Int) -> UnsafeMutableRawBufferPointer {
    UnsafeMutableRawBufferPointer(start: memory + index &* blockSize, count: blockSize)
  }

  private static func hash(_ node: Int, _ number: UInt64) -> UInt64 {
    hashMix(UInt64(truncatingIfNeeded: node) << 40 ^ number)
  }

  /// The block of a file with this number.
  func find(_ node: Int, _ number: UInt64) -> Int? {
    var index = slots.first(Self.hash(node, number))
    while index >= 0 {
      let block = blocks + index
      if Int(block.pointee.node) == node && block.pointee.number == number { return index }
      index = slots.following(index)
    }
    return nil
  }

  /// Makes an empty block; nil if all are in use.
  ///
  /// The caller links it to its node.
  func make(_ node: Int, _ number: UInt64) -> Int? {
    guard let index = slots.take(Self.hash(node, number)) else { return nil }
    var block = Block(node: Int32(truncatingIfNeeded: node), number: number)
    block.inUse = true
    (blocks + index).initialize(to: block)
    return index
  }

  /// Gives a block back that the caller has unlinked from its node.
  func free(_ index: Int) {
    slots.give(index, Self.hash(Int(blocks[index].node), blocks[index].number))
    blocks[index].inUse = false
  }

  /// The next block round the table, for being given up.
  func nextVictim() -> Int? {
    let blocks = blocks
    return slots.victim { blocks[$0].inUse }
  }
}
