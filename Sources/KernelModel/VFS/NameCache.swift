// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import KernelMemory

/// The name cache: which entries exist, found by directory and name (FreeBSD 6 sys/kern/vfs_cache.c).
///
/// An entry names a file in a directory, or that there is none (negative). Entries die with either vnode. There is no limit on their
/// number, but the oldest negative entry goes when negative entries × 16 exceed all entries (ncnegfactor, (recollection)).
/// Names are told apart by a 64-bit hash of their bytes: the chance that two names of one directory collide is far below that of an
/// error of the machine, and a collision would only make two files share an entry.
struct NameCache {
  private static let negativeFactor = 16
  private static let tableBits = 14

  private(set) var count = 0
  private var negatives = 0

  private var address = GrowingColumn<UInt32>(filler: 0)
  private var hash = GrowingColumn<UInt64>(filler: 0)
  private var length = GrowingColumn<UInt16>(filler: 0)
  private var directory = GrowingColumn<Int32>(filler: -1)
  private var file = GrowingColumn<Int32>(filler: -1)
  private var chainNext = GrowingColumn<Int32>(filler: -1)
  private var listNext = GrowingColumn<Int32>(filler: -1)
  private var listPrevious = GrowingColumn<Int32>(filler: -1)
  private var childNext = GrowingColumn<Int32>(filler: -1)
  private var childPrevious = GrowingColumn<Int32>(filler: -1)
  private var fileHead = GrowingColumn<Int32>(filler: -1)
  private var childHead = GrowingColumn<Int32>(filler: -1)
  private var buckets = GrowingColumn<Int32>(filler: -1, capacity: 1 << tableBits)
  private var negativeOldest: Int32 = -1
  private var negativeNewest: Int32 = -1
  private var freeHead: Int32 = -1
  private var used = 0

  func deallocate() {
    address.deallocate()
    hash.deallocate()
    length.deallocate()
    directory.deallocate()
    file.deallocate()
    chainNext.deallocate()
    listNext.deallocate()
    listPrevious.deallocate()
    childNext.deallocate()
    childPrevious.deallocate()
    fileHead.deallocate()
    childHead.deallocate()
    buckets.deallocate()
  }

  /// The hash of a name in a directory: 64-bit FNV-1a over eight bytes at a time, with a final mix.
  static func hash(directory: Int, name: UnsafeRawBufferPointer) -> UInt64 {
    var value: UInt64 = 0xCBF2_9CE4_8422_2325 ^ UInt64(truncatingIfNeeded: directory)
    var index = 0
    while index &+ 8 <= name.count {
      value = (value ^ name.loadUnaligned(fromByteOffset: index, as: UInt64.self)) &* 0x0000_0100_0000_01B3
      value ^= value >> 32
      index &+= 8
    }
    while index < name.count {
      value = (value ^ UInt64(name[index])) &* 0x0000_0100_0000_01B3
      index &+= 1
    }
    value = (value ^ (value >> 29)) &* 0xBF58_476D_1CE4_E5B9
    return value ^ (value >> 32)
  }

  /// The entry of a name, -1 for none.
  func find(_ wanted: UInt64, directory wantedDirectory: Int) -> Int32 {
    var entry = buckets[Self.bucket(wanted)]
    while entry >= 0 {
      let index = Int(entry)
      if hash[index] == wanted, directory[index] == Int32(truncatingIfNeeded: wantedDirectory) { return entry }
      entry = chainNext[index]
    }
    return -1
  }

  /// The file of an entry, -1 for a negative one.
  func file(of entry: Int32) -> Int { Int(file[Int(entry)]) }

  /// Enters a name (cache_enter); `target` is -1 for a negative entry.
  mutating func enter(_ key: UInt64, length nameLength: Int, directory parent: Int, file target: Int, heap: KernelHeap)
  {
    let block = heap.allocateNameEntry(length: nameLength)
    guard heap.failure == nil else { return }
    let entry = takeRecord()
    let index = Int(entry)
    address[index] = UInt32(truncatingIfNeeded: block.rawValue)
    hash[index] = key
    length[index] = UInt16(truncatingIfNeeded: nameLength)
    directory[index] = Int32(truncatingIfNeeded: parent)
    file[index] = Int32(truncatingIfNeeded: target)
    chainNext[index] = buckets[Self.bucket(key)]
    buckets[Self.bucket(key)] = entry
    childHead.reach(parent)
    childNext[index] = childHead[parent]
    childPrevious[index] = -1
    if childHead[parent] >= 0 { childPrevious[Int(childHead[parent])] = entry }
    childHead[parent] = entry
    if target >= 0 { linkToFile(entry, target) } else { linkToNegatives(entry) }
    count &+= 1
    if target < 0, negatives &* Self.negativeFactor > count { zap(negativeOldest, heap: heap) }
  }

