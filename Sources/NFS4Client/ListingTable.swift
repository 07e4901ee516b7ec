// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

/// The entries of one directory in the order of the server's cookies.
struct Listing {
  var node: Int32 = -1
  /// Cookie in front of the first entry; 0 at the beginning of the directory.
  var startCookie: UInt64 = 0
  /// Cookie behind the last entry.
  var lastCookie: UInt64 = 0
  /// cookieverf4.
  var verifier: UInt64 = 0
  /// True if nothing follows the last entry.
  var complete = false
  /// Changes whenever the listing begins anew.
  var generation: UInt64 = 0
  var memory: UnsafeMutableRawPointer?
  var capacity = 0
  var used = 0
}

/// The listings of all directories, a few at a time.
///
/// A record of a listing is cookie (8 bytes), fileid (8), type bits (4), length of the name (4) and the name, padded to
/// 8.
final class ListingTable {
  /// How many directories' listings are kept.
  static let capacity = 32
  /// Most bytes of one listing: a million entries or more.
  static let byteLimit = 256 << 20
  /// Bytes of a record in front of the name.
  static let headerSize = 24

  let listings: UnsafeMutablePointer<Listing>
  private var hand = 0
  private var generations: UInt64 = 0

  init() {
    listings = .allocate(capacity: Self.capacity)
    listings.initialize(repeating: Listing(), count: Self.capacity)
  }

  deinit {
    for index in 0..<Self.capacity { listings[index].memory?.deallocate() }
    listings.deallocate()
  }

  /// Begins a listing of a node in the slot, or in another one if `slot` is negative; returns the slot and whose
  /// listing had to go.
  func begin(_ node: Int, slot: Int, cookie: UInt64) -> (slot: Int, evicted: Int) {
    var index = slot
    var evicted = -1
    if index < 0 {
      index = hand
      hand = (hand &+ 1) % Self.capacity
      evicted = Int(listings[index].node)
    }
    generations &+= 1
    listings[index].node = Int32(truncatingIfNeeded: node)
    listings[index].startCookie = cookie
    listings[index].lastCookie = cookie
    listings[index].verifier = 0
    listings[index].complete = false
    listings[index].generation = generations
    listings[index].used = 0
    return (index, evicted)
  }

  /// Forgets a listing but keeps its memory for the next.
  func drop(_ slot: Int) {
    listings[slot].node = -1
    listings[slot].generation = 0
    listings[slot].used = 0
  }

  /// Appends a record; false if the listing is too large.
  func append(
    _ slot: Int, cookie: UInt64, fileid: UInt64, type: UInt32, name: UnsafeRawBufferPointer
  ) -> Bool {
    guard let source = name.baseAddress else { return false }
    let size = Self.headerSize &+ (name.count &+ 7) & ~7
    let used = listings[slot].used
    if used &+ size > listings[slot].capacity {
      let capacity = max(listings[slot].capacity * 2, 32_768)
      guard capacity <= Self.byteLimit else { return false }
      let memory = UnsafeMutableRawPointer.allocate(byteCount: capacity, alignment: 16)
      if let old = listings[slot].memory {
        memory.copyMemory(from: old, byteCount: used)
        old.deallocate()
      }
      listings[slot].memory = memory
      listings[slot].capacity = capacity
    }
    guard let memory = listings[slot].memory else { return false }
    let record = memory + used
    record.storeBytes(of: cookie, as: UInt64.self)
    record.storeBytes(of: fileid, toByteOffset: 8, as: UInt64.self)
    record.storeBytes(of: type, toByteOffset: 16, as: UInt32.self)
    record.storeBytes(of: UInt32(truncatingIfNeeded: name.count), toByteOffset: 20, as: UInt32.self)
    (record + Self.headerSize).copyMemory(from: source, byteCount: name.count)
    listings[slot].used = used &+ size
    listings[slot].lastCookie = cookie
    return true
  }
}
