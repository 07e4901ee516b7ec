// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import NFS4

extension NFSClient {
  /// A new process: root as its working directory, umask 022, and in the BSD flavour an open-owner of its own.
  public func startProgram() {
    endProgram()
    programNumber &+= 1
    creationMask = 0o022
    guard root >= 0 else { return }
    workingDirectory = root
    hold(root)
    // The BSD owner is made when the program first opens a file; the Linux owner stays.
    if !isLinux { owner = OpenOwner() }
  }

  /// The process exits: what is open is closed.
  public func endProgram() {
    guard root >= 0 else { return }
    for descriptor in 0..<openLimit where files[descriptor].inUse {
      try? close(Int32(descriptor + Self.firstDescriptor))
    }
    for number in 0..<directoryLimit where directories[number].inUse { closedir(Int32(number)) }
    for number in 0..<mappingLimit where mappings[number] >= 0 { try? munmap(Int32(number)) }
    if workingDirectory >= 0 {
      let directory = workingDirectory
      workingDirectory = -1
      release(directory)
    }
  }

  /// umask(2).
  public func umask(_ mask: UInt32) { creationMask = mask & 0o777 }

  /// True in the Linux flavour: GNU rm asks fstatfs(2) there.
  public var removalAsksForFileSystemType: Bool { isLinux }

  // MARK: Attributes

  /// stat(2).
  public func stat(_ path: UnsafeRawBufferPointer) throws(SystemCallError) -> FileStatus {
    try systemCall { () throws(NFSClientFailure) in
      let index = try resolve(path)
      try currentAttributes(index)
      return nodes[index].attributes.status
    }
  }

  /// lstat(2).
  public func lstat(_ path: UnsafeRawBufferPointer) throws(SystemCallError) -> FileStatus {
    try systemCall { () throws(NFSClientFailure) in
      let index = try resolve(path, follow: false)
      try currentAttributes(index)
      return nodes[index].attributes.status
    }
  }

  /// chmod(2).
  public func chmod(_ path: UnsafeRawBufferPointer, mode: UInt32) throws(SystemCallError) {
    try systemCall { () throws(NFSClientFailure) in
      let index = try resolve(path)
      if isLinux && nodes[index].dirtyBlocks > 0 { try writeBack(index) }
      try rpcSetAttributes(index, stateid: .anonymous, mode: mode & 0o7777, size: nil)
      // Whoever had rights may have others now (nfs_setattr_update_inode, nfs_setattr).
      nodes[index].stale.insert(.access)
      if !isLinux { nodes[index].accessKnown = false }
    }
  }

  /// statfs(2).
  public func statfs(_ path: UnsafeRawBufferPointer) throws(SystemCallError) -> FileSystemStatus {
    try systemCall { () throws(NFSClientFailure) in try rpcFileSystem(try resolve(path)) }
  }

  // MARK: Working directory

  /// chdir(2).
  public func chdir(_ path: UnsafeRawBufferPointer) throws(SystemCallError) {
    try systemCall { () throws(NFSClientFailure) in
      let index = try resolve(path, isLinux ? .directory : [])
      guard nodes[index].isDirectory else { throw .local(.notDirectory) }
      try checkAccess(index, NFSAccess.lookup)
      hold(index)
      let old = workingDirectory
      workingDirectory = index
      if old >= 0 { release(old) }
    }
  }

  /// getcwd(3): the names that the client has; no RPC.
  public func getcwd(into buffer: UnsafeMutableRawBufferPointer) throws(SystemCallError) -> Int {
    try systemCall { () throws(NFSClientFailure) in
      var length = 0
      var index = workingDirectory
      while index != root {
        guard index >= 0, nodes[index].ownName >= 0, nodes[index].parent >= 0 else { throw .local(.noEntry) }
        length &+= nameTable.name(Int(nodes[index].ownName)).count &+ 1
        index = Int(nodes[index].parent)
      }
      if length == 0 {
        guard buffer.count >= 1 else { throw .local(.nameTooLong) }
        buffer[0] = 47
        return 1
      }
      guard length <= buffer.count else { throw .local(.nameTooLong) }
      var end = length
      index = workingDirectory
      while index != root {
        let name = nameTable.name(Int(nodes[index].ownName))
        end &-= name.count
        UnsafeMutableRawBufferPointer(rebasing: buffer[end..<(end &+ name.count)]).copyMemory(from: name)
        end &-= 1
        buffer[end] = 47
        index = Int(nodes[index].parent)
      }
      return length
    }
  }
}
