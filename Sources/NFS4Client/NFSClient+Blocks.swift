// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import NFS4

// The data cache, and READ, WRITE and COMMIT that fill and empty it.
extension NFSClient {
  /// A block with what the server has in it.
  func readableBlock(_ index: Int, _ number: UInt64, _ state: Int32) throws(NFSClientFailure) -> Int {
    if let table = blockTable, let block = table.find(index, number) { return block }
    let block = try newBlock(index, number)
    do throws(NFSClientFailure) { try rpcRead(index, block, state) } catch {
      dropBlock(block)
      throw error
    }
    return block
  }

  /// A block that bytes from `within` on can be written to: read first if other bytes of it exist on the server.
  func writableBlock(
    _ index: Int, _ number: UInt64, _ within: Int, _ count: Int, _ state: Int32
  ) throws(NFSClientFailure) -> Int {
    guard let table = blockTable else { throw .local(.inputOutput) }
    let start = number &* UInt64(writeSize)
    let size = nodes[index].attributes.size
    var block = -1
    if let found = table.find(index, number) {
      block = found
    } else {
      let coversAll = within == 0 && start &+ UInt64(count) >= min(size, start &+ UInt64(writeSize))
      block = try newBlock(index, number)
      if start < size && !coversAll {
        do throws(NFSClientFailure) { try rpcRead(index, block, state) } catch {
          dropBlock(block)
          throw error
        }
      }
    }
    // Between the bytes that are known and the new ones lies nothing but a hole.
    let valid = Int(table.blocks[block].valid)
    if valid < within {
      UnsafeMutableRawBufferPointer(rebasing: table.bytes(block)[valid..<within]).initializeMemory(
        as: UInt8.self, repeating: 0)
      table.blocks[block].valid = Int32(truncatingIfNeeded: within)
    }
    // One dirty part per block: what does not touch it goes out first.
    let dirty = table.blocks[block]
    if dirty.isDirty && (within > Int(dirty.dirtyHigh) || within &+ count < Int(dirty.dirtyLow)) {
      try rpcWrite(index, block)
    }
    return block
  }

  /// Notes that a part of a block waits to be written.
  func markDirty(_ index: Int, _ block: Int, _ low: Int, _ high: Int) {
    guard let table = blockTable else { return }
    let record = table.blocks + block
    if record.pointee.isDirty {
      record.pointee.dirtyLow = min(record.pointee.dirtyLow, Int32(truncatingIfNeeded: low))
      record.pointee.dirtyHigh = max(record.pointee.dirtyHigh, Int32(truncatingIfNeeded: high))
    } else {
      record.pointee.dirtyLow = Int32(truncatingIfNeeded: low)
      record.pointee.dirtyHigh = Int32(truncatingIfNeeded: high)
      nodes[index].dirtyBlocks &+= 1
    }
    record.pointee.valid = max(record.pointee.valid, Int32(truncatingIfNeeded: high))
  }

  // MARK: Blocks of a node

  /// An empty block at the end of the node's list.
  ///
  /// The list's head knows the tail as its predecessor.
  private func newBlock(_ index: Int, _ number: UInt64) throws(NFSClientFailure) -> Int {
    guard let table = blockTable else { throw .local(.inputOutput) }
    var block = table.make(index, number)
    while block == nil {
      try evictBlock()
      block = table.make(index, number)
    }
    guard let block else { throw .local(.inputOutput) }
    link(block, to: index, table)
    return block
  }

  /// A block that exists or can be had without an RPC; nil otherwise.
  func cleanBlock(_ index: Int, _ number: UInt64) -> Int? {
    guard let table = blockTable else { return nil }
    if let block = table.find(index, number) { return block }
    guard let block = table.make(index, number) else {
      // All in use: give up a clean one, if the next one round the table is clean.
      guard let victim = table.nextVictim(), !table.blocks[victim].isDirty, !table.blocks[victim].uncommitted else {
        return nil
      }
      dropBlock(victim)
      guard let block = table.make(index, number) else { return nil }
      link(block, to: index, table)
      return block
    }
    link(block, to: index, table)
    return block
  }

