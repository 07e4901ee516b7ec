// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import KernelModel
import NFS4

/// LOOKUP, LOOKUPP, SECINFO, READLINK (RFC 7530 sections 16.15, 16.16, 16.27, 16.33).
extension ServerCore {
  /// Security flavors that SECINFO names, best first: AUTH_SYS, AUTH_NONE.
  private static let flavors: (UInt32, UInt32) = (1, 0)

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
    c.writer.put(2 as UInt32)
    c.writer.put(Self.flavors.0)
    c.writer.put(Self.flavors.1)
  }

  func readLink(_ c: inout Compound) throws(NFSStatus) {
    let file = try currentFile(c)
    guard files.inodes[file].isLink else { throw files.inodes[file].isDirectory ? .isDirectory : .invalid }
    let text = UnsafeRawBufferPointer(start: files.inodes[file].linkText, count: Int(files.inodes[file].size))
    files.inodes[file].accessTime = files.now
    guard text.count &+ Self.resultReserve <= c.writer.remaining else { throw .resource }
    c.writer.putOpaque(text)
  }
}
