// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

/// What is known of every file's vnode, by file id: kernel addresses as 32-bit words, users, cached pages, and the list of vnodes from the
/// least to the most recently used.
struct VnodeTables {
  var vnodeCount = 0
  var names = NameCache()
  var vnode = GrowingColumn<UInt32>(filler: 0)
  var object = GrowingColumn<UInt32>(filler: 0)
  var inode = GrowingColumn<UInt32>(filler: 0)
  var dinode = GrowingColumn<UInt32>(filler: 0)
  var users = GrowingColumn<Int32>(filler: 0)
  var cachedPages = GrowingColumn<Int32>(filler: 0)
  var newer = GrowingColumn<Int32>(filler: -1)
  var older = GrowingColumn<Int32>(filler: -1)
  var newest: Int32 = -1
  var oldest: Int32 = -1

  /// Makes room for the file.
  mutating func reach(_ file: Int) {
    vnode.reach(file)
    object.reach(file)
    inode.reach(file)
    dinode.reach(file)
    users.reach(file)
    cachedPages.reach(file)
    newer.reach(file)
    older.reach(file)
  }

  func deallocate() {
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
}
