// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import KernelModel
import NFS4
import ONCRPC

/// LOOKUP, LOOKUPP, OPENATTR, READLINK, SECINFO (RFC 7530 sections 16.13, 16.14, 16.17, 16.25, 16.31).
extension ServerCore {
  func lookup(_ c: inout Compound) throws(NFSStatus) {
    let name = try c.name()
    let directory = try currentFile(c)
    let found = try find(name, in: directory, c.principal)
    touchVnode(found)
    c.current = reference(found)
  }

  /// Finds a name for LOOKUP and SECINFO: namei() with its path buffer.
  private func find(
    _ name: UnsafeRawBufferPointer, in directory: Int, _ principal: Principal
  ) throws(NFSStatus) -> Int {
    let path = vfs.pathBuffer()
    defer { vfs.freePathBuffer(path) }
    let status = NameRules.check(name)
    guard status == .ok else { throw status }
    guard files.inodes[directory].isDirectory else {
      throw files.inodes[directory].isLink ? .isSymlink : .notDirectory
    }
    guard files.permits(directory, Permission.execute, principal) else { throw .accessDenied }
    let found = files.lookup(name, in: directory)
    vfs.nameLookup(directory: directory, name: name, found: found, intent: .lookup)
    guard let found else { throw .noEntry }
    return found
  }

  func lookupParent(_ c: inout Compound) throws(NFSStatus) {
    let directory = try currentDirectory(c)
    guard directory != MemoryFileSystem.root else { throw .noEntry }
    guard files.permits(directory, Permission.execute, c.principal) else { throw .accessDenied }
    // The server looks `..` up as any other name (nfsrvd_lookup).
    let path = vfs.pathBuffer()
    let parent = Int(files.inodes[directory].parent)
    touchVnode(parent)
    vfs.freePathBuffer(path)
    c.current = reference(parent)
  }

  func securityInformation(_ c: inout Compound) throws(NFSStatus) {
    let name = try c.name()
    _ = try find(name, in: try currentDirectory(c), c.principal)
    // Best first; RPCSEC_GSS is not spoken here, so it is not claimed either.
    c.writer.put(configuration.allowsAuthNone ? 2 : 1 as UInt32)
    c.writer.put(RPCFlavor.sys.rawValue)
    if configuration.allowsAuthNone { c.writer.put(RPCFlavor.none.rawValue) }
    // A caller who may ask for the flavors alone must not go on with the filehandle.
    if !isServed(c.principal) { c.current = .none }
  }

  /// OPENATTR: there are no named attributes (named_attr is false).
  func openNamedAttributes(_ c: inout Compound) throws(NFSStatus) {
    guard try c.word() <= 1 else { throw .badXDR }
    _ = try currentFile(c)
    throw .notSupported
  }

  func readLink(_ c: inout Compound) throws(NFSStatus) {
    let file = try currentFile(c)
    // For a directory, too: RFC 7530 section 16.25.5 has no other error for what is no link.
    guard files.inodes[file].isLink else { throw .invalid }
    let text = UnsafeRawBufferPointer(start: files.inodes[file].linkText, count: Int(files.inodes[file].size))
    files.touchAccess(file)
    guard text.count &+ Self.resultReserve <= c.writer.remaining else { throw .resource }
    c.writer.putOpaque(text)
  }
}
