// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import NFS4

extension NFSClient {
  /// How often data is written again because the server's write verifier changed, before the call fails.
  static let rewriteLimit = 3

  // MARK: System calls

  /// read(2).
  public func read(
    _ descriptor: Int32, into buffer: UnsafeMutableRawBufferPointer
  ) throws(SystemCallError) -> Int {
    try systemCall { () throws(NFSClientFailure) in
      let open = try file(descriptor)
      guard files[open].flags.contains(.read) || !files[open].flags.contains(.write), let table = blockTable else {
        throw .local(.badDescriptor)
      }
      let index = Int(files[open].node)
      let size = nodes[index].attributes.size
      var done = 0
      while done < buffer.count {
        let offset = files[open].offset
        guard offset < size else { break }
        let number = offset / UInt64(readSize)
        let within = Int(offset % UInt64(readSize))
        let block = try readableBlock(index, number, files[open].state)
        let valid = Int(table.blocks[block].valid)
        var count = min(buffer.count &- done, readSize &- within)
        if UInt64(count) > size &- offset { count = Int(size &- offset) }
        let known = max(0, min(count, valid &- within))
        let target = UnsafeMutableRawBufferPointer(rebasing: buffer[done..<(done &+ count)])
        if known > 0 {
          target.copyMemory(from: UnsafeRawBufferPointer(rebasing: table.bytes(block)[within..<(within &+ known)]))
        }
        // Behind what the server returned but before the end that it announced: a hole that reads as zeros.
        if known < count {
          UnsafeMutableRawBufferPointer(rebasing: target[known..<count]).initializeMemory(as: UInt8.self, repeating: 0)
        }
        files[open].offset &+= UInt64(count)
        done &+= count
      }
      return done
    }
  }

  /// write(2): the data stays in the cache until close (Linux) or until a block is full (BSD).
  public func write(_ descriptor: Int32, from bytes: UnsafeRawBufferPointer) throws(SystemCallError) -> Int {
    try systemCall { () throws(NFSClientFailure) in
      let open = try file(descriptor)
      guard files[open].flags.contains(.write), let table = blockTable else { throw .local(.badDescriptor) }
      let index = Int(files[open].node)
      var done = 0
      while done < bytes.count {
        let offset = files[open].offset
        let number = offset / UInt64(writeSize)
        let within = Int(offset % UInt64(writeSize))
        let count = min(bytes.count &- done, writeSize &- within)
        let block = try writableBlock(index, number, within, count, files[open].state)
        let source = UnsafeRawBufferPointer(rebasing: bytes[done..<(done &+ count)])
        UnsafeMutableRawBufferPointer(rebasing: table.bytes(block)[within..<(within &+ count)]).copyMemory(from: source)
        markDirty(index, block, within, within &+ count)
        files[open].offset &+= UInt64(count)
        if files[open].offset > nodes[index].attributes.size { nodes[index].attributes.size = files[open].offset }
        done &+= count
        if !isLinux && table.blocks[block].dirtyHigh == Int32(truncatingIfNeeded: writeSize) {
          try rpcWrite(index, block)
        }
      }
      return done
    }
  }

  /// mmap(2) for reading: the file stays in use until munmap(2).
  public func mmap(_ descriptor: Int32, length: Int) throws(SystemCallError) -> Int32 {
    try systemCall { () throws(NFSClientFailure) in
      let open = try file(descriptor)
      var number = 0
      while number < Self.descriptorLimit && mappings[number] >= 0 { number &+= 1 }
      guard number < Self.descriptorLimit else { throw .local(.tooManyFiles) }
      let index = Int(files[open].node)
      // nfs_file_mmap(): nfs_revalidate_mapping()
      if isLinux && (nodes[index].stale.contains(.change) || expired(index)) { try rpcGetAttributes(index) }
      mappings[number] = Int32(truncatingIfNeeded: index)
      hold(index)
      return Int32(truncatingIfNeeded: number)
    }
  }

  /// msync(2) with MS_INVALIDATE: BSD kernels give the pages up, so that the next read asks the server; Linux does
  /// nothing.
  public func msyncInvalidate(_ mapping: Int32) throws(SystemCallError) {
    try systemCall { () throws(NFSClientFailure) in
      let index = try mappedNode(mapping)
      if !isLinux {
        try flush(index)
        dropBlocks(of: index, all: false)
      }
    }
  }

  /// munmap(2).
  public func munmap(_ mapping: Int32) throws(SystemCallError) {
    try systemCall { () throws(NFSClientFailure) in
      let index = try mappedNode(mapping)
      mappings[Int(mapping)] = -1
      release(index)
    }
  }

  private func mappedNode(_ mapping: Int32) throws(NFSClientFailure) -> Int {
    guard mapping >= 0, mapping < Self.descriptorLimit, mappings[Int(mapping)] >= 0 else { throw .local(.invalid) }
    return Int(mappings[Int(mapping)])
  }

  /// One beyond the highest mapping in use.
  var mappingLimit: Int {
    var limit = Self.descriptorLimit
    while limit > 0 && mappings[limit - 1] < 0 { limit -= 1 }
    return limit
  }

  // MARK: Write back

  /// Sends what is dirty; what is unstable on the server stays so.
  func writeBack(_ index: Int) throws(NFSClientFailure) {
    guard let table = blockTable else { return }
    var block = nodes[index].firstBlock
    while block >= 0 && nodes[index].dirtyBlocks > 0 {
      if table.blocks[Int(block)].isDirty { try rpcWrite(index, Int(block)) }
      block = table.blocks[Int(block)].nextInNode
    }
  }

  /// Sends what is dirty and commits what is unstable (nfs_wb_all(); ncl_flush()).
  func flush(_ index: Int) throws(NFSClientFailure) {
    var rounds = 0
    while nodes[index].dirtyBlocks > 0 || nodes[index].uncommittedBlocks > 0 {
      guard rounds <= Self.rewriteLimit else { throw .unstableData }
      rounds += 1
      try writeBack(index)
      if nodes[index].uncommittedBlocks > 0 { try rpcCommit(index) }
    }
  }
}
