// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import NFS4

/// Kinds of access that a mode grants, as the three bits of each class.
enum Permission {
  static let read: UInt32 = 4
  static let write: UInt32 = 2
  static let execute: UInt32 = 1
}

extension MemoryFileSystem {
  /// Whether the mode grants every bit of `wanted` to the principal (FreeBSD sys/kern/vfs_subr.c, vaccess).
  func permits(_ file: Int, _ wanted: UInt32, _ principal: Principal) -> Bool {
    let mode = inodes[file].mode
    if principal.isRoot {
      // Root may do everything but execute a file that nobody may execute.
      return wanted & Permission.execute == 0 || inodes[file].isDirectory || mode & 0o111 != 0
    }
    let granted: UInt32
    if principal.uid == inodes[file].uid {
      granted = mode >> 6
    } else if principal.isMember(of: inodes[file].gid) {
      granted = mode >> 3
    } else {
      granted = mode
    }
    return granted & wanted == wanted
  }

  /// As ``permits(_:_:_:)``, and the owner of a file may always read and write it: an open file's mode may have changed since
  /// (FreeBSD 6 sys/nfsserver/nfs_serv.c, nfsrv_access with override).
  func permitsData(_ file: Int, _ wanted: UInt32, _ principal: Principal) -> Bool {
    principal.uid == inodes[file].uid || permits(file, wanted, principal)
  }

  /// The bits of ACCESS that are granted among `wanted` (RFC 7530 section 16.1.4).
  func grantedAccess(_ file: Int, _ wanted: UInt32, _ principal: Principal) -> UInt32 {
    var granted: UInt32 = 0
    if permits(file, Permission.read, principal) { granted |= NFSAccess.read }
    if !isReadOnly && permits(file, Permission.write, principal) { granted |= NFSAccess.modify | NFSAccess.extend }
    let mayExecute = permits(file, Permission.execute, principal)
    if inodes[file].isDirectory {
      if mayExecute { granted |= NFSAccess.lookup }
      if !isReadOnly && permits(file, Permission.write | Permission.execute, principal) { granted |= NFSAccess.delete }
    } else if mayExecute {
      granted |= NFSAccess.execute
    }
    return granted & wanted
  }

  /// Checks that the principal may remove or replace an entry for `file` in `directory`: write permission, and with the sticky bit
  /// the ownership of one of the two (FreeBSD sys/ufs/ufs/ufs_lookup.c).
  func checkMayRemove(_ file: Int, from directory: Int, _ principal: Principal) throws(NFSStatus) {
    guard permits(directory, Permission.write | Permission.execute, principal) else { throw .accessDenied }
    guard inodes[directory].mode & Inode.stickyBit != 0, !principal.isRoot else { return }
    guard principal.uid == inodes[directory].uid || principal.uid == inodes[file].uid else { throw .accessDenied }
  }
}
