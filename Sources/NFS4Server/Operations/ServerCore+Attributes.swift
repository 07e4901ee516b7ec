// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import NFS4

/// ACCESS, GETATTR, SETATTR, VERIFY, NVERIFY (RFC 7530 sections 16.1, 16.9, 16.17, 16.34, 16.37).
extension ServerCore {
  /// Sets the attributes that are the same for every file, once.
  func fillTemplate() {
    var template = FileAttributes()
    template.supported = AttributeMask.known.union([.timeAccessSet, .timeModifySet])
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
  func putAttributes(_ wanted: AttributeMask, of file: Int, _ writer: inout XDRWriter) {
    files.fill(&attributeTemplate.pointee, file)
    if wanted.contains(.filehandle) {
      withUnsafeTemporaryAllocation(byteCount: ServerFilehandle.byteCount, alignment: 4) { bytes in
        guard let base = bytes.baseAddress else { return }
        ServerFilehandle.encode(reference(file), fileSystem: fileSystemID, into: base)
        attributeTemplate.pointee.filehandle = Filehandle(UnsafeRawBufferPointer(bytes)) ?? Filehandle()
      }
    }
    attributeTemplate.pointee.encode(wanted, into: &writer)
  }

  func access(_ c: inout Compound) throws(NFSStatus) {
    let wanted = try c.word()
    let file = try currentFile(c)
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
    putAttributes(wanted, of: file, &c.writer)
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
    try files.set(wanted, on: file, c.principal)
    if wanted.mask.contains(.size) { vfs.filePages(file, pages: files.inodes[file].blocksUsed) }
    c.writer.put(wanted.mask)
  }

  /// VERIFY goes on where every attribute has the given value, NVERIFY where one differs.
  func verify(_ c: inout Compound, wantsSame: Bool) throws(NFSStatus) {
    let (wanted, beyond) = try c.mask()
    let values = try c.opaque(limit: NFS4Protocol.attributeListLimit)
    let file = try currentFile(c)
    guard wanted.isDisjoint(with: [.readdirError, .timeAccessSet, .timeModifySet]) else { throw .invalid }
    guard !beyond, AttributeMask.known.isSuperset(of: wanted) else { throw .attributeNotSupported }
    var writer = XDRWriter(scratch)
    putAttributes(wanted, of: file, &writer)
    var mine = XDRReader(writer.written)
    guard (try? mine.attributeMask()) != nil, let ours = try? mine.opaque(limit: Self.scratchBytes) else {
      throw .serverFault
    }
    let same = equalBytes(ours, values)
    if same != wantsSame { throw wantsSame ? .notSame : .same }
  }
}
