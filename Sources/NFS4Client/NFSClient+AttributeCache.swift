// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import NFS4

extension NFSClient {
  // Time-outs in nanoseconds. Linux: acregmin 3 s, acregmax 60 s, acdirmin 30 s, acdirmax 60 s (fs/nfs/client.c). BSD:
  // 3 to 60 s for both (NFS_MINATTRTIMO, NFS_MAXATTRTIMO; recollection).
  static let fileMinimum: UInt64 = 3_000_000_000
  static let directoryMinimum: UInt64 = 30_000_000_000
  static let attributeMaximum: UInt64 = 60_000_000_000
  /// How long the BSD client believes ACCESS and names that do not exist (nfsaccess_cache_timeout, nm_negnametimeo;
  /// recollection).
  static let bsdBelief: UInt64 = 60_000_000_000

  /// Takes attributes that the server sent.
  ///
  /// A change attribute that the client did not expect puts data, rights and, of a directory, names in doubt (Linux
  /// nfs_update_inode). Files that are open for writing here are expected to change.
  ///
  /// - Parameters:
  ///   - index: the node.
  ///   - new: what was sent; its mask says what.
  ///   - own: true if the change was made by the request that brought the attributes, as with WRITE (weak cache
  ///     consistency).
  func refresh(_ index: Int, _ new: NodeAttributes, own: Bool = false) {
    let node = nodes + index
    let now = clock.nanoseconds
    var stale = node.pointee.stale
    var changed = false
    if new.mask.contains(.change) && new.change != node.pointee.attributes.change {
      changed = true
      if !own && node.pointee.writers == 0 {
        if isLinux {
          stale.formUnion(Staleness.attributes)
          stale.formUnion([.data, .access])
          if node.pointee.isDirectory { node.pointee.verifier &+= 1 }
        } else if !stale.contains(.change) {
          // n_attrstamp = 0 says that the client itself made the change.
          stale.insert(.data)
          if node.pointee.isDirectory { node.pointee.verifier &+= 1 }
        }
      }
    }
    stale.subtract(Staleness.refreshed(by: new.mask))
    node.pointee.stale = stale
    let localSize = node.pointee.attributes.size
    node.pointee.attributes.merge(new)
    if node.pointee.dirtyBlocks > 0 && localSize > node.pointee.attributes.size {
      node.pointee.attributes.size = localSize
    }
    node.pointee.readNanoseconds = now
    if changed {
      node.pointee.changedNanoseconds = now
      node.pointee.timeout = node.pointee.isDirectory ? Self.directoryMinimum : Self.fileMinimum
      node.pointee.timeoutNanoseconds = now
    } else if now &- node.pointee.timeoutNanoseconds >= node.pointee.timeout {
      node.pointee.timeout = min(node.pointee.timeout &* 2, Self.attributeMaximum)
      node.pointee.timeoutNanoseconds = now
    }
  }

  /// True if the attributes are too old to be believed (nfs_attribute_cache_expired; ncl_getattrcache).
  @inline(__always)
  func expired(_ index: Int) -> Bool {
    let node = nodes + index
    let now = clock.nanoseconds
    if isLinux { return now &- node.pointee.readNanoseconds >= node.pointee.timeout }
    if !node.pointee.stale.isDisjoint(with: .attributes) { return true }
    let tenth = (now &- node.pointee.changedNanoseconds) / 10
    let timeout = min(max(tenth, Self.fileMinimum), Self.attributeMaximum)
    return now &- node.pointee.readNanoseconds >= timeout
  }

  /// The client changed a directory: what the server said about it (Linux nfs4_update_changeattr_locked).
  ///
  /// Servers that cannot do it in one step answer `atomic` false, as nfs-ganesha and FreeBSD do: then somebody else may
  /// have changed the directory in between, and names and rights are in doubt.
  func directoryChanged(_ index: Int, _ info: ChangeInfo, linkCount: Int32 = 0) {
    let node = nodes + index
    if !isLinux {
      node.pointee.stale.formUnion([.change, .data])
      node.pointee.verifier &+= 1
      return
    }
    let now = clock.nanoseconds
    var stale: Staleness = [.metadataTime, .modifyTime, .data]
    let known = node.pointee.attributes.change
    if info.after != known {
      node.pointee.attributes.change = info.after
      if !info.atomic || info.before != known {
        node.pointee.verifier &+= 1
        stale.formUnion([.access, .size, .other, .blocks, .linkCount, .mode])
        node.pointee.timeout = Self.directoryMinimum
      }
      node.pointee.timeoutNanoseconds = now
      node.pointee.readNanoseconds = now
      node.pointee.changedNanoseconds = now
      node.pointee.stale.remove(.change)
    }
    node.pointee.stale.formUnion(stale)
    node.pointee.attributes.linkCount &+= UInt32(bitPattern: linkCount)
  }

  /// stat(2) on a node: its attributes, from the server if the client's are not good enough.
  func currentAttributes(_ index: Int) throws(NFSClientFailure) {
    if isLinux {
      // nfs_getattr(): dirty data goes out first, since the times depend on it.
      if nodes[index].dirtyBlocks > 0 { try writeBack(index) }
      if nodes[index].stale.isDisjoint(with: .attributes) && !expired(index) { return }
    } else if nodes[index].dirtyBlocks > 0 || !expired(index) {
      return
    }
    try rpcGetAttributes(index)
  }

  // MARK: Rights

  /// inode_permission() on a node (nfs_do_access; nfs_access of the BSD client): the right from the cache or from
  /// ACCESS.
  ///
  /// - Throws: EACCES if the server does not grant it.
  func checkAccess(_ index: Int, _ right: UInt32) throws(NFSClientFailure) {
    let node = nodes + index
    node.pointee.lastCall = callNumber
    if isLinux {
      if node.pointee.accessKnown && !node.pointee.stale.contains(.access) && expired(index) {
        try rpcGetAttributes(index)
      }
      if !node.pointee.accessKnown || node.pointee.stale.contains(.access) {
        node.pointee.accessKnown = false
        node.pointee.stale.remove(.access)
        try rpcAccess(index)
      }
    } else if !node.pointee.accessKnown
      || clock.nanoseconds &- node.pointee.accessNanoseconds >= Self.bsdBelief
      || node.pointee.access & right != right
    {
      try rpcAccess(index)
    }
    guard node.pointee.access & right == right else { throw .local(.accessDenied) }
  }

  func setAccess(_ index: Int, _ granted: UInt32) {
    nodes[index].access = granted
    nodes[index].accessKnown = true
    nodes[index].accessNanoseconds = clock.nanoseconds
  }
}
