// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

/// The zones of a FreeBSD 6 kernel that serves NFS from UFS (i386, sizes of 6.x; reference page "kernel-allocators",
/// chapter 18).
///
/// Structure sizes are those of HEAD of 2006 and 12 bytes more per embedded mutex (computed).
enum FreeBSD6Zones {
  /// struct vnode and struct vm_object, bytes.
  static let vnodeBytes = 272
  static let objectBytes = 132
  /// struct ucred with its sixteen groups, bytes (recollection: 108 to 116; all of them fall into zone "128").
  static let credentialBytes = 112
  /// Name-cache entries for names up to this many bytes come from "S VFS Cache" (CACHE_PATH_CUTOFF).
  static let shortName = 32

  /// One zone.
  struct Entry {
    var name: String
    var size: Int
    var alignmentMask = UMAConstants.pointerAlignmentMask
    var flags: UMAZoneFlags = []
  }

  /// Created before kmem_map exists: they may use boot pages.
  static let early = [
    Entry(name: "VM OBJECT", size: objectBytes, flags: .noFree),
    Entry(name: "MAP ENTRY", size: 68),
  ]

  /// Created at boot, in this order, after the zones of malloc.
  static let atBoot = [
    Entry(name: "mbuf", size: 256, alignmentMask: 255, flags: .maxBucket),
    Entry(name: "mbuf_cluster", size: 2048, flags: .refcount),
    Entry(name: "socket", size: 356, flags: .noFree),
    Entry(name: "NAMEI", size: 1024),
    Entry(name: "VNODE", size: vnodeBytes, flags: .noFree),
    Entry(name: "S VFS Cache", size: 68, flags: .zeroInit),
    Entry(name: "L VFS Cache", size: 291, flags: .zeroInit),
    Entry(name: "FFS inode", size: 132),
    Entry(name: "FFS2 dinode", size: 256),
  ]

  /// Created when somebody first asks for them: a kernel has some hundred zones more, and each costs an item of "UMA
  /// Zones" and of "UMA Kegs".
  static let onDemand = [
    Entry(name: "inpcb", size: 180, flags: .noFree),
    Entry(name: "tcpcb", size: 464, flags: .noFree),
    Entry(name: "Files", size: 72),
  ]

  /// Malloc types that a server's kernel has registered by the time it serves; each takes an item of mt_zone.
  static let mallocTypes = [
    "UMAHash", "NFSD V4state", "NFSD lckfile", "NFSD V4lock", "NFSD srvcache", "NFSV3 srvdesc", "cred", "temp",
    "soname",
    "NFSD V4client", "NFSD string", "NFSD usrgroup", "NFS req", "NFS fh", "lockf",
  ]
}
