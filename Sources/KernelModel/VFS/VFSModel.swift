// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import KernelMemory

/// The vnodes of the exported file system, with their inodes and VM objects, in modelled memory.
///
/// File ids are the dense indexes of the in-memory file system. A vnode that nobody uses stays cached until the file is destroyed or the
/// number of vnodes passes `desiredVnodes`; then the least recently used is recycled (FreeBSD 6 sys/kern/vfs_subr.c, getnewvnode).
/// The limit is soft: where every vnode is in use, a new one is made all the same. Unlike vnlru, which works in the background from
/// 9/10 of the limit, recycling happens here in the call that needs the vnode.
public final class VFSModel {
  /// Vnodes that exist.
  public private(set) var vnodeCount = 0
  /// The soft limit on vnodes.
  public let desiredVnodes: Int

  let heap: KernelHeap
  let pages: PhysicalPages
  var names: NameCache
  private var vnode = GrowingColumn<UInt32>(filler: 0)
  private var object = GrowingColumn<UInt32>(filler: 0)
  private var inode = GrowingColumn<UInt32>(filler: 0)
  private var dinode = GrowingColumn<UInt32>(filler: 0)
  private var users = GrowingColumn<Int32>(filler: 0)
  private var cachedPages = GrowingColumn<Int32>(filler: 0)
  private var newer = GrowingColumn<Int32>(filler: -1)
  private var older = GrowingColumn<Int32>(filler: -1)
  private var newest: Int32 = -1
  private var oldest: Int32 = -1

  init(heap: KernelHeap, pages: PhysicalPages, desiredVnodes: Int) {
    self.heap = heap
    self.pages = pages
    self.desiredVnodes = desiredVnodes
    names = NameCache()
  }

  deinit {
    names.deallocate()
    vnode.deallocate()
    object.deallocate()
    inode.deallocate()
    dinode.deallocate()
    users.deallocate()
    cachedPages.deallocate()
    newer.deallocate()
    older.deallocate()
  }

  /// Entries of the name cache.
  public var nameCount: Int { names.count }

  /// True where the file has a vnode.
  public func isCached(_ file: Int) -> Bool { file < vnode.capacity && older.capacity > file && isListed(file) }

  /// An operation touches the file: its vnode, inode and dinode are made where they are not cached (VFS_VGET, ffs_vget).
  public func reference(_ file: Int, kind: VnodeKind) {
    reach(file)
    if isListed(file) {
      guard newest != Int32(truncatingIfNeeded: file) else { return }
      unlist(file)
      list(file)
      return
    }
    if vnodeCount >= desiredVnodes { recycleOldest() }
    vnode[file] = word(heap.allocate(.vnode))
    inode[file] = word(heap.allocate(.inode))
    dinode[file] = word(heap.allocate(.dinode))
    list(file)
    vnodeCount &+= 1
    heap.counters.vnodeCreations &+= 1
  }

  /// The file is opened: its vnode cannot be recycled, and it has a VM object (FreeBSD 6 vnode_create_vobject, from ufs_open).
  public func opened(_ file: Int) {
    reference(file, kind: .regular)
    users[file] &+= 1
    if object[file] == 0 { object[file] = word(heap.allocate(.vmObject)) }
  }

  /// One open of the file is gone.
  public func closed(_ file: Int) {
    guard file < users.capacity, users[file] > 0 else { return }
    users[file] &-= 1
  }

  /// The last link and the last open are gone: everything that the file had in memory is given back (ufs_inactive, vgone).
  public func destroy(_ file: Int) {
    guard file < vnode.capacity, isListed(file) else { return }
    users[file] = 0
    reclaim(file)
  }

  /// The page cache holds `count` pages of the file's data (a count of pages of 4,096 bytes, not a difference).
  public func filePages(_ file: Int, pages count: Int) {
    reach(file)
    let difference = count - Int(cachedPages[file])
    if difference > 0 {
      guard pages.take(difference) else { return }
    } else if difference < 0 {
      pages.give(-difference)
    }
    cachedPages[file] = Int32(truncatingIfNeeded: count)
  }

  /// Drops cached pages of files that are not open, least recently used first, until `target` pages are free.
  func dropCachedPages(until target: Int) {
    var file = oldest
    while file >= 0, pages.free < target {
      let index = Int(file)
      if cachedPages[index] > 0 {
        pages.give(Int(cachedPages[index]))
        cachedPages[index] = 0
      }
      file = newer[index]
    }
  }

  /// namei() takes a path buffer (zone NAMEI).
  public func pathBuffer() -> KernelAddress { heap.allocate(.pathBuffer) }

  /// Gives a path buffer back.
  public func freePathBuffer(_ address: KernelAddress) { heap.free(.pathBuffer, address) }

  private func recycleOldest() {
    var file = oldest
    while file >= 0 {
      let index = Int(file)
      if users[index] == 0 {
        reclaim(index)
        return
      }
      file = newer[index]
    }
  }

  private func reclaim(_ file: Int) {
    names.purge(file: file, heap: heap)
    if cachedPages[file] > 0 {
      pages.give(Int(cachedPages[file]))
      cachedPages[file] = 0
    }
    heap.free(.vmObject, address(object[file]))
    heap.free(.dinode, address(dinode[file]))
    heap.free(.inode, address(inode[file]))
    heap.free(.vnode, address(vnode[file]))
    object[file] = 0
    dinode[file] = 0
    inode[file] = 0
    vnode[file] = 0
    unlist(file)
    vnodeCount &-= 1
  }

  private func reach(_ file: Int) {
    guard file >= vnode.capacity else { return }
    vnode.reach(file)
    object.reach(file)
    inode.reach(file)
    dinode.reach(file)
    users.reach(file)
    cachedPages.reach(file)
    newer.reach(file)
    older.reach(file)
  }

  private func isListed(_ file: Int) -> Bool {
    older[file] >= 0 || newer[file] >= 0 || newest == Int32(truncatingIfNeeded: file)
  }

  private func list(_ file: Int) {
    let index = Int32(truncatingIfNeeded: file)
    older[file] = newest
    newer[file] = -1
    if newest >= 0 { newer[Int(newest)] = index } else { oldest = index }
    newest = index
  }

  private func unlist(_ file: Int) {
    let before = older[file]
    let after = newer[file]
    if before >= 0 { newer[Int(before)] = after } else { oldest = after }
    if after >= 0 { older[Int(after)] = before } else { newest = before }
    older[file] = -1
    newer[file] = -1
  }

  private func word(_ address: KernelAddress) -> UInt32 { UInt32(truncatingIfNeeded: address.rawValue) }

  private func address(_ word: UInt32) -> KernelAddress { KernelAddress(rawValue: UInt64(word)) }
}
