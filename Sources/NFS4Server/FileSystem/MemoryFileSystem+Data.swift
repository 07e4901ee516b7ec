// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import NFS4

extension MemoryFileSystem {
  /// Copies data of a regular file to `target`; holes read as zeros.
  ///
  /// - Returns: bytes copied: fewer than asked for at the end of the file.
  func read(_ file: Int, offset: UInt64, into target: UnsafeMutableRawBufferPointer) -> Int {
    let count = readable(file, offset: offset, count: target.count)
    guard count > 0, let base = target.baseAddress else { return 0 }
    let inode = inodes[file]
    var done = 0
    var position = Int(truncatingIfNeeded: offset)
    while done < count {
      let slot = position / BlockPool.blockBytes
      let start = position & (BlockPool.blockBytes &- 1)
      let length = min(BlockPool.blockBytes &- start, count &- done)
      if slot < inode.blockSlots, let block = inode.blocks?[slot] {
        (base + done).copyMemory(from: block + start, byteCount: length)
      } else {
        (base + done).initializeMemory(as: UInt8.self, repeating: 0, count: length)
      }
      done &+= length
      position &+= length
    }
    touchAccess(file)
    return count
  }

  /// Bytes of a read of `count` bytes at `offset` that lie in the file.
  @inline(__always)
  func readable(_ file: Int, offset: UInt64, count: Int) -> Int {
    let size = inodes[file].size
    guard offset < size else { return 0 }
    return Int(min(UInt64(truncatingIfNeeded: count), size &- offset))
  }

  /// Writes data to a regular file and lets it grow.
  ///
  /// - Returns: bytes written: fewer than given where space runs out on the way.
  /// - Parameters:
  ///   - file: the file.
  ///   - offset: where the first byte goes.
  ///   - source: the data.
  ///   - isPrivileged: the superuser writes, whom no quota stops (UFS chkdq).
  /// - Throws: NFS4ERR_ROFS, NFS4ERR_FBIG past the largest file, NFS4ERR_NOSPC and NFS4ERR_DQUOT where not even the first byte has room.
  func write(
    _ file: Int, offset: UInt64, from source: UnsafeRawBufferPointer, isPrivileged: Bool = true
  ) throws(NFSStatus) -> Int {
    try requireWritable()
    guard let base = source.baseAddress, source.count > 0 else { return 0 }
    let (end, overflow) = offset.addingReportingOverflow(UInt64(truncatingIfNeeded: source.count))
    guard !overflow, end <= maximumFileSize else { throw .fileTooBig }
    guard reserveSlots(file, for: Int(truncatingIfNeeded: end)) else { throw .noSpace }
    guard let blocks = inodes[file].blocks else { throw .noSpace }
    let owner = inodes[file].uid
    var left = isPrivileged ? Int.max : quotas.available(to: owner)
    let before = inodes[file].blocksUsed
    var done = 0
    var position = Int(truncatingIfNeeded: offset)
    while done < source.count {
      let slot = position / BlockPool.blockBytes
      let start = position & (BlockPool.blockBytes &- 1)
      let length = min(BlockPool.blockBytes &- start, source.count &- done)
      if let block = blocks[slot] {
        (block + start).copyMemory(from: base + done, byteCount: length)
      } else {
        guard left >= BlockPool.blockBytes, let block = pool.take() else { break }
        left &-= BlockPool.blockBytes
        if length < BlockPool.blockBytes {
          block.initializeMemory(as: UInt8.self, repeating: 0, count: BlockPool.blockBytes)
        }
        (block + start).copyMemory(from: base + done, byteCount: length)
        blocks[slot] = block
        inodes[file].blocksUsed &+= 1
      }
      done &+= length
      position &+= length
    }
    guard done > 0 else { throw left < BlockPool.blockBytes ? .quotaExceeded : .noSpace }
    quotas.add((inodes[file].blocksUsed &- before) &* BlockPool.blockBytes, to: owner)
    inodes[file].size = max(inodes[file].size, UInt64(truncatingIfNeeded: position))
    touchContents(file)
    return done
  }

  /// Sets the size of a regular file; new bytes read as zeros.
  ///
  /// - Throws: NFS4ERR_ROFS, NFS4ERR_FBIG past the largest file.
  func setSize(_ file: Int, to size: UInt64) throws(NFSStatus) {
    try requireWritable()
    guard size <= maximumFileSize else { throw .fileTooBig }
    if size < inodes[file].size {
      let keptBlocks = Int(
        truncatingIfNeeded: (size &+ UInt64(BlockPool.blockBytes &- 1)) / UInt64(BlockPool.blockBytes))
      let tail = Int(truncatingIfNeeded: size) & (BlockPool.blockBytes &- 1)
      if tail > 0, keptBlocks <= inodes[file].blockSlots, let block = inodes[file].blocks?[keptBlocks &- 1] {
        (block + tail).initializeMemory(as: UInt8.self, repeating: 0, count: BlockPool.blockBytes &- tail)
      }
      dropBlocks(of: file, from: keptBlocks)
    }
    inodes[file].size = size
    touchContents(file)
  }

  /// Gives back the blocks from slot `first` on, and the table with the last of them.
  func dropBlocks(of file: Int, from first: Int) {
    guard let blocks = inodes[file].blocks else { return }
    let before = inodes[file].blocksUsed
    var slot = first
    while slot < inodes[file].blockSlots {
      if let block = blocks[slot] {
        pool.give(block)
        blocks[slot] = nil
        inodes[file].blocksUsed &-= 1
      }
      slot &+= 1
    }
    quotas.add((inodes[file].blocksUsed &- before) &* BlockPool.blockBytes, to: inodes[file].uid)
    if first == 0 {
      pool.refund(inodes[file].blockSlots &* Self.slotBytes)
      blocks.deallocate()
      inodes[file].blocks = nil
      inodes[file].blockSlots = 0
    }
  }

  private static var slotBytes: Int { MemoryLayout<UnsafeMutableRawPointer?>.stride }
  private static var initialSlots: Int { 8 }

  /// Makes the block table long enough for `end` bytes; the table counts as space, so a far offset cannot take more than the limit.
  private func reserveSlots(_ file: Int, for end: Int) -> Bool {
    let needed = (end &+ BlockPool.blockBytes &- 1) / BlockPool.blockBytes
    let held = inodes[file].blockSlots
    if needed <= held { return true }
    let wanted = max(needed, held &* 2, Self.initialSlots)
    var slots = wanted
    if !pool.charge((slots &- held) &* Self.slotBytes) {
      slots = needed
      guard pool.charge((slots &- held) &* Self.slotBytes) else { return false }
    }
    let grown = UnsafeMutablePointer<UnsafeMutableRawPointer?>.allocate(capacity: slots)
    if let blocks = inodes[file].blocks {
      grown.moveInitialize(from: blocks, count: held)
      blocks.deallocate()
    }
    (grown + held).initialize(repeating: nil, count: slots &- held)
    inodes[file].blocks = grown
    inodes[file].blockSlots = slots
    return true
  }
}
