// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import NFS4

/// A file that lost a link.
struct RemovedLink {
  let file: Int
  /// True if the file is gone: no link and no open is left.
  let destroyed: Bool
}

extension MemoryFileSystem {
  /// The file with this name in a directory, nil if there is none.
  @inline(__always)
  func lookup(_ name: UnsafeRawBufferPointer, in directory: Int) -> Int? {
    guard let table = inodes[directory].directory else { return nil }
    let position = table.pointee.find(name)
    return position < 0 ? nil : Int(table.pointee.entries[position].file)
  }

  /// Makes a file and enters it; the name must be checked and not there.
  ///
  /// The group is the directory's, as BSD has it.
  ///
  /// - Throws: NFS4ERR_ROFS, NFS4ERR_ACCESS, NFS4ERR_NOSPC where no inode or no room for the entry is left, NFS4ERR_MLINK for a
  ///   directory too many.
  func create(
    _ name: UnsafeRawBufferPointer, in directory: Int, kind: NFSFileType, mode: UInt32, principal: Principal
  ) throws(NFSStatus) -> Int {
    try requireWritable()
    guard permits(directory, Permission.write | Permission.execute, principal) else { throw .accessDenied }
    guard hasFreeInode else { throw .noSpace }
    if kind == .directory && inodes[directory].linkCount >= Self.linkLimit { throw .tooManyLinks }
    try reserveEntry(name, in: directory)
    let file = takeInode(kind: kind, mode: mode, uid: principal.uid, gid: inodes[directory].gid)
    inodes[file].linkCount = 1
    if kind == .directory {
      inodes[file].linkCount = 2
      inodes[file].parent = UInt32(truncatingIfNeeded: directory)
      inodes[file].size = UInt64(DirectoryTable.blockBytes)
      inodes[directory].linkCount &+= 1
    }
    enter(name, file, in: directory)
    return file
  }

  /// Sets the text of a new symbolic link.
  ///
  /// - Throws: NFS4ERR_NOSPC.
  func setLinkText(_ file: Int, _ text: UnsafeRawBufferPointer) throws(NFSStatus) {
    guard pool.charge(text.count) else { throw .noSpace }
    let copy = UnsafeMutableRawPointer.allocate(byteCount: max(text.count, 1), alignment: 8)
    if let base = text.baseAddress { copy.copyMemory(from: base, byteCount: text.count) }
    inodes[file].linkText = copy
    inodes[file].size = UInt64(truncatingIfNeeded: text.count)
  }

  /// Removes a name, and the file with its last link.
  ///
  /// - Throws: NFS4ERR_ROFS, NFS4ERR_NOENT, NFS4ERR_ACCESS, NFS4ERR_NOTEMPTY.
  func remove(
    _ name: UnsafeRawBufferPointer, from directory: Int, principal: Principal
  ) throws(NFSStatus) -> RemovedLink {
    try requireWritable()
    guard permits(directory, Permission.execute, principal) else { throw .accessDenied }
    guard let table = inodes[directory].directory else { throw .noEntry }
    let position = table.pointee.find(name)
    guard position >= 0 else { throw .noEntry }
    let file = Int(table.pointee.entries[position].file)
    try checkMayRemove(file, from: directory, principal)
    if inodes[file].isDirectory {
      guard entryCount(of: file) == 0 else { throw .notEmpty }
      inodes[directory].linkCount &-= 1
    }
    removeEntry(at: position, from: directory)
    noteEntries(of: directory)
    return dropLink(file)
  }

  /// Enters a second name for a file.
  ///
  /// - Throws: NFS4ERR_ROFS, NFS4ERR_EXIST, NFS4ERR_ISDIR, NFS4ERR_MLINK, NFS4ERR_ACCESS, NFS4ERR_NOSPC, NFS4ERR_STALE for a file
  ///   without any link left.
  func link(
    _ file: Int, as name: UnsafeRawBufferPointer, in directory: Int, principal: Principal
  ) throws(NFSStatus) {
    try requireWritable()
    if inodes[file].isDirectory { throw .isDirectory }
    guard permits(directory, Permission.execute, principal) else { throw .accessDenied }
    if lookup(name, in: directory) != nil { throw .exists }
    guard permits(directory, Permission.write, principal) else { throw .accessDenied }
    guard inodes[file].linkCount > 0 else { throw .stale }
    guard inodes[file].linkCount < Self.linkLimit else { throw .tooManyLinks }
    try reserveEntry(name, in: directory)
    inodes[file].linkCount &+= 1
    touchMetadata(file)
    enter(name, file, in: directory)
  }

  /// Entries of a directory besides `.` and `..`.
  func entryCount(of directory: Int) -> Int { inodes[directory].directory?.pointee.live ?? 0 }

  /// Takes the space that an entry will need, so that ``enter(_:_:in:)`` cannot fail.
  ///
  /// - Throws: NFS4ERR_NOSPC.
  func reserveEntry(_ name: UnsafeRawBufferPointer, in directory: Int) throws(NFSStatus) {
    let growth: Int
    if let table = inodes[directory].directory {
      growth = table.pointee.grownBytes(withName: name.count) &- table.pointee.grownBytes
    } else {
      growth = DirectoryTable.grownBytes(newWithName: name.count)
    }
    guard growth == 0 || pool.charge(growth) else { throw .noSpace }
  }

  /// Takes an entry out of a directory's table.
  func removeEntry(at position: Int, from directory: Int) {
    guard let table = inodes[directory].directory else { return }
    let held = table.pointee.grownBytes
    table.pointee.remove(at: position)
    pool.refund(held &- table.pointee.grownBytes)
  }

  /// Adds an entry that ``reserveEntry(_:in:)`` made room for, and notes the change of the directory.
  func enter(_ name: UnsafeRawBufferPointer, _ file: Int, in directory: Int) {
    let table: UnsafeMutablePointer<DirectoryTable>
    if let existing = inodes[directory].directory {
      table = existing
    } else {
      table = .allocate(capacity: 1)
      table.initialize(to: DirectoryTable())
      inodes[directory].directory = table
    }
    table.pointee.insert(name, file: file)
    noteEntries(of: directory)
  }

  /// Notes that the entries of a directory changed.
  func noteEntries(of directory: Int) {
    if let table = inodes[directory].directory { inodes[directory].size = table.pointee.sizeInBytes }
    touchContents(directory)
  }

  /// Takes one link away; a removed directory also loses that of its own `.`.
  func dropLink(_ file: Int) -> RemovedLink {
    if inodes[file].isDirectory {
      inodes[file].linkCount = 0
    } else {
      inodes[file].linkCount &-= 1
    }
    touchMetadata(file)
    let destroyed = inodes[file].linkCount == 0 && inodes[file].openCount == 0
    if destroyed { destroy(file) }
    return RemovedLink(file: file, destroyed: destroyed)
  }

  /// Counts an open, which keeps the file alive.
  func noteOpen(_ file: Int) { inodes[file].openCount &+= 1 }

  /// Takes an open back.
  ///
  /// - Returns: true if the file is gone with it.
  func noteClose(_ file: Int) -> Bool {
    inodes[file].openCount &-= 1
    guard inodes[file].openCount == 0, inodes[file].linkCount == 0 else { return false }
    destroy(file)
    return true
  }
}
