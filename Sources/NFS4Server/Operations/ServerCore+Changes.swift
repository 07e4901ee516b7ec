// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import KernelMemory
import KernelModel
import NFS4

/// CREATE, LINK, REMOVE, RENAME (RFC 7530 sections 16.4, 16.9, 16.26, 16.27).
extension ServerCore {
  /// Writes a change_info4 that says of the two values that they are not atomic, as FreeBSD's server always does (2010 tree
  /// sys/fs/nfsserver/nfs_nfsdserv.c; recollection) and nfs-ganesha, too.
  ///
  /// Here they are taken under one lock; but what clients send depends on it: with a change that is not atomic the Linux client asks
  /// for names and access rights of the directory again (reference page "connectathon", section 6.4, was measured so).
  func putChange(before: UInt64, after: UInt64, _ writer: inout XDRWriter) {
    writer.put(false)
    writer.put(before)
    writer.put(after)
  }

  /// A file that an operation removed for good takes its vnode along.
  func noteRemoved(_ removed: RemovedLink) {
    if removed.destroyed { vfs.destroy(removed.file) }
  }

  func create(_ c: inout Compound) throws(NFSStatus) {
    c.savesReply = true
    let type = try c.word()
    var text = UnsafeRawBufferPointer(start: nil, count: 0)
    var device: (UInt32, UInt32) = (0, 0)
    var kind: NFSFileType? = nil
    switch NFSFileType(rawValue: type) {
    case .symbolicLink:
      kind = .symbolicLink
      text = try c.opaque(limit: NFS4Protocol.linkTextReadLimit)
    case .blockDevice, .characterDevice:
      kind = type == NFSFileType.blockDevice.rawValue ? .blockDevice : .characterDevice
      device = (try c.word(), try c.word())
    case .socket: kind = .socket
    case .fifo: kind = .fifo
    case .directory: kind = .directory
    default: break
    }
    let name = try c.name()
    var wanted = SettableAttributes()
    let result = try c.settable(into: &wanted)
    guard let kind else { throw .badType }
    let directory = try currentDirectory(c)
    if kind == .symbolicLink {
      // A text is opaque, but for the NUL that ends it on disk; one of no bytes is no link.
      if text.isEmpty || text.contains(0) { throw .invalid }
      if text.count > NameRules.linkTextLimit { throw .nameTooLong }
    }
    // The link's text is held in M_TEMP for the time of the operation (nfsvno_getsymlink).
    var textCopy: KernelLink = 0
    if kind == .symbolicLink { textCopy = try temporary(text.count &+ 1) }
    defer { free(textCopy, types.temporary) }
    let path = vfs.pathBuffer()
    defer { vfs.freePathBuffer(path) }
    try makeNode(&c, name, in: directory, kind: kind, text: text, device: device, wanted: &wanted, result.status)
  }

  private func makeNode(
    _ c: inout Compound, _ name: UnsafeRawBufferPointer, in directory: Int, kind: NFSFileType,
    text: UnsafeRawBufferPointer, device: (UInt32, UInt32), wanted: inout SettableAttributes, _ settable: NFSStatus
  ) throws(NFSStatus) {
    let nameStatus = NameRules.check(name)
    guard nameStatus == .ok else { throw nameStatus }
    guard settable == .ok else { throw settable }
    guard wanted.mask.isDisjoint(with: .size) else { throw .invalid }
    try files.requireWritable()
    guard files.permits(directory, Permission.execute, c.principal) else { throw .accessDenied }
    let found = files.lookup(name, in: directory)
    vfs.nameLookup(directory: directory, name: name, found: found, intent: .create)
    if found != nil { throw .exists }
    if kind == .blockDevice || kind == .characterDevice {
      guard c.principal.isRoot else { throw .notOwner }
    }
    try checkMayCreate(wanted, in: directory, c.principal)
    let before = files.inodes[directory].change
    let mode = wanted.mask.contains(.mode) ? wanted.mode : 0o777
    if kind == .symbolicLink && text.count > files.pool.available { throw .noSpace }
    let file = try files.create(name, in: directory, kind: kind, mode: mode, principal: c.principal)
    if kind == .symbolicLink { try files.setLinkText(file, text) }
    files.inodes[file].deviceMajor = device.0
    files.inodes[file].deviceMinor = device.1
    try files.set(wanted, on: file, c.principal)
    touchVnode(file)
    c.current = reference(file)
    putChange(before: before, after: files.inodes[directory].change, &c.writer)
    c.writer.put(wanted.mask)
  }

