// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import KernelMemory

/// A server's habits with memory: which structures it keeps, of which size, and what each operation takes and gives back.
///
/// An era is data; the operations ask it where eras differ.
public struct Era: Sendable {
  /// Identifier in configurations, for instance `macklem-2007`.
  public let name: String
  /// Names of the malloc types as `vmstat -m` prints them.
  public let types: EraMallocNames
  /// Whether OPEN takes a second nfslockfile and a spare for a delegation before it takes the state lock, because malloc may sleep
  /// (FreeBSD 8.1 sys/fs/nfsserver/nfs_nfsdstate.c, nfsrv_openctrl).
  public let allocatesSparesInOpen: Bool
  /// Whether the nfslockfile that the open check links stays behind when a later check of the same OPEN fails (inferred from the same file).
  public let strandsLockFile: Bool
  /// Whether the first OPEN of a client that gave a callback program calls CB_NULL.
  public let callsBackOnFirstOpen: Bool
  /// Whether the socket upcall queues a record and the nfsd fills a descriptor, each from malloc (FreeBSD 6 sys/nfsserver/nfs_srvsock.c).
  public let allocatesDescriptors: Bool
  private let i386: StateLayout
  private let amd64: StateLayout

  /// Structure sizes on an architecture.
  func layout(_ architecture: Architecture) -> StateLayout {
    switch architecture {
    case .i386: i386
    case .amd64: amd64
    }
  }

  /// The stand-alone NFSv4 server of 2007 on FreeBSD 5.4 and 6, as far as the code imported in 2009 and the socket code of
  /// FreeBSD 6 tell (inferred; reference page "nfsv4-server-state", sections 6 and 7).
  public static let macklem2007 = Era(
    name: "macklem-2007", types: .macklem2007, allocatesSparesInOpen: true, strandsLockFile: true,
    callsBackOnFirstOpen: true, allocatesDescriptors: true, i386: .macklem2007OnI386, amd64: .macklem2007OnAMD64)

  /// Every era of the configuration grammar, and whether it can be served.
  static let names = ["macklem-2007", "freebsd-8", "knfsd"]

  /// The era with this name.
  ///
  /// - Throws: ``ServerError/unknownEra(_:known:)`` and ``ServerError/eraNotServed(_:served:)``.
  public static func named(_ name: String) throws(ServerError) -> Era {
    if name == macklem2007.name { return macklem2007 }
    guard names.contains(name) else { throw .unknownEra(name, known: names) }
    throw .eraNotServed(name, served: [macklem2007.name])
  }
}

/// Names of malloc types that a server makes.
public struct EraMallocNames: Sendable {
  /// struct nfsclient.
  public let client: String
  /// struct nfsstate: open-owner, open, lock-owner, delegation.
  public let state: String
  /// struct nfslockfile.
  public let lockFile: String
  /// struct nfslock.
  public let lock: String
  /// struct nfsrvcache.
  public let replyCache: String
  /// struct nfsrv_rec and struct nfsrv_descript.
  public let descriptor: String
  /// M_TEMP: iovecs, directory buffers, link texts, long tags.
  public let temporary: String
  /// Socket addresses.
  public let socketName: String
  /// struct nfsreq of a callback.
  public let callbackRequest: String

  /// FreeBSD 8.1 sys/fs/nfs/nfs_commonport.c, with the descriptor's label of FreeBSD 5 and 6 (recollection).
  static let macklem2007 = EraMallocNames(
    client: "NFSD V4client", state: "NFSD V4state", lockFile: "NFSD lckfile", lock: "NFSD V4lock",
    replyCache: "NFSD srvcache", descriptor: "NFSV3 srvdesc", temporary: "temp", socketName: "soname",
    callbackRequest: "NFS req")
}
