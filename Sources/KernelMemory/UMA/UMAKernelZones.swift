// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

/// Sizes of the kernel's objects on one kernel and architecture, bytes.
struct UMAKernelObjects: Equatable, Sendable {
  var vnode: Int
  var object: Int
  var mapEntry: Int
  var inode: Int
  var socket: Int
  var inpcb: Int
  var tcpcb: Int
  var file: Int
  /// struct ucred, a malloc of type "cred".
  var credential: Int
  /// struct namecache with room for a short name, and for the longest one.
  var shortNameEntry: Int
  var longNameEntry: Int
  /// Names up to this many bytes come from "S VFS Cache" (CACHE_PATH_CUTOFF).
  var shortName: Int

  /// 6.x on i386 (reference page "kernel-allocators", chapter 18).
  ///
  /// HEAD of early 2006 and 12 bytes more per embedded mutex (computed). 5.4 and 7 are taken to have the same sizes
  /// (inferred).
  static let i386 = UMAKernelObjects(
    vnode: 272, object: 132, mapEntry: 68, inode: 132, socket: 356, inpcb: 180, tcpcb: 464, file: 72, credential: 112,
    shortNameEntry: 68, longNameEntry: 291, shortName: 32)

  /// 6.x on amd64: computed from the field lists of HEAD of early 2006, with the mutex of 72 bytes.
  ///
  /// The same lists give the i386 sizes of HEAD 2006 to the byte, but for the inode, where a pointer had to be added
  /// (inferred). Those of bufobj, selinfo, callout, file, map entry, name-cache entry, inode and ucred are recollection.
  static let amd64 = UMAKernelObjects(
    vnode: 496, object: 224, mapEntry: 112, inode: 200, socket: 616, inpcb: 304, tcpcb: 752, file: 120,
    credential: 136, shortNameEntry: 104, longNameEntry: 327, shortName: 32)

  /// 9.x on i386: computed from the field lists of 9.3.
  ///
  /// The lists of locks, bufobj, selinfo, callout, file, map entry, name-cache entry and ucred are recollection, and so
  /// is the limit of a short name, 35 bytes.
  static let i386Of9 = UMAKernelObjects(
    vnode: 284, object: 148, mapEntry: 72, inode: 116, socket: 416, inpcb: 252, tcpcb: 688, file: 56, credential: 116,
    shortNameEntry: 72, longNameEntry: 292, shortName: 35)

  /// 9.x on amd64: as ``i386Of9``.
  static let amd64Of9 = UMAKernelObjects(
    vnode: 504, object: 232, mapEntry: 120, inode: 168, socket: 680, inpcb: 392, tcpcb: 976, file: 80,
    credential: 160, shortNameEntry: 108, longNameEntry: 328, shortName: 35)
}

/// The zones of a FreeBSD kernel that serves NFS from UFS (reference page "kernel-allocators", chapter 18).
struct UMAKernelZones: Sendable {
  /// One zone.
  struct Entry: Sendable {
    /// Name in FreeBSD 6, which is the canonical one.
    var name: String
    var size: Int
    /// nil: as pointers are.
    var alignmentMask: Int?
    var flags: UMAZoneFlags = []
  }

  /// Created before kmem_map exists: they may use boot pages.
  let early: [Entry]
  /// Created at boot, in this order, after the zones of malloc.
  let atBoot: [Entry]
  /// Created when somebody first asks for them: a kernel has some hundred zones more, and each costs an item of "UMA
  /// Zones" and of "UMA Kegs".
  let onDemand: [Entry]
  /// Names that this kernel gives to zones, by canonical name, where they differ.
  let names: [(canonical: String, own: String)]

  /// The zones of a kernel with these objects; jumbo clusters came with 6.x.
  init(_ objects: UMAKernelObjects, names: [(canonical: String, own: String)] = [], hasJumboClusters: Bool = true) {
    self.names = names
    early = [
      Entry(name: "VM OBJECT", size: objects.object, flags: .noFree),
      Entry(name: "MAP ENTRY", size: objects.mapEntry),
    ]
    atBoot = [
      Entry(name: "mbuf", size: 256, alignmentMask: 255, flags: .maxBucket),
      Entry(name: "mbuf_cluster", size: 2048, flags: .refcount),
      Entry(name: "socket", size: objects.socket, flags: .noFree),
      Entry(name: "NAMEI", size: 1024),
      Entry(name: "VNODE", size: objects.vnode, flags: .noFree),
      Entry(name: "S VFS Cache", size: objects.shortNameEntry, flags: .zeroInit),
      Entry(name: "L VFS Cache", size: objects.longNameEntry, flags: .zeroInit),
      Entry(name: "FFS inode", size: objects.inode),
      Entry(name: "FFS2 dinode", size: 256),
    ]
    let jumbo = [
      Entry(name: "mbuf_jumbo_9k", size: 9216, flags: .refcount),
      Entry(name: "mbuf_jumbo_16k", size: 16_384, flags: .refcount),
    ]
    onDemand =
      [
        Entry(name: "inpcb", size: objects.inpcb, flags: .noFree),
        Entry(name: "tcpcb", size: objects.tcpcb, flags: .noFree),
        Entry(name: "Files", size: objects.file),
      ] + (hasJumboClusters ? jumbo : [])
  }

  /// This kernel's name for a zone.
  func ownName(_ canonical: String) -> String { names.first { $0.canonical == canonical }?.own ?? canonical }

  /// Malloc types that a server's kernel has registered by the time it serves; each takes an item of mt_zone where
  /// there is that zone.
  static let mallocTypes = [
    "UMAHash", "NFSD V4state", "NFSD lckfile", "NFSD V4lock", "NFSD srvcache", "NFSV3 srvdesc", "cred", "temp",
    "soname",
    "NFSD V4client", "NFSD string", "NFSD usrgroup", "NFS req", "NFS fh", "lockf",
  ]
}