  /// Checks the attributes of a file that is about to be made: nobody but root makes files for others.
  func checkMayCreate(
    _ wanted: SettableAttributes, in directory: Int, _ principal: Principal
  ) throws(NFSStatus) {
    if wanted.mask.contains(.owner) {
      guard let owner = wanted.owner else { throw .badOwner }
      guard principal.isRoot || owner == principal.uid else { throw .notOwner }
    }
    if wanted.mask.contains(.ownerGroup) {
      guard let group = wanted.ownerGroup else { throw .badOwner }
      let mayGive = principal.isMember(of: group) || group == files.inodes[directory].gid
      guard principal.isRoot || mayGive else { throw .notOwner }
    }
  }

  /// Whether somebody may change the entries of a directory at all: whoever may not recalls no delegation either.
  private func mayChange(_ directory: Int, _ principal: Principal) -> Bool {
    files.permits(directory, Permission.write, principal) && files.permits(directory, Permission.execute, principal)
  }

  func remove(_ c: inout Compound) throws(NFSStatus) {
    c.savesReply = true
    let name = try c.name()
    let directory = try currentDirectory(c)
    try checkGraceForChange()
    let path = vfs.pathBuffer()
    defer { vfs.freePathBuffer(path) }
    let status = NameRules.check(name)
    guard status == .ok else { throw status }
    let before = files.inodes[directory].change
    vfs.nameLookup(directory: directory, name: name, found: files.lookup(name, in: directory), intent: .delete)
    let found = files.lookup(name, in: directory)
    if let found { touchVnode(found) }
    if mayChange(directory, c.principal) { try settleDelegations(c, ofNamed: found) }
    noteRemoved(try files.remove(name, from: directory, principal: c.principal))
    putChange(before: before, after: files.inodes[directory].change, &c.writer)
  }

  func rename(_ c: inout Compound) throws(NFSStatus) {
    c.savesReply = true
    let oldName = try c.name()
    let newName = try c.name()
    guard !c.saved.isNone else { throw .noFilehandle }
    let target = try currentDirectory(c)
    let source = try file(c.saved)
    guard files.inodes[source].isDirectory else { throw .notDirectory }
    try checkGraceForChange()
    let oldPath = vfs.pathBuffer()
    defer { vfs.freePathBuffer(oldPath) }
    let newPath = vfs.pathBuffer()
    defer { vfs.freePathBuffer(newPath) }
    var status = NameRules.check(oldName)
    if status == .ok { status = NameRules.check(newName) }
    guard status == .ok else { throw status }
    let sourceBefore = files.inodes[source].change
    let targetBefore = files.inodes[target].change
    let old = files.lookup(oldName, in: source)
    let new = files.lookup(newName, in: target)
    vfs.nameLookup(directory: source, name: oldName, found: old, intent: .rename)
    if let old { touchVnode(old) }
    vfs.nameLookup(directory: target, name: newName, found: new, intent: .rename)
    if let new { touchVnode(new) }
    if mayChange(source, c.principal), mayChange(target, c.principal), old != nil {
      try settleDelegations(c, ofNamed: old)
      try settleDelegations(c, ofNamed: new)
    }
    let removed = try files.rename(oldName, in: source, to: newName, in: target, principal: c.principal)
    if let removed { noteRemoved(removed) }
    putChange(before: sourceBefore, after: files.inodes[source].change, &c.writer)
    putChange(before: targetBefore, after: files.inodes[target].change, &c.writer)
  }

  func link(_ c: inout Compound) throws(NFSStatus) {
    c.savesReply = true
    let name = try c.name()
    guard !c.saved.isNone else { throw .noFilehandle }
    let directory = try currentDirectory(c)
    let file = try file(c.saved)
    let path = vfs.pathBuffer()
    defer { vfs.freePathBuffer(path) }
    let status = NameRules.check(name)
    guard status == .ok else { throw status }
    let before = files.inodes[directory].change
    vfs.nameLookup(directory: directory, name: name, found: files.lookup(name, in: directory), intent: .link)
    if mayChange(directory, c.principal) { try settleDelegations(c, ofNamed: file) }
    try files.link(file, as: name, in: directory, principal: c.principal)
    putChange(before: before, after: files.inodes[directory].change, &c.writer)
  }
}
