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
  private let heads: UnsafeMutablePointer<Int32>
  private let headMask: Int
  private var firstFree: Int32 = -1
  private var used = 0
  /// Nodes in use.
  private(set) var count = 0

  init(capacity: Int) {
    self.capacity = capacity
    nodes = .allocate(capacity: capacity)
    var size = 64
    while size < capacity { size *= 2 }
    headMask = size - 1
    heads = .allocate(capacity: size)
    heads.initialize(repeating: -1, count: size)
  }

  deinit {
    // Nodes are plain values.
    nodes.deallocate()
    heads.deallocate()
  }

  /// True if the index is that of a node that exists.
  func isInUse(_ index: Int) -> Bool { index < used && nodes[index].inUse }

  /// True if no further node can be made.
  var isFull: Bool { firstFree < 0 && used == capacity }

  private func bucket(_ filehandle: UnsafeRawBufferPointer) -> Int {
    Int(truncatingIfNeeded: hashBytes(filehandle, seed: 0)) & headMask
  }

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
    var index = heads[bucket(filehandle)]
    while index >= 0 {
      let node = nodes + Int(index)
      if Self.equal(node, filehandle) { return Int(index) }
      index = node.pointee.nextInHash
    }
    return nil
  }

  /// Makes a node; nil if the table is full or the filehandle too long.
  func make(_ filehandle: UnsafeRawBufferPointer, _ attributes: NodeAttributes) -> Int? {
    guard let kept = Filehandle(filehandle) else { return nil }
    let index: Int
    if firstFree >= 0 {
      index = Int(firstFree)
      firstFree = nodes[index].nextInHash
    } else {
      guard used < capacity else { return nil }
      index = used
      used &+= 1
    }
    (nodes + index).initialize(to: Node(filehandle: kept, attributes: attributes))
    let bucket = bucket(filehandle)
    nodes[index].nextInHash = heads[bucket]
    heads[bucket] = Int32(truncatingIfNeeded: index)
    count &+= 1
    return index
  }

  /// Gives a node back.
  ///
  /// The caller has taken its names, blocks and opens away.
  func free(_ index: Int) {
    let bucket = nodes[index].filehandle.withBytes { self.bucket($0) }
    var link = heads[bucket]
    if link == Int32(truncatingIfNeeded: index) {
      heads[bucket] = nodes[index].nextInHash
    } else {
      while link >= 0 {
        let next = nodes[Int(link)].nextInHash
        if next == Int32(truncatingIfNeeded: index) {
          nodes[Int(link)].nextInHash = nodes[index].nextInHash
          break
        }
        link = next
      }
    }
    nodes[index].inUse = false
    nodes[index].nextInHash = firstFree
    firstFree = Int32(truncatingIfNeeded: index)
    count &-= 1
  }
}
