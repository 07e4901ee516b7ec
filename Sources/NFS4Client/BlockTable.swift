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
  var nextInHash: Int32 = -1
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
  private let heads: UnsafeMutablePointer<Int32>
  private let headMask: Int
  private var firstFree: Int32 = -1
  private var used = 0
  private var hand = 0

  init(capacity: Int, blockSize: Int) {
    self.capacity = capacity
    self.blockSize = blockSize
    blocks = .allocate(capacity: capacity)
    memory = .allocate(byteCount: capacity * blockSize, alignment: 64)
    var size = 64
    while size < capacity { size *= 2 }
    headMask = size - 1
    heads = .allocate(capacity: size)
    heads.initialize(repeating: -1, count: size)
  }

  deinit {
    blocks.deallocate()
    memory.deallocate()
    heads.deallocate()
  }

  /// The memory of a block.
  func bytes(_ index: Int) -> UnsafeMutableRawBufferPointer {
    UnsafeMutableRawBufferPointer(start: memory + index &* blockSize, count: blockSize)
  }

  private func bucket(_ node: Int, _ number: UInt64) -> Int {
    let hash = hashMix(UInt64(truncatingIfNeeded: node) << 40 ^ number)
    return Int(truncatingIfNeeded: hash) & headMask
  }

  /// The block of a file with this number.
  func find(_ node: Int, _ number: UInt64) -> Int? {
    var index = heads[bucket(node, number)]
    while index >= 0 {
      let block = blocks + Int(index)
      if Int(block.pointee.node) == node && block.pointee.number == number { return Int(index) }
      index = block.pointee.nextInHash
    }
    return nil
  }

  /// Makes an empty block; nil if all are in use.
  ///
  /// The caller links it to its node.
  func make(_ node: Int, _ number: UInt64) -> Int? {
    let index: Int
    if firstFree >= 0 {
      index = Int(firstFree)
      firstFree = blocks[index].nextInHash
    } else {
      guard used < capacity else { return nil }
      index = used
      used &+= 1
    }
    let bucket = bucket(node, number)
    var block = Block(node: Int32(truncatingIfNeeded: node), number: number)
    block.nextInHash = heads[bucket]
    block.inUse = true
    (blocks + index).initialize(to: block)
    heads[bucket] = Int32(truncatingIfNeeded: index)
    return index
  }

  /// Gives a block back that the caller has unlinked from its node.
  func free(_ index: Int) {
    let bucket = bucket(Int(blocks[index].node), blocks[index].number)
    var link = heads[bucket]
    if link == Int32(truncatingIfNeeded: index) {
      heads[bucket] = blocks[index].nextInHash
    } else {
      while link >= 0 {
        let next = blocks[Int(link)].nextInHash
        if next == Int32(truncatingIfNeeded: index) {
          blocks[Int(link)].nextInHash = blocks[index].nextInHash
          break
        }
        link = next
      }
    }
    blocks[index].inUse = false
    blocks[index].nextInHash = firstFree
    firstFree = Int32(truncatingIfNeeded: index)
  }

  /// The next block round the table, for being given up.
  func nextVictim() -> Int? {
    var steps = 0
    while steps < used {
      let index = hand
      hand = hand &+ 1 < used ? hand &+ 1 : 0
      steps &+= 1
      if blocks[index].inUse { return index }
    }
    return nil
  }
}
