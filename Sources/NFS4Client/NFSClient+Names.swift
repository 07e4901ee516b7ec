// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import Glibc
import NFS4

extension NFSClient {
  /// The name must not exist; where it is a positive entry, EEXIST.
  private func requireAbsent(_ end: PathEnd, _ intent: LookupIntent) throws(NFSClientFailure) {
    if case .found = try lookup(end.directory, end.name, intent) { throw .local(.exists) }
  }

  /// mkdir(2).
  public func mkdir(_ path: UnsafeRawBufferPointer, mode: UInt32) throws(SystemCallError) {
    try systemCall { () throws(NFSClientFailure) in
      let end = try walkToName(path, special: .exists)
      try requireAbsent(end, [.create, .exclusive])
      let index = try rpcCreate(end.directory, end.name, linkText: nil, mode: mode & 0o7777 & ~creationMask)
      try enter(end.directory, end.name, node: index, verifier: nodes[end.directory].verifier)
    }
  }

  /// symlink(2).
  public func symlink(_ text: UnsafeRawBufferPointer, at path: UnsafeRawBufferPointer) throws(SystemCallError) {
    try systemCall { () throws(NFSClientFailure) in
      guard !text.isEmpty else { throw .local(.noEntry) }
      guard text.count < Int(PATH_MAX) else { throw .local(.nameTooLong) }
      let end = try walkToName(path, special: .exists)
      guard !end.trailingSlash else { throw .local(.noEntry) }
      try requireAbsent(end, [.create, .exclusive])
      let index = try rpcCreate(end.directory, end.name, linkText: text, mode: 0o777)
      try enter(end.directory, end.name, node: index, verifier: nodes[end.directory].verifier)
      // nfs_symlink() puts the text into the page cache, so that no READLINK follows.
      if isLinux { keepLinkText(index, text) }
    }
  }

  /// readlink(2).
  public func readlink(
    _ path: UnsafeRawBufferPointer, into buffer: UnsafeMutableRawBufferPointer
  ) throws(SystemCallError) -> Int {
    try systemCall { () throws(NFSClientFailure) in
      let index = try resolve(path, follow: false)
      guard nodes[index].isSymbolicLink else { throw .local(.invalid) }
      return try readLink(index, into: buffer)
    }
  }