  private func link(_ block: Int, to index: Int, _ table: BlockTable) {
    let first = nodes[index].firstBlock
    let number = Int32(truncatingIfNeeded: block)
    if first < 0 {
      table.blocks[block].previousInNode = number
      nodes[index].firstBlock = number
    } else {
      let last = table.blocks[Int(first)].previousInNode
      table.blocks[Int(last)].nextInNode = number
      table.blocks[block].previousInNode = last
      table.blocks[Int(first)].previousInNode = number
    }
    table.blocks[block].nextInNode = -1
  }

  private func dropBlock(_ block: Int) {
    guard let table = blockTable else { return }
    let record = table.blocks[block]
    let index = Int(record.node)
    if record.isDirty { nodes[index].dirtyBlocks &-= 1 }
    if record.uncommitted { nodes[index].uncommittedBlocks &-= 1 }
    let first = nodes[index].firstBlock
    if first == Int32(truncatingIfNeeded: block) {
      nodes[index].firstBlock = record.nextInNode
      if record.nextInNode >= 0 { table.blocks[Int(record.nextInNode)].previousInNode = record.previousInNode }
    } else {
      table.blocks[Int(record.previousInNode)].nextInNode = record.nextInNode
      if record.nextInNode >= 0 {
        table.blocks[Int(record.nextInNode)].previousInNode = record.previousInNode
      } else {
        table.blocks[Int(first)].previousInNode = record.previousInNode
      }
    }
    table.free(block)
  }

  /// Forgets the data of a file: all of it, or only what the server has for certain.
  func dropBlocks(of index: Int, all: Bool) {
    guard let table = blockTable else { return }
    var block = nodes[index].firstBlock
    while block >= 0 {
      let next = table.blocks[Int(block)].nextInNode
      let record = table.blocks[Int(block)]
      if all || (!record.isDirty && !record.uncommitted) { dropBlock(Int(block)) }
      block = next
    }
  }

  /// Makes a block free: the next clean one, or the next one after its file has been written.
  private func evictBlock() throws(NFSClientFailure) {
    guard let table = blockTable else { return }
    var steps = 0
    var last = -1
    while steps < table.capacity, let victim = table.nextVictim() {
      if !table.blocks[victim].isDirty && !table.blocks[victim].uncommitted {
        dropBlock(victim)
        return
      }
      last = victim
      steps += 1
    }
    guard last >= 0 else { throw .local(.inputOutput) }
    try flush(Int(table.blocks[last].node))
    dropBlock(last)
  }

  // MARK: READ, WRITE, COMMIT

  private func stateid(_ state: Int32) -> Stateid { state >= 0 ? states[Int(state)].stateid : .anonymous }

  /// PUTFH READ.
  private func rpcRead(_ index: Int, _ block: Int, _ state: Int32) throws(NFSClientFailure) {
    guard let table = blockTable else { return }
    var encoder = try compound("Read")
    encoder.putFilehandle(nodes + index)
    encoder.begin(.read)
    encoder.writer.put(stateid(state))
    encoder.writer.put(table.blocks[block].number &* UInt64(readSize))
    encoder.writer.put(UInt32(truncatingIfNeeded: readSize))
    var reply = try send(.read, &encoder)
    try reply.next(.putFilehandle)
    try reply.next(.read)
    let limit = readSize
    let data = try reply.read { reader throws(XDRError) in
      _ = try reader.bool()
      return try reader.opaque(limit: limit)
    }
    leaseWasRenewed()
    table.bytes(block).copyMemory(from: data)
    table.blocks[block].valid = Int32(truncatingIfNeeded: data.count)
  }