  /// Removes an entry (cache_zap).
  mutating func zap(_ entry: Int32, heap: KernelHeap) {
    guard entry >= 0 else { return }
    let index = Int(entry)
    unchain(entry)
    let parent = Int(directory[index])
    if childPrevious[index] >= 0 {
      childNext[Int(childPrevious[index])] = childNext[index]
    } else {
      childHead[parent] = childNext[index]
    }
    if childNext[index] >= 0 { childPrevious[Int(childNext[index])] = childPrevious[index] }
    if file[index] >= 0 { unlinkFromFile(entry) } else { unlinkFromNegatives(entry) }
    heap.freeNameEntry(length: Int(length[index]), KernelAddress(rawValue: UInt64(address[index])))
    chainNext[index] = freeHead
    freeHead = entry
    count &-= 1
  }

  /// Removes every entry that names the file or lies in it (cache_purge).
  mutating func purge(file target: Int, heap: KernelHeap) {
    if target < fileHead.capacity {
      while fileHead[target] >= 0 { zap(fileHead[target], heap: heap) }
    }
    if target < childHead.capacity {
      while childHead[target] >= 0 { zap(childHead[target], heap: heap) }
    }
  }

  private static func bucket(_ hash: UInt64) -> Int { Int(hash & UInt64((1 << tableBits) - 1)) }

  private mutating func takeRecord() -> Int32 {
    if freeHead >= 0 {
      let entry = freeHead
      freeHead = chainNext[Int(entry)]
      return entry
    }
    let index = used
    used &+= 1
    address.reach(index)
    hash.reach(index)
    length.reach(index)
    directory.reach(index)
    file.reach(index)
    chainNext.reach(index)
    listNext.reach(index)
    listPrevious.reach(index)
    childNext.reach(index)
    childPrevious.reach(index)
    return Int32(truncatingIfNeeded: index)
  }

  private func unchain(_ entry: Int32) {
    let slot = Self.bucket(hash[Int(entry)])
    var current = buckets[slot]
    if current == entry {
      buckets[slot] = chainNext[Int(entry)]
      return
    }
    while current >= 0 {
      let following = chainNext[Int(current)]
      if following == entry {
        chainNext[Int(current)] = chainNext[Int(entry)]
        return
      }
      current = following
    }
  }

  private mutating func linkToFile(_ entry: Int32, _ target: Int) {
    fileHead.reach(target)
    let index = Int(entry)
    listNext[index] = fileHead[target]
    listPrevious[index] = -1
    if fileHead[target] >= 0 { listPrevious[Int(fileHead[target])] = entry }
    fileHead[target] = entry
  }

  private func unlinkFromFile(_ entry: Int32) {
    let index = Int(entry)
    let before = listPrevious[index]
    let after = listNext[index]
    if before >= 0 { listNext[Int(before)] = after } else { fileHead[Int(file[index])] = after }
    if after >= 0 { listPrevious[Int(after)] = before }
  }

  private mutating func linkToNegatives(_ entry: Int32) {
    let index = Int(entry)
    listPrevious[index] = negativeNewest
    listNext[index] = -1
    if negativeNewest >= 0 { listNext[Int(negativeNewest)] = entry } else { negativeOldest = entry }
    negativeNewest = entry
    negatives &+= 1
  }

  private mutating func unlinkFromNegatives(_ entry: Int32) {
    let index = Int(entry)
    let before = listPrevious[index]
    let after = listNext[index]
    if before >= 0 { listNext[Int(before)] = after } else { negativeOldest = after }
    if after >= 0 { listPrevious[Int(after)] = before } else { negativeNewest = before }
    negatives &-= 1
  }
}

extension VFSModel {
  /// The last component of a path is looked up: the name cache answers, learns or forgets (ufs_lookup and cache_lookup of FreeBSD 6).
  ///
  /// - Parameters:
  ///   - directory: file id of the directory.
  ///   - name: bytes of the name.
  ///   - found: file id that the file system finds, nil where it finds none.
  ///   - intent: what the lookup is for.
  public func nameLookup(directory: Int, name: UnsafeRawBufferPointer, found: Int?, intent: NameIntent) {
    let key = NameCache.hash(directory: directory, name: name)
    let entry = tables.pointee.names.find(key, directory: directory)
    switch intent {
    case .delete, .rename:
      tables.pointee.names.zap(entry, heap: heap)
    case .lookup, .create, .link:
      let target = found ?? -1
      if entry >= 0 {
        if tables.pointee.names.file(of: entry) == target, target >= 0 || intent == .lookup { return }
        tables.pointee.names.zap(entry, heap: heap)
      }
      if target >= 0 || intent == .lookup {
        tables.pointee.names.enter(key, length: name.count, directory: directory, file: target, heap: heap)
      }
    }
  }
}