  /// The text of a symbolic link: from the page cache (Linux) or the server.
  func readLink(_ index: Int, into buffer: UnsafeMutableRawBufferPointer) throws(NFSClientFailure) -> Int {
    if isLinux {
      // nfs_get_link(): nfs_revalidate_mapping()
      if nodes[index].stale.contains(.change) || expired(index) { try rpcGetAttributes(index) }
      if nodes[index].stale.contains(.data) {
        dropBlocks(of: index, all: true)
        nodes[index].stale.remove(.data)
      }
      if let table = blockTable, let block = table.find(index, 0) {
        let length = min(Int(table.blocks[block].valid), buffer.count)
        buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: table.bytes(block)[0..<length]))
        return length
      }
    }
    let length = try rpcReadLink(index, into: buffer)
    if isLinux { keepLinkText(index, UnsafeRawBufferPointer(rebasing: buffer[0..<length])) }
    return length
  }

  private func keepLinkText(_ index: Int, _ text: UnsafeRawBufferPointer) {
    guard let table = blockTable, text.count <= table.blockSize, let block = cleanBlock(index, 0) else { return }
    table.bytes(block).copyMemory(from: text)
    table.blocks[block].valid = Int32(truncatingIfNeeded: text.count)
  }

  /// unlink(2).
  public func unlink(_ path: UnsafeRawBufferPointer) throws(SystemCallError) {
    try systemCall { () throws(NFSClientFailure) in
      let end = try walkToName(path, special: .isDirectory)
      let index = try lookupExisting(end.directory, end.name, [])
      guard !nodes[index].isDirectory else { throw .local(.isDirectory) }
      guard !end.trailingSlash else { throw .local(.notDirectory) }
      if nodes[index].firstOpen >= 0 {
        try renameSilly(end, index)
      } else {
        try remove(end, index)
      }
    }
  }

  /// rmdir(2).
  public func rmdir(_ path: UnsafeRawBufferPointer) throws(SystemCallError) {
    try systemCall { () throws(NFSClientFailure) in
      let end = try walkToName(path, special: .invalid)
      let index = try lookupExisting(end.directory, end.name, [])
      guard nodes[index].isDirectory else { throw .local(.notDirectory) }
      try remove(end, index)
    }
  }

  /// REMOVE and what the client knows after it.
  private func remove(_ end: PathEnd, _ index: Int) throws(NFSClientFailure) {
    let isDirectory = nodes[index].isDirectory
    do throws(NFSClientFailure) {
      let info = try rpcRemove(end.directory, end.name)
      directoryChanged(end.directory, info, linkCount: isDirectory ? -1 : 0)
    } catch {
      if error.isNoEntry { try forgetRemoved(end, index) }
      throw error
    }
    // nfs_drop_nlink()
    if nodes[index].attributes.linkCount > 0 { nodes[index].attributes.linkCount &-= 1 }
    if isDirectory {
      nodes[index].attributes.linkCount = 0
      dropNames(in: index)
    }
    nodes[index].stale.formUnion([.change, .metadataTime, .linkCount])
    try forgetRemoved(end, index)
  }

  /// The name is gone: a negative entry that the change itself has put in doubt (Linux d_delete(); measured: the 300
  /// LOOKUPs of a basic pass that find nothing), none (BSD cache_purge()).
  private func forgetRemoved(_ end: PathEnd, _ index: Int) throws(NFSClientFailure) {
    if isLinux {
      try enter(end.directory, end.name, node: -1, verifier: nodes[end.directory].verifier &- 1)
    } else if let entry = nameTable.find(end.directory, end.name) {
      forget(entry)
    }
  }

  /// rename(2).
  public func rename(_ old: UnsafeRawBufferPointer, to new: UnsafeRawBufferPointer) throws(SystemCallError) {
    try systemCall { () throws(NFSClientFailure) in
      let source = try walkToName(old, special: .busy)
      hold(source.directory)
      defer { release(source.directory) }
      let target = try walkToName(new, special: .busy)
      let index = try lookupExisting(source.directory, source.name, [])
      var replaced = -1
      if case .found(let found) = try lookup(target.directory, target.name, .renameTarget) { replaced = found }
      if replaced == index { return }
      if (source.trailingSlash || target.trailingSlash) && !nodes[index].isDirectory { throw .local(.notDirectory) }
      if replaced >= 0 && nodes[replaced].firstOpen >= 0 {
        try renameSilly(target, replaced)
        replaced = -1
      }
      try move(index, source, target)
      if replaced >= 0 && nodes[replaced].inUse && nodes[replaced].attributes.linkCount > 0 {
        nodes[replaced].attributes.linkCount &-= 1
        nodes[replaced].stale.formUnion([.change, .metadataTime, .linkCount])
      }
    }
  }

  /// RENAME and what the client knows after it.
  func move(_ index: Int, _ source: PathEnd, _ target: PathEnd) throws(NFSClientFailure) {
    let infos = try rpcRename(source.directory, source.name, target.directory, target.name)
    directoryChanged(source.directory, infos.source)
    if target.directory != source.directory { directoryChanged(target.directory, infos.target) }
    hold(index)
    try enter(target.directory, target.name, node: index, verifier: nodes[target.directory].verifier)
    if let entry = nameTable.find(source.directory, source.name) { forget(entry) }
    // The file's own change attribute moves with it; FreeBSD's nfs_rename() leaves the attributes as they are.
    if isLinux { nodes[index].stale.formUnion([.change, .metadataTime]) }
    release(index)
  }

  /// link(2).
  public func link(_ old: UnsafeRawBufferPointer, to new: UnsafeRawBufferPointer) throws(SystemCallError) {
    try systemCall { () throws(NFSClientFailure) in
      let index = try resolve(old, follow: false)
      hold(index)
      defer { release(index) }
      let end = try walkToName(new, special: .exists)
      try requireAbsent(end, isLinux ? [.create, .exclusive] : [.create, .linkTarget])
      guard !nodes[index].isDirectory else { throw .local(SystemCallError(EPERM)) }
      // may_linkat() with protected_hardlinks: may the source be read and written? An owner may link whatever the
      // answer is.
      if isLinux && nodes[index].isRegular {
        do throws(NFSClientFailure) { try checkAccess(index, NFSAccess.read | NFSAccess.modify) } catch {
          guard error.systemCallError == .accessDenied else { throw error }
        }
        if nodes[index].dirtyBlocks > 0 { try writeBack(index) }
      }
      try rpcLink(index, end.directory, end.name)
      try enter(end.directory, end.name, node: index, verifier: nodes[end.directory].verifier)
    }
  }

  // MARK: Files that are removed while open

  /// nfs_sillyrename(): the file gets a name that nobody looks at, and is removed at its last close.
  private func renameSilly(_ end: PathEnd, _ index: Int) throws(NFSClientFailure) {
    var name: ByteName
    while true {
      silliness &+= 1
      let number = isLinux ? String(nodes[index].attributes.fileid, radix: 16) : "A\(programNumber)"
      name = ByteName(".nfs\(number).\(String(silliness, radix: 16))".utf8)
      let taken = try withExtendedLifetime(name) { () throws(NFSClientFailure) -> Bool in
        if case .found = try lookup(end.directory, name.bytes, []) { return true }
        return false
      }
      if !taken { break }
    }
    var target = end
    target.name = name.bytes
    try withExtendedLifetime(name) { () throws(NFSClientFailure) in try move(index, end, target) }
    hold(end.directory)
    sillyNames.append((end.directory, index, name))
  }

  /// Removes what renameSilly() left, at the last close.
  func removeSilly(_ index: Int) throws(NFSClientFailure) {
    guard let place = sillyNames.firstIndex(where: { $0.node == index }) else { return }
    let silly = sillyNames.remove(at: place)
    defer { release(silly.directory) }
    try withExtendedLifetime(silly.name) { () throws(NFSClientFailure) in
      try remove(PathEnd(directory: silly.directory, kind: .name, name: silly.name.bytes), index)
    }
  }
}
