// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import NFS4

/// All nodes of a client, found by filehandle.
///
/// Index-linked columns: nothing is allocated after the start.
final class NodeTable {
  /// The nodes; an index is valid while its node is in use.
  let nodes: UnsafeMutablePointer<Node>
  let capacity: Int
  private var slots: HashedSlots
  /// Nodes in use.
  var count: Int { slots.count }

  init(capacity: Int) {
    self.capacity = capacity
    nodes = .allocate(capacity: capacity)
    slots = HashedSlots(capacity: capacity)
  }

  deinit {
    // Nodes are plain values.
    nodes.deallocate()
    slots.deallocate()
  }

  /// True if the index is that of a node that exists.
  func isInUse(_ index: Int) -> Bool { index < slots.used && nodes[index].inUse }

  /// True if no further node can be made.
  var isFull: Bool { slots.isFull }

  private static func hash(_ filehandle: UnsafeRawBufferPointer) -> UInt64 { hashBytes(filehandle, seed: 0) }

  private static func equal(_ node: UnsafeMutablePointer<Node>, _ bytes: UnsafeRawBufferPointer) -> Bool {
    if node.pointee.filehandle.count != bytes.count { return false }
    return node.pointee.filehandle.withBytes { own in
      guard let start = own.baseAddress else { return bytes.isEmpty }
      return equalBytes(start, bytes)
    }
  }

  /// True if the node has this filehandle.
  func has(_ index: Int, filehandle: UnsafeRawBufferPointer) -> Bool { Self.equal(nodes + index, filehandle) }

  /// The node of a filehandle, nil if none is known.
  func find(_ filehandle: UnsafeRawBufferPointer) -> Int? {
    var index = slots.first(Self.hash(filehandle))
    while index >= 0 {
      if Self.equal(nodes + index, filehandle) { return index }
      index = slots.following(index)
    }
    return nil
  }

  /// Makes a node; nil if the table is full or the filehandle too long.
  func make(_ filehandle: UnsafeRawBufferPointer, _ attributes: NodeAttributes) -> Int? {
    guard let kept = Filehandle(filehandle) else { return nil }
    guard let index = slots.take(Self.hash(filehandle)) else { return nil }
    (nodes + index).initialize(to: Node(filehandle: kept, attributes: attributes))
    return index
  }

  /// Gives a node back.
  ///
  /// The caller has taken its names, blocks and opens away.
  func free(_ index: Int) {
    slots.give(index, nodes[index].filehandle.withBytes { Self.hash($0) })
    nodes[index].inUse = false
  }
}
