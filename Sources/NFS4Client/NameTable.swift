// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

/// One name of a directory: a dentry, or an entry of the BSD name cache.
struct NameEntry {
  /// The directory.
  var parent: Int32
  /// What the name leads to; -1 for a name that does not exist (a negative entry).
  var node: Int32
  var hash: UInt32
  var length: UInt32
  /// The directory's verifier when the name was last known to be right.
  var verifier: UInt64
  /// When it was entered, nanoseconds.
  var nanoseconds: UInt64
  var nextInHash: Int32
  var previousInDirectory: Int32
  var nextInDirectory: Int32
}

/// All names that a client keeps.
///
/// Index-linked columns: nothing is allocated after the start.
final class NameTable {
  /// Longest name that is kept, bytes: what file systems allow in general.
  static let nameLimit = 255

  let entries: UnsafeMutablePointer<NameEntry>
  let capacity: Int
  private let bytes: UnsafeMutableRawPointer
  private let heads: UnsafeMutablePointer<Int32>
  private let headMask: Int
  private var firstFree: Int32 = -1
  private var used = 0
  private var hand = 0
  /// Names in use.
  private(set) var count = 0

  private static let stride = 256

  init(capacity: Int) {
    self.capacity = capacity
    entries = .allocate(capacity: capacity)
    bytes = .allocate(byteCount: capacity * Self.stride, alignment: 64)
    var size = 64
    while size < capacity { size *= 2 }
    headMask = size - 1
    heads = .allocate(capacity: size)
    heads.initialize(repeating: -1, count: size)
  }

  deinit {
    entries.deallocate()
    bytes.deallocate()
    heads.deallocate()
  }

  /// True if no further name can be kept.
  var isFull: Bool { firstFree < 0 && used == capacity }

  /// The bytes of a name.
  func name(_ index: Int) -> UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(start: bytes + index &* Self.stride, count: Int(entries[index].length))
  }

  private static func hash(_ parent: Int, _ name: UnsafeRawBufferPointer) -> UInt32 {
    UInt32(truncatingIfNeeded: hashBytes(name, seed: UInt64(truncatingIfNeeded: parent)))
  }

  /// The entry of a name in a directory.
  func find(_ parent: Int, _ name: UnsafeRawBufferPointer) -> Int? {
    let hash = Self.hash(parent, name)
    var index = heads[Int(hash) & headMask]
    while index >= 0 {
      let entry = entries + Int(index)
      if entry.pointee.hash == hash, Int(entry.pointee.parent) == parent, Int(entry.pointee.length) == name.count,
        equalBytes(bytes + Int(index) &* Self.stride, name)
      {
        return Int(index)
      }
      index = entry.pointee.nextInHash
    }
    return nil
  }

  /// Enters a name that is not there yet; nil if the table is full or the name is empty or too long.
  ///
  /// The caller links the entry into its directory.
  func insert(_ parent: Int, _ name: UnsafeRawBufferPointer, node: Int) -> Int? {
    guard let source = name.baseAddress, !name.isEmpty, name.count <= Self.nameLimit else { return nil }
    let index: Int
    if firstFree >= 0 {
      index = Int(firstFree)
      firstFree = entries[index].nextInHash
    } else {
      guard used < capacity else { return nil }
      index = used
      used &+= 1
    }
    let hash = Self.hash(parent, name)
    (bytes + index &* Self.stride).copyMemory(from: source, byteCount: name.count)
    (entries + index).initialize(
      to: NameEntry(
        parent: Int32(truncatingIfNeeded: parent), node: Int32(truncatingIfNeeded: node), hash: hash,
        length: UInt32(truncatingIfNeeded: name.count), verifier: 0, nanoseconds: 0,
        nextInHash: heads[Int(hash) & headMask], previousInDirectory: -1, nextInDirectory: -1))
    heads[Int(hash) & headMask] = Int32(truncatingIfNeeded: index)
    count &+= 1
    return index
  }

  /// Forgets an entry that the caller has unlinked from its directory.
  func remove(_ index: Int) {
    let head = Int(entries[index].hash) & headMask
    var link = heads[head]
    if link == Int32(truncatingIfNeeded: index) {
      heads[head] = entries[index].nextInHash
    } else {
      while link >= 0 {
        let next = entries[Int(link)].nextInHash
        if next == Int32(truncatingIfNeeded: index) {
          entries[Int(link)].nextInHash = entries[index].nextInHash
          break
        }
        link = next
      }
    }
    entries[index].parent = -1
    entries[index].nextInHash = firstFree
    firstFree = Int32(truncatingIfNeeded: index)
    count &-= 1
  }

  /// Goes round the table once and returns the first entry from the clock hand on that `mayGo` allows to be forgotten.
  func victim(_ mayGo: (Int) -> Bool) -> Int? {
    var steps = 0
    while steps < used {
      let index = hand
      hand = hand &+ 1 < used ? hand &+ 1 : 0
      steps &+= 1
      if entries[index].parent >= 0, mayGo(index) { return index }
    }
    return nil
  }
}
