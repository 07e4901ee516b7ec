// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

/// A table of the client that contradicts itself.
public struct ClientInvariantViolation: Error, Equatable, Sendable, CustomStringConvertible {
  /// What contradicts what, with the values.
  public let description: String
}

extension NFSClient {
  /// Checks that names, nodes, blocks and opens agree with each other.
  ///
  /// Walks all tables: for tests and checked mode.
  ///
  /// - Throws: ``ClientInvariantViolation``.
  public func checkInvariants() throws(ClientInvariantViolation) {
    try checkNames()
    try checkHolds()
    try checkBlocks()
  }

  private func require(_ condition: Bool, _ text: @autoclosure () -> String) throws(ClientInvariantViolation) {
    if !condition { throw ClientInvariantViolation(description: text()) }
  }

  /// Every name is in its directory's list, and every node knows how many names lead to it.
  private func checkNames() throws(ClientInvariantViolation) {
    var counts = [Int32](repeating: 0, count: nodeTable.capacity)
    var listed = 0
    for index in 0..<nodeTable.capacity where nodeTable.isInUse(index) {
      var entry = nodes[index].firstName
      var previous: Int32 = -1
      while entry >= 0 {
        let record = entries[Int(entry)]
        try require(
          Int(record.parent) == index, "name \(entry) is listed in node \(index) but has parent \(record.parent)")
        try require(
          record.previousInDirectory == previous,
          "name \(entry) has predecessor \(record.previousInDirectory), expected \(previous)")
        try require(
          nameTable.find(index, nameTable.name(Int(entry))) == Int(entry), "name \(entry) is not found by its hash")
        if record.node >= 0 {
          try require(nodeTable.isInUse(Int(record.node)), "name \(entry) leads to free node \(record.node)")
          counts[Int(record.node)] += 1
        }
        listed += 1
        previous = entry
        entry = record.nextInDirectory
      }
    }
    try require(listed == nameTable.count, "\(listed) names are listed, \(nameTable.count) exist")
    for index in 0..<nodeTable.capacity where nodeTable.isInUse(index) {
      try require(
        counts[index] == nodes[index].nameCount,
        "node \(index) counts \(nodes[index].nameCount) names, has \(counts[index])")
    }
  }

  /// Every hold has a holder.
  private func checkHolds() throws(ClientInvariantViolation) {
    guard root >= 0 else { return }
    var holds = [Int32](repeating: 0, count: nodeTable.capacity)
    holds[root] += 1
    if workingDirectory >= 0 { holds[workingDirectory] += 1 }
    for index in 0..<nodeTable.capacity where nodeTable.isInUse(index) && nodes[index].parent >= 0 {
      holds[Int(nodes[index].parent)] += 1
    }
    for number in 0..<Self.descriptorLimit {
      if files[number].inUse { holds[Int(files[number].node)] += 1 }
      if directories[number].inUse { holds[Int(directories[number].node)] += 1 }
      if mappings[number] >= 0 { holds[Int(mappings[number])] += 1 }
    }
    for silly in sillyNames { holds[silly.directory] += 1 }
    for index in 0..<nodeTable.capacity where nodeTable.isInUse(index) {
      let node = nodes[index]
      try require(holds[index] == node.holdCount, "node \(index) counts \(node.holdCount) holds, has \(holds[index])")
      try require(node.nameCount > 0 || node.holdCount > 0, "node \(index) is used by nobody")
      if node.firstOpen >= 0 {
        try require(
          Int(states[Int(node.firstOpen)].node) == index, "state \(node.firstOpen) is not of node \(index)")
      }
    }
  }

  /// Every block is in its file's list, and every file knows how many are dirty or uncommitted.
  private func checkBlocks() throws(ClientInvariantViolation) {
    guard let table = blockTable else { return }
    for index in 0..<nodeTable.capacity where nodeTable.isInUse(index) {
      var dirty: Int32 = 0
      var uncommitted: Int32 = 0
      var block = nodes[index].firstBlock
      var last = block
      while block >= 0 {
        let record = table.blocks[Int(block)]
        try require(record.inUse && Int(record.node) == index, "block \(block) is not of node \(index)")
        try require(table.find(index, record.number) == Int(block), "block \(block) is not found by its hash")
        try require(
          record.valid >= 0 && Int(record.valid) <= table.blockSize, "block \(block) has \(record.valid) valid bytes")
        if record.isDirty {
          dirty += 1
          try require(record.dirtyHigh <= record.valid, "block \(block) is dirty behind its end")
        }
        if record.uncommitted { uncommitted += 1 }
        last = block
        block = record.nextInNode
      }
      let node = nodes[index]
      try require(dirty == node.dirtyBlocks, "node \(index) counts \(node.dirtyBlocks) dirty blocks, has \(dirty)")
      try require(
        uncommitted == node.uncommittedBlocks,
        "node \(index) counts \(node.uncommittedBlocks) uncommitted blocks, has \(uncommitted)")
      if node.firstBlock >= 0 {
        try require(
          table.blocks[Int(node.firstBlock)].previousInNode == last, "node \(index) has lost the end of its block list")
      }
    }
  }
}
