// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import NFS4

/// The entries of one directory: found by a hash of the name, listed in the order of their cookies.
///
/// An entry gets the next cookie when it is made and keeps it until it is removed, so a listing that goes on after some entries are
/// gone neither repeats nor misses one of the others. Removed entries stay as gaps until the table is full and is compacted.
struct DirectoryTable {
  struct Entry {
    /// What READDIR hands out; ascending over the table, 0, 1 and 2 being reserved (RFC 7530 section 16.24.5).
    var cookie: UInt64
    var hash: UInt32
    /// Index of the file; 0 where the entry was removed.
    var file: UInt32
    var nameOffset: UInt32
    var nameLength: UInt32
  }

  /// Cookie of the first entry that a directory ever gets.
  static let firstCookie: UInt64 = 3
  /// Directory blocks of UFS, bytes (DIRBLKSIZ).
  static let blockBytes = 512
  /// UFS records of `.` and `..`, 12 bytes each.
  private static let dotBytes = 24
  private static let initialEntries = 8
  private static let initialNameBytes = 128

  /// Entries in use and gaps, ascending by cookie.
  private(set) var entries: UnsafeMutablePointer<Entry>
  /// Entries and gaps.
  private(set) var entryCount = 0
  /// Entries that are not removed.
  private(set) var live = 0
  private(set) var nextCookie = Self.firstCookie
  private var entryCapacity: Int
  /// Position of an entry plus one, 0 for a free slot; twice as many slots as entries fit.
  private var slots: UnsafeMutablePointer<UInt32>
  private var slotMask: Int
  private var names: UnsafeMutableRawPointer
  private var nameCapacity: Int
  private var nameBytes = 0
  /// Bytes of the names that are not removed.
  private var liveNameBytes = 0
  private var recordBytes = Self.dotBytes

  init() {
    entryCapacity = Self.initialEntries
    entries = .allocate(capacity: entryCapacity)
    slotMask = entryCapacity &* 2 &- 1
    slots = .allocate(capacity: slotMask &+ 1)
    slots.initialize(repeating: 0, count: slotMask &+ 1)
    nameCapacity = Self.initialNameBytes
    names = .allocate(byteCount: nameCapacity, alignment: 8)
  }

  func deallocate() {
    entries.deallocate()
    slots.deallocate()
    names.deallocate()
  }

  /// Bytes of the host's memory that a table takes beyond those of a new one, which count as part of the directory's inode.
  var grownBytes: Int { Self.grownBytes(entries: entryCapacity, names: nameCapacity) }

  private static func grownBytes(entries: Int, names: Int) -> Int {
    (entries &- initialEntries) &* (MemoryLayout<Entry>.stride &+ 2 &* MemoryLayout<UInt32>.stride) &+ names
      &- initialNameBytes
  }

  /// What the size attribute of the directory says: whole blocks of UFS records, bytes.
  var sizeInBytes: UInt64 {
    UInt64(truncatingIfNeeded: (recordBytes &+ Self.blockBytes &- 1) & ~(Self.blockBytes &- 1))
  }

  /// Bytes of the UFS record of a name: eight of header, the name and its NUL, rounded up to four (sys/ufs/ufs/dir.h, DIRSIZ).
  @inline(__always)
  static func recordBytes(nameLength: Int) -> Int { 8 &+ ((nameLength &+ 4) & ~3) }

  /// FNV-1a (Fowler, Noll, Vo), 32 bits.
  @inline(__always)
  static func hash(_ name: UnsafeRawBufferPointer) -> UInt32 {
    var hash: UInt32 = 2_166_136_261
    var index = 0
    while index < name.count {
      hash = (hash ^ UInt32(name[index])) &* 16_777_619
      index &+= 1
    }
    return hash
  }

