// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import NFS4

/// ACCESS, GETATTR, SETATTR, VERIFY, NVERIFY (RFC 7530 sections 16.1, 16.7, 16.15, 16.32, 16.35).
extension ServerCore {
  /// Sets the attributes that are the same for every file, once.
  func fillTemplate() {
    var template = FileAttributes()
    template.supported = AttributeMask.known.union([.timeAccessSet, .timeModifySet])
    if configuration.userQuota != nil { template.supported.formUnion(.quotas) }
    template.fsid = (major: 0x4E46_5343, minor: 1)
    template.leaseTime = UInt32(truncatingIfNeeded: configuration.leaseSeconds)
    template.maximumFileSize = files.maximumFileSize
    template.maximumLinks = MemoryFileSystem.linkLimit
    template.maximumName = UInt32(NameRules.nameLimit)
    template.maximumRead = UInt64(truncatingIfNeeded: configuration.maximumRead)
    template.maximumWrite = UInt64(truncatingIfNeeded: configuration.maximumWrite)
    template.timeDelta = NFSTime(seconds: 0, nanoseconds: 1)
    attributeTemplate.pointee = template
  }

  /// Writes the attributes of a file as a fattr4; numbers that are not known are left out.
  ///
  /// - Parameters:
  ///   - asked: which attributes.
  ///   - file: the file.
  ///   - size: what is said of the size where that is not what the file has.
  ///   - writer: where they go.
  func putAttributes(_ asked: AttributeMask, of file: Int, size: UInt64? = nil, _ writer: inout XDRWriter) {
    let wanted = asked.intersection(attributeTemplate.pointee.supported)
    fillAttributes(wanted, of: file)
    if let size { attributeTemplate.pointee.size = size }
    guard owners.sendsNames, !wanted.isDisjoint(with: [.owner, .ownerGroup]) else {
      attributeTemplate.pointee.encode(wanted, into: &writer)
      return
    }
    attributeTemplate.pointee.encode(
      wanted, ownerText: owners.text(of: attributeTemplate.pointee.owner, isGroup: false),
      groupText: owners.text(of: attributeTemplate.pointee.ownerGroup, isGroup: true), into: &writer)
  }

  /// Brings the template up to the file, with its filehandle where that is wanted.
  @inline(__always)
  func fillAttributes(_ wanted: AttributeMask, of file: Int) {
    files.fill(&attributeTemplate.pointee, file)
    if wanted.contains(.filehandle) {
      withUnsafeTemporaryAllocation(byteCount: ServerFilehandle.byteCount, alignment: 4) { bytes in
        guard let base = bytes.baseAddress else { return }
        ServerFilehandle.encode(reference(file), fileSystem: fileSystemID, into: base)
        attributeTemplate.pointee.filehandle = Filehandle(UnsafeRawBufferPointer(bytes)) ?? Filehandle()
      }
    }
  }

  func access(_ c: inout Compound) throws(NFSStatus) {
    let wanted = try c.word()
    let file = try currentFile(c)
    // Bits that RFC 7530 does not know (FreeBSD 8.1 nfs_nfsdserv.c, nfsrvd_access; recollection).
    guard wanted & ~NFSAccess.all == 0 else { throw .invalid }
    let supported =
      files.inodes[file].isDirectory
      ? NFSAccess.read | NFSAccess.lookup | NFSAccess.modify | NFSAccess.extend | NFSAccess.delete
      : NFSAccess.read | NFSAccess.modify | NFSAccess.extend | NFSAccess.execute
    c.writer.put(wanted & supported)
    c.writer.put(files.grantedAccess(file, wanted & supported, c.principal))
  }

  func getAttributes(_ c: inout Compound) throws(NFSStatus) {
    let (wanted, _) = try c.mask()
    let file = try currentFile(c)
    // Attributes that can only be set cannot be asked for (RFC 7530 section 5.5).
    guard wanted.isDisjoint(with: [.timeAccessSet, .timeModifySet]) else { throw .invalid }
    let size = try delegatedSize(c, file, wanted: wanted)
    putAttributes(wanted, of: file, size: size, &c.writer)
  }

  func setAttributes(_ c: inout Compound) throws(NFSStatus) {
    c.savesReply = true
    let stateid = try c.stateid()
    var wanted = SettableAttributes()
    let result = try c.settable(into: &wanted)
    let file = try currentFile(c)
    guard result == .settable else { throw result.status }
    try files.checkMaySet(wanted, on: file, c.principal)
    if wanted.mask.contains(.size) {
      let open = try checkStateid(stateid, access: NFSOpen.accessWrite, file: c.current)
      guard open || files.permits(file, Permission.write, c.principal) else { throw .accessDenied }
    }
    try settleDelegations(c, access: NFSOpen.accessWrite)
    try files.set(wanted, on: file, c.principal)
    if wanted.mask.contains(.size) { vfs.filePages(file, pages: files.inodes[file].blocksUsed) }
    c.writer.put(wanted.mask)
  }
}
