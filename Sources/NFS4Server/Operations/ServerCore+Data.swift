// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import KernelMemory
import NFS4

/// READ, WRITE, COMMIT (RFC 7530 sections 16.23, 16.36, 16.3).
extension ServerCore {
  /// Bytes of a cluster, of which a READ takes as many as its data fills (FreeBSD 8.1 nfs_nfsdport.c, nfsvno_read).
  static let clusterBytes = 2048

  /// The regular file of the current filehandle.
  private func currentRegular(_ c: borrowing Compound) throws(NFSStatus) -> Int {
    let file = try file(c.current)
    guard files.inodes[file].isRegular else { throw files.inodes[file].isDirectory ? .isDirectory : .invalid }
    return file
  }

  func read(_ c: inout Compound) throws(NFSStatus) {
    let stateid = try c.stateid()
    let offset = try c.long()
    let wanted = Int(try c.word())
    let file = try currentRegular(c)
    if stateid.isSpecial { try settleDelegations(c, access: NFSOpen.accessRead) }
    _ = try checkStateid(stateid, access: NFSOpen.accessRead, file: c.current)
    let mayRead =
      files.permitsData(file, Permission.read, c.principal) || files.permits(file, Permission.execute, c.principal)
    guard mayRead else { throw .accessDenied }
    let room = (c.writer.remaining &- Self.resultReserve) & ~3
    let limit = min(wanted, configuration.maximumRead, max(room, 0))
    let count = files.readable(file, offset: offset, count: limit)
    // The data goes into clusters, and an iovec in M_TEMP describes them; nothing is taken for nothing.
    if count > 0 {
      let clusters = (count &+ Self.clusterBytes &- 1) / Self.clusterBytes
      free(try temporary(clusters &* layout.iovec), types.temporary)
    }
    let atEnd = offset &+ UInt64(truncatingIfNeeded: count) >= files.inodes[file].size
    c.writer.put(atEnd)
    c.writer.put(UInt32(truncatingIfNeeded: count))
    let padded = (count &+ 3) & ~3
    guard let target = c.writer.reserve(padded) else { throw .resource }
    _ = files.read(file, offset: offset, into: UnsafeMutableRawBufferPointer(rebasing: target[0..<count]))
    var pad = count
    while pad < padded {
      target[pad] = 0
      pad &+= 1
    }
    vfs.filePages(file, pages: files.inodes[file].blocksUsed)
  }

  func write(_ c: inout Compound) throws(NFSStatus) {
    c.savesReply = true
    let stateid = try c.stateid()
    let offset = try c.long()
    let stable = try c.word()
    guard stable <= NFSStable.fileSync else { throw .badXDR }
    let data = try c.opaque(limit: Int(UInt32.max))
    let file = try currentRegular(c)
    try files.requireWritable()
    if stateid.isSpecial { try settleDelegations(c, access: NFSOpen.accessWrite) }
    _ = try checkStateid(stateid, access: NFSOpen.accessWrite, file: c.current)
    guard files.permitsData(file, Permission.write, c.principal) else { throw .accessDenied }
    var written = 0
    if !data.isEmpty {
      // An iovec in M_TEMP describes the mbufs that the request came in.
      free(try temporary(max(c.requestMbufs, 1) &* layout.iovec), types.temporary)
      let accepted = UnsafeRawBufferPointer(rebasing: data.prefix(configuration.maximumWrite))
      written = try files.write(file, offset: offset, from: accepted, isPrivileged: c.principal.isRoot)
      files.dropSetBits(file, c.principal)
      vfs.filePages(file, pages: files.inodes[file].blocksUsed)
    }
    c.writer.put(UInt32(truncatingIfNeeded: written))
    c.writer.put(stable)
    putWriteVerifier(&c.writer)
  }

  func commit(_ c: inout Compound) throws(NFSStatus) {
    let offset = try c.long()
    let count = try c.word()
    _ = try currentRegular(c)
    // A range past the last byte that an offset can name makes no sense (FreeBSD and Linux knfsd before 5.18 say so, too; recollection).
    guard !offset.addingReportingOverflow(UInt64(count)).overflow else { throw .invalid }
    putWriteVerifier(&c.writer)
  }

  /// Writes the verifier that changes when the server has lost uncommitted data, which is when it is started anew.
  private func putWriteVerifier(_ writer: inout XDRWriter) { writer.put(UInt64(boot) << 32) }
}
