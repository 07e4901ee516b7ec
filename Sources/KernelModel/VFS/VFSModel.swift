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
  public var vnodeCount: Int { tables.pointee.vnodeCount }
  /// The soft limit on vnodes.
  public let desiredVnodes: Int

  let heap: KernelHeap
  let pages: PhysicalPages
  /// Everything that changes, behind one pointer: the hot path then has no checks of exclusive access.
  let tables: UnsafeMutablePointer<VnodeTables>

  init(heap: KernelHeap, pages: PhysicalPages, desiredVnodes: Int) {
    self.heap = heap
    self.pages = pages
    self.desiredVnodes = desiredVnodes
    tables = .allocate(capacity: 1)
    tables.initialize(to: VnodeTables())
  }

  deinit {
    tables.pointee.deallocate()
    tables.deinitialize(count: 1).deallocate()
  }

  /// Entries of the name cache.
  public var nameCount: Int { tables.pointee.names.count }

  /// True where the file has a vnode.
  public func isCached(_ file: Int) -> Bool {
    file < tables.pointee.vnode.capacity && tables.pointee.older.capacity > file && isListed(file)
  }

  /// An operation touches the file: its vnode, inode and dinode are made where they are not cached (VFS_VGET, ffs_vget).
  public func reference(_ file: Int, kind: VnodeKind) {
    reach(file)
    if isListed(file) {
      guard tables.pointee.newest != Int32(truncatingIfNeeded: file) else { return }
      unlist(file)
      list(file)
      return
    }
    if tables.pointee.vnodeCount >= desiredVnodes { recycleOldest() }
    tables.pointee.vnode[file] = word(heap.allocate(.vnode))
    tables.pointee.inode[file] = word(heap.allocate(.inode))
    tables.pointee.dinode[file] = word(heap.allocate(.dinode))
    list(file)
    tables.pointee.vnodeCount &+= 1
    heap.state.pointee.counters.vnodeCreations &+= 1
  }

  /// The file is opened: its vnode cannot be recycled, and it has a VM object (FreeBSD 6 vnode_create_vobject, from ufs_open).
  public func opened(_ file: Int) {
    reference(file, kind: .regular)
    tables.pointee.users[file] &+= 1
    if tables.pointee.object[file] == 0 { tables.pointee.object[file] = word(heap.allocate(.vmObject)) }
  }

  /// One open of the file is gone.
  public func closed(_ file: Int) {
    guard file < tables.pointee.users.capacity, tables.pointee.users[file] > 0 else { return }
    tables.pointee.users[file] &-= 1
  }

  /// The last link and the last open are gone: everything that the file had in memory is given back (ufs_inactive, vgone).
  public func destroy(_ file: Int) {
    guard file < tables.pointee.vnode.capacity, isListed(file) else { return }
    tables.pointee.users[file] = 0
    reclaim(file)
  }

  /// The page cache holds `count` pages of the file's data (a count of pages of 4,096 bytes, not a difference).
  public func filePages(_ file: Int, pages count: Int) {
    reach(file)
    let difference = count - Int(tables.pointee.cachedPages[file])
    if difference > 0 {
      guard pages.take(difference) else { return }
    } else if difference < 0 {
      pages.give(-difference)
    }
    if difference != 0 { heap.recording?.cachedPages(difference) }
    tables.pointee.cachedPages[file] = Int32(truncatingIfNeeded: count)
  }

  /// Drops cached pages of files that are not open, least recently used first, until `target` pages are free.
  func dropCachedPages(until target: Int) {
    var file = tables.pointee.oldest
    while file >= 0, pages.free < target {
      let index = Int(file)
      uncache(index)
      file = tables.pointee.newer[index]
    }
  }

  /// namei() takes a path buffer (zone NAMEI).
  public func pathBuffer() -> KernelAddress { heap.allocate(.pathBuffer) }

  /// Gives a path buffer back.
  public func freePathBuffer(_ address: KernelAddress) { heap.free(.pathBuffer, address) }

  /// Gives back the pages of a file's data.
  private func uncache(_ file: Int) {
    let count = Int(tables.pointee.cachedPages[file])
    guard count > 0 else { return }
    pages.give(count)
    heap.recording?.cachedPages(-count)
    tables.pointee.cachedPages[file] = 0
  }

  private func recycleOldest() {
    var file = tables.pointee.oldest
    while file >= 0 {
      let index = Int(file)
      if tables.pointee.users[index] == 0 {
        reclaim(index)
        return
      }
      file = tables.pointee.newer[index]
    }
  }

  private func reclaim(_ file: Int) {
    tables.pointee.names.purge(file: file, heap: heap)
    uncache(file)
    heap.free(.vmObject, address(tables.pointee.object[file]))
    heap.free(.dinode, address(tables.pointee.dinode[file]))
    heap.free(.inode, address(tables.pointee.inode[file]))
    heap.free(.vnode, address(tables.pointee.vnode[file]))
    tables.pointee.object[file] = 0
    tables.pointee.dinode[file] = 0
    tables.pointee.inode[file] = 0
    tables.pointee.vnode[file] = 0
    unlist(file)
    tables.pointee.vnodeCount &-= 1
  }

  private func reach(_ file: Int) {
    if file >= tables.pointee.vnode.capacity { tables.pointee.reach(file) }
  }

  private func isListed(_ file: Int) -> Bool {
    tables.pointee.older[file] >= 0 || tables.pointee.newer[file] >= 0
      || tables.pointee.newest == Int32(truncatingIfNeeded: file)
  }

  private func list(_ file: Int) {
    let index = Int32(truncatingIfNeeded: file)
    tables.pointee.older[file] = tables.pointee.newest
    tables.pointee.newer[file] = -1
    if tables.pointee.newest >= 0 {
      tables.pointee.newer[Int(tables.pointee.newest)] = index
    } else {
      tables.pointee.oldest = index
    }
    tables.pointee.newest = index
  }

  private func unlist(_ file: Int) {
    let before = tables.pointee.older[file]
    let after = tables.pointee.newer[file]
    if before >= 0 { tables.pointee.newer[Int(before)] = after } else { tables.pointee.oldest = after }
    if after >= 0 { tables.pointee.older[Int(after)] = before } else { tables.pointee.newest = before }
    tables.pointee.older[file] = -1
    tables.pointee.newer[file] = -1
  }

  private func word(_ address: KernelAddress) -> UInt32 { UInt32(truncatingIfNeeded: address.rawValue) }

  private func address(_ word: UInt32) -> KernelAddress { KernelAddress(rawValue: UInt64(word)) }
}
