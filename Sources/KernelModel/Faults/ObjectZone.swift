// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import KernelMemory

/// The generic FreeBSD 6 zone names under which faults and traces speak of kernel objects.
///
/// The name cache has two zones, for names up to 32 characters and for longer ones.
enum ObjectZone {
  /// Longest name of the zone "S VFS Cache", bytes (FreeBSD 6 sys/kern/vfs_cache.c, CACHE_PATH_CUTOFF).
  static let shortNameLimit = 32

  static let table: [(name: String, object: KernelObject, longName: Bool)] = [
    ("VNODE", .vnode, false),
    ("VM OBJECT", .vmObject, false),
    ("FFS inode", .inode, false),
    ("FFS2 dinode", .dinode, false),
    ("S VFS Cache", .nameCacheEntry, false),
    ("L VFS Cache", .nameCacheEntry, true),
    ("NAMEI", .pathBuffer, false),
    ("mbuf", .mbuf, false),
    ("mbuf_cluster", .mbufCluster, false),
    ("socket", .socket, false),
    ("inpcb", .inpcb, false),
    ("tcpcb", .tcpcb, false),
  ]

  /// Index for ``LeakFault``: the object, and apart from it the long names of the name cache.
  static func kind(of object: KernelObject, longName: Bool) -> Int {
    longName ? KernelObject.allCases.count : object.rawValue
  }

  static func kind(named name: String) -> Int? {
    table.first { $0.name == name }.map { kind(of: $0.object, longName: $0.longName) }
  }
}
