// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

/// A kind of object that the kernel around a server needs; each model says where it takes it from.
///
/// The names of comments are the zones of FreeBSD 6, which are also the canonical names of text traces.
public enum KernelObject: Int, CaseIterable, Sendable {
  /// VNODE.
  case vnode
  /// VM OBJECT.
  case vmObject
  /// FFS inode.
  case inode
  /// FFS2 dinode.
  case dinode
  /// S VFS Cache or L VFS Cache, by the length of the name.
  case nameCacheEntry
  /// NAMEI.
  case pathBuffer
  /// mbuf.
  case mbuf
  /// mbuf_cluster.
  case mbufCluster
  /// socket.
  case socket
  /// inpcb.
  case inpcb
  /// tcpcb.
  case tcpcb
  /// struct ucred: malloc type "cred" on FreeBSD 5 and 6.
  case credential
  /// Files.
  case file
  /// MAP ENTRY.
  case mapEntry
}

/// Where a model takes a kernel object from.
@frozen
public enum ObjectSource: Equatable, Sendable {
  /// A zone, pool or cache.
  case zone(ZoneID)
  /// malloc(9) of this type and size in bytes.
  case malloc(MallocType, size: Int)
  /// No allocation of its own: the object lies inside another.
  case embedded
}
