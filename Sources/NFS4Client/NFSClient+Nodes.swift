// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import Glibc
import NFS4

extension NFSClient {
  // MARK: Nodes

  /// The node of a filehandle that the server just gave, made if it is new, with these attributes.
  func node(
    _ filehandle: UnsafeRawBufferPointer, _ attributes: NodeAttributes
  ) throws(NFSClientFailure) -> Int {
    if let index = nodeTable.find(filehandle) {
      nodes[index].lastCall = callNumber
      refresh(index, attributes)
      return index
    }
    if nodeTable.isFull { try makeRoom() }
    guard let index = nodeTable.make(filehandle, attributes) else { throw .local(SystemCallError(ENFILE)) }
    let now = clock.nanoseconds
    nodes[index].lastCall = callNumber
    nodes[index].readNanoseconds = now
    nodes[index].timeoutNanoseconds = now
    nodes[index].changedNanoseconds = now
    nodes[index].timeout = nodes[index].isDirectory ? Self.directoryMinimum : Self.fileMinimum
    return index
  }

  func hold(_ index: Int) { nodes[index].holdCount &+= 1 }

  /// Gives up a hold.
  func release(_ index: Int) {
    nodes[index].holdCount &-= 1
    freeIfUnused(index)
  }

  /// Forgets a node that no name and nobody refers to.
  func freeIfUnused(_ index: Int) {
    guard nodes[index].nameCount == 0, nodes[index].holdCount == 0 else { return }
    dropNames(in: index)
    dropBlocks(of: index, all: true)
    dropListing(of: index)
    let parent = Int(nodes[index].parent)
    nodes[index].parent = -1
    nodeTable.free(index)
    if parent >= 0 { release(parent) }
  }

  // MARK: Names

  /// Enters a name, or changes what it leads to; `node` is -1 for a name that does not exist.
  @discardableResult
  func enter(
    _ directory: Int, _ name: UnsafeRawBufferPointer, node: Int, verifier: UInt64
  ) throws(NFSClientFailure) -> Int {
    if let index = nameTable.find(directory, name) {
      let old = Int(entries[index].node)
      if old != node {
        entries[index].node = Int32(truncatingIfNeeded: node)
        if node >= 0 { attach(index, to: node) }
        if old >= 0 { detach(index, from: old) }
      }
      entries[index].verifier = verifier
      entries[index].nanoseconds = clock.nanoseconds
      return index
    }
    if nameTable.isFull { try makeRoom() }
    // A name too long for the table is simply not kept.
    guard let index = nameTable.insert(directory, name, node: node) else { return -1 }
    entries[index].verifier = verifier
    entries[index].nanoseconds = clock.nanoseconds
    let first = nodes[directory].firstName
    entries[index].nextInDirectory = first
    if first >= 0 { entries[Int(first)].previousInDirectory = Int32(truncatingIfNeeded: index) }
    nodes[directory].firstName = Int32(truncatingIfNeeded: index)
    if node >= 0 { attach(index, to: node) }
    return index
  }

  private func attach(_ index: Int, to node: Int) {
    nodes[node].nameCount &+= 1
    guard nodes[node].isDirectory else { return }
    let parent = entries[index].parent
    nodes[node].ownName = Int32(truncatingIfNeeded: index)
    let old = nodes[node].parent
    if old != parent {
      nodes[node].parent = parent
      hold(Int(parent))
      if old >= 0 { release(Int(old)) }
    }
  }

  private func detach(_ index: Int, from node: Int) {
    nodes[node].nameCount &-= 1
    if nodes[node].ownName == Int32(truncatingIfNeeded: index) { nodes[node].ownName = -1 }
    freeIfUnused(node)
  }

  /// Forgets a name.
  func forget(_ index: Int) {
    let directory = Int(entries[index].parent)
    let previous = entries[index].previousInDirectory
    let next = entries[index].nextInDirectory
    if previous >= 0 {
      entries[Int(previous)].nextInDirectory = next
    } else {
      nodes[directory].firstName = next
    }
    if next >= 0 { entries[Int(next)].previousInDirectory = previous }
    let node = Int(entries[index].node)
    nameTable.remove(index)
    if node >= 0 { detach(index, from: node) }
  }

  /// Forgets all names in a directory, and what only they led to.
  func dropNames(in directory: Int) {
    while nodes[directory].firstName >= 0 { forget(Int(nodes[directory].firstName)) }
  }

  /// Forgets names that nobody uses, round the table, until a node and a name are free.
  private func makeRoom() throws(NFSClientFailure) {
    while nodeTable.isFull || nameTable.isFull {
      let victim = nameTable.victim { index in
        let entry = entries[index]
        guard entry.node >= 0 else { return true }
        let node = nodes + Int(entry.node)
        return node.pointee.holdCount == 0 && node.pointee.firstName < 0 && node.pointee.lastCall != callNumber
      }
      guard let victim else { throw .local(SystemCallError(ENFILE)) }
      forget(victim)
    }
  }

  // MARK: Listings

  func dropListing(of directory: Int) {
    let slot = Int(nodes[directory].listing)
    if slot >= 0 {
      listings.drop(slot)
      nodes[directory].listing = -1
    }
  }
}
