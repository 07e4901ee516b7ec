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
  private var slots: HashedSlots
  /// Names in use.
  var count: Int { slots.count }

  private static let stride = 256

  init(capacity: Int) {
    self.capacity = capacity
    entries = .allocate(capacity: capacity)
    bytes = .allocate(byteCount: capacity * Self.stride, alignment: 64)
    slots = HashedSlots(capacity: capacity)
  }

  deinit {
    entries.deallocate()
    bytes.deallocate()
    slots.deallocate()
  }

  /// True if no further name can be kept.
  var isFull: Bool { slots.isFull }

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
    var index = slots.first(UInt64(hash))
    while index >= 0 {
      let entry = entries + index
      if entry.pointee.hash == hash, Int(entry.pointee.parent) == parent, Int(entry.pointee.length) == name.count,
        equalBytes(bytes + index &* Self.stride, name)
      {
        return index
      }
      index = slots.following(index)
    }
    return nil
  }

  /// Enters a name that is not there yet; nil if the table is full or the name is empty or too long.
  ///
  /// The caller links the entry into its directory.
  func insert(_ parent: Int, _ name: UnsafeRawBufferPointer, node: Int) -> Int? {
    guard let source = name.baseAddress, !name.isEmpty, name.count <= Self.nameLimit else { return nil }
    let hash = Self.hash(parent, name)
    guard let index = slots.take(UInt64(hash)) else { return nil }
    (bytes + index &* Self.stride).copyMemory(from: source, byteCount: name.count)
    (entries + index).initialize(
      to: NameEntry(
        parent: Int32(truncatingIfNeeded: parent), node: Int32(truncatingIfNeeded: node), hash: hash,
        length: UInt32(truncatingIfNeeded: name.count), verifier: 0, nanoseconds: 0,
        previousInDirectory: -1, nextInDirectory: -1))
    return index
  }

  /// Forgets an entry that the caller has unlinked from its directory.
  func remove(_ index: Int) {
    slots.give(index, UInt64(entries[index].hash))
    entries[index].parent = -1
  }

  /// Goes round the table once and returns the first entry from the clock hand on that `mayGo` allows to be forgotten.
  func victim(_ mayGo: (Int) -> Bool) -> Int? {
    let entries = entries
    return slots.victim { entries[$0].parent >= 0 && mayGo($0) }
  }
}