  /// WRITE of the dirty part of a block, unstable: PUTFH WRITE GETATTR (Linux), PUTFH GETATTR WRITE GETATTR (BSD).
  func rpcWrite(_ index: Int, _ block: Int) throws(NFSClientFailure) {
    guard let table = blockTable else { return }
    let record = table.blocks + block
    while record.pointee.isDirty {
      let low = Int(record.pointee.dirtyLow)
      let data = UnsafeRawBufferPointer(rebasing: table.bytes(block)[low..<Int(record.pointee.dirtyHigh)])
      var encoder = try compound("Write")
      encoder.putFilehandle(nodes + index)
      if !isLinux { encoder.getAttributes(AttributeSets.bsdBefore) }
      encoder.begin(.write)
      encoder.writer.put(stateid(nodes[index].firstOpen))
      encoder.writer.put(record.pointee.number &* UInt64(writeSize) &+ UInt64(low))
      encoder.writer.put(NFSStable.unstable)
      encoder.writer.putOpaque(data)
      encoder.getAttributes(isLinux ? AttributeSets.write : AttributeSets.bsdFile)
      var reply = try send(.write, &encoder)
      try reply.next(.putFilehandle)
      var decoded = DecodedAttributes()
      if !isLinux { try reply.attributes(into: &decoded) }
      try reply.next(.write)
      let (count, committed, verifier) = try reply.read { reader throws(XDRError) in
        (Int(try reader.uint32()), try reader.uint32(), try reader.uint64())
      }
      guard count > 0, count <= data.count else {
        throw .malformedReply(.tooLong(length: count, limit: data.count), .write)
      }
      try reply.attributes(into: &decoded)
      leaseWasRenewed()
      noteWritten(index, block, low, low &+ count, unstable: committed == NFSStable.unstable, verifier)
      refresh(index, decoded.attributes, own: true)
    }
  }

  private func noteWritten(
    _ index: Int, _ block: Int, _ low: Int, _ high: Int, unstable: Bool, _ verifier: UInt64
  ) {
    guard let table = blockTable else { return }
    let record = table.blocks + block
    record.pointee.dirtyLow = Int32(truncatingIfNeeded: high)
    if !record.pointee.isDirty { nodes[index].dirtyBlocks &-= 1 }
    guard unstable else { return }
    if nodes[index].uncommittedBlocks > 0 && nodes[index].writeVerifier != verifier { rewriteUncommitted(index) }
    nodes[index].writeVerifier = verifier
    if record.pointee.uncommitted {
      record.pointee.unstableLow = min(record.pointee.unstableLow, Int32(truncatingIfNeeded: low))
      record.pointee.unstableHigh = max(record.pointee.unstableHigh, Int32(truncatingIfNeeded: high))
    } else {
      record.pointee.uncommitted = true
      record.pointee.unstableLow = Int32(truncatingIfNeeded: low)
      record.pointee.unstableHigh = Int32(truncatingIfNeeded: high)
      nodes[index].uncommittedBlocks &+= 1
    }
  }

  /// The server lost what it had not committed (RFC 7530 section 16.36.5): it is dirty again.
  private func rewriteUncommitted(_ index: Int) {
    guard let table = blockTable else { return }
    var block = nodes[index].firstBlock
    while block >= 0 {
      let record = table.blocks + Int(block)
      if record.pointee.uncommitted {
        record.pointee.uncommitted = false
        nodes[index].uncommittedBlocks &-= 1
        markDirty(index, Int(block), Int(record.pointee.unstableLow), Int(record.pointee.unstableHigh))
      }
      block = record.pointee.nextInNode
    }
  }

  /// COMMIT of the whole file: PUTFH COMMIT (Linux), PUTFH GETATTR COMMIT GETATTR (BSD).
  func rpcCommit(_ index: Int) throws(NFSClientFailure) {
    guard let table = blockTable else { return }
    var encoder = try compound("Commit")
    encoder.putFilehandle(nodes + index)
    if !isLinux { encoder.getAttributes(AttributeSets.bsdBefore) }
    encoder.begin(.commit)
    encoder.writer.put(0 as UInt64)
    encoder.writer.put(0 as UInt32)
    if !isLinux { encoder.getAttributes(AttributeSets.bsdFile) }
    var reply = try send(.commit, &encoder)
    try reply.next(.putFilehandle)
    var decoded = DecodedAttributes()
    if !isLinux { try reply.attributes(into: &decoded) }
    try reply.next(.commit)
    let verifier = try reply.read { reader throws(XDRError) in try reader.uint64() }
    if !isLinux {
      try reply.attributes(into: &decoded)
      refresh(index, decoded.attributes, own: true)
    }
    if verifier != nodes[index].writeVerifier {
      rewriteUncommitted(index)
      return
    }
    var block = nodes[index].firstBlock
    while block >= 0 {
      table.blocks[Int(block)].uncommitted = false
      block = table.blocks[Int(block)].nextInNode
    }
    nodes[index].uncommittedBlocks = 0
  }
}