  /// The name of an entry; valid until the table changes.
  @inline(__always)
  func name(of entry: Entry) -> UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(start: names + Int(entry.nameOffset), count: Int(entry.nameLength))
  }

  /// Position of the entry with this name, -1 if there is none.
  func find(_ name: UnsafeRawBufferPointer) -> Int {
    let hash = Self.hash(name)
    var slot = Int(hash) & slotMask
    while true {
      let held = slots[slot]
      if held == 0 { return -1 }
      let position = Int(held) &- 1
      let entry = entries[position]
      if entry.hash == hash && entry.file != 0 && Self.equal(self.name(of: entry), name) { return position }
      slot = (slot &+ 1) & slotMask
    }
  }

  /// Position of the first entry, or gap, behind `cookie`.
  func position(after cookie: UInt64) -> Int {
    var low = 0
    var high = entryCount
    while low < high {
      let middle = (low &+ high) / 2
      if entries[middle].cookie <= cookie { low = middle &+ 1 } else { high = middle }
    }
    return low
  }

  /// What ``grownBytes`` will be once another name of `nameLength` bytes is in.
  func grownBytes(withName nameLength: Int) -> Int {
    let isFull = entryCount == entryCapacity
    let needed = (isFull ? liveNameBytes : nameBytes) &+ nameLength
    return Self.grownBytes(entries: isFull ? nextCapacity : entryCapacity, names: namesCapacity(for: needed))
  }

  /// Entries of the next table: gaps alone may make room enough.
  private var nextCapacity: Int { live &* 2 <= entryCapacity ? entryCapacity : entryCapacity &* 2 }

  private func namesCapacity(for needed: Int) -> Int { Self.namesCapacity(nameCapacity, for: needed) }

  private static func namesCapacity(_ held: Int, for needed: Int) -> Int {
    var capacity = held
    while capacity < needed { capacity &*= 2 }
    return capacity
  }

  /// What ``grownBytes`` is for a new table with a name of `nameLength` bytes in it.
  static func grownBytes(newWithName nameLength: Int) -> Int {
    grownBytes(entries: initialEntries, names: namesCapacity(initialNameBytes, for: nameLength))
  }

  /// Adds a name that is not there.
  mutating func insert(_ name: UnsafeRawBufferPointer, file: Int) {
    if entryCount == entryCapacity { rebuild(nextCapacity) }
    let needed = nameBytes &+ name.count
    if needed > nameCapacity { growNames(namesCapacity(for: needed)) }
    let hash = Self.hash(name)
    if let base = name.baseAddress { (names + nameBytes).copyMemory(from: base, byteCount: name.count) }
    entries[entryCount] = Entry(
      cookie: nextCookie, hash: hash, file: UInt32(truncatingIfNeeded: file),
      nameOffset: UInt32(truncatingIfNeeded: nameBytes), nameLength: UInt32(truncatingIfNeeded: name.count))
    nextCookie &+= 1
    nameBytes = needed
    liveNameBytes &+= name.count
    place(entryCount)
    entryCount &+= 1
    live &+= 1
    recordBytes &+= Self.recordBytes(nameLength: name.count)
  }

  /// Turns the entry at `position` into a gap; the last entry takes a grown table along.
  mutating func remove(at position: Int) {
    recordBytes &-= Self.recordBytes(nameLength: Int(entries[position].nameLength))
    liveNameBytes &-= Int(entries[position].nameLength)
    entries[position].file = 0
    live &-= 1
    guard live == 0 else { return }
    entryCount = 0
    nameBytes = 0
    if grownBytes > 0 {
      let next = nextCookie
      deallocate()
      self = DirectoryTable()
      nextCookie = next
    } else {
      slots.update(repeating: 0, count: slotMask &+ 1)
    }
  }

  /// Lets the entry at `position` stand for another file, with the name and cookie it has (ufs_dirrewrite).
  mutating func replace(at position: Int, file: Int) { entries[position].file = UInt32(truncatingIfNeeded: file) }

  private mutating func place(_ position: Int) {
    var slot = Int(entries[position].hash) & slotMask
    while slots[slot] != 0 { slot = (slot &+ 1) & slotMask }
    slots[slot] = UInt32(truncatingIfNeeded: position &+ 1)
  }

  /// Leaves gaps out and makes room for `capacity` entries; order and cookies stay.
  private mutating func rebuild(_ capacity: Int) {
    let newEntries = UnsafeMutablePointer<Entry>.allocate(capacity: capacity)
    let newNames = UnsafeMutableRawPointer.allocate(byteCount: nameCapacity, alignment: 8)
    var count = 0
    var bytes = 0
    var index = 0
    while index < entryCount {
      var entry = entries[index]
      if entry.file != 0 {
        (newNames + bytes).copyMemory(from: names + Int(entry.nameOffset), byteCount: Int(entry.nameLength))
        entry.nameOffset = UInt32(truncatingIfNeeded: bytes)
        bytes &+= Int(entry.nameLength)
        newEntries[count] = entry
        count &+= 1
      }
      index &+= 1
    }
    deallocate()
    entries = newEntries
    names = newNames
    entryCapacity = capacity
    entryCount = count
    nameBytes = bytes
    slotMask = capacity &* 2 &- 1
    slots = .allocate(capacity: slotMask &+ 1)
    slots.initialize(repeating: 0, count: slotMask &+ 1)
    index = 0
    while index < count {
      place(index)
      index &+= 1
    }
  }

  private mutating func growNames(_ capacity: Int) {
    let bytes = UnsafeMutableRawPointer.allocate(byteCount: capacity, alignment: 8)
    bytes.copyMemory(from: names, byteCount: nameBytes)
    names.deallocate()
    names = bytes
    nameCapacity = capacity
  }

  @inline(__always)
  private static func equal(_ left: UnsafeRawBufferPointer, _ right: UnsafeRawBufferPointer) -> Bool {
    guard left.count == right.count else { return false }
    var index = 0
    while index < left.count {
      if left[index] != right[index] { return false }
      index &+= 1
    }
    return true
  }
}
