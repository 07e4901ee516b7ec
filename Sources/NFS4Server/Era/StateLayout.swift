// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

/// Sizes in bytes of the structures that a server takes from malloc(9).
struct StateLayout: Sendable {
  /// struct nfsclient, without the client's id string.
  let client: Int
  /// struct nfsstate, without the owner's name.
  let state: Int
  let lockFile: Int
  let lock: Int
  let replyCache: Int
  /// struct nfsrv_rec, queued by the socket upcall.
  let record: Int
  /// struct nfsrv_descript.
  let descriptor: Int
  let socketName: Int
  let callbackRequest: Int
  let iovec: Int
  /// u_long: a directory cookie that UFS hands out.
  let cookie: Int
  /// Header of the record that OPEN_CONFIRM writes to stable storage for a new client, before its id (recollection).
  let stableRecord: Int

  /// Computed from the fields, gcc -m32.
  ///
  /// nfslockfile has 48 to 52 bytes before local locking was added (inferred), of which 52 is taken; nfsrv_descript has about 140 to 200, of
  /// which 168; nfsreq about 150.
  static let macklem2007OnI386 = StateLayout(
    client: 196, state: 96, lockFile: 52, lock: 44, replyCache: 56, record: 12, descriptor: 168, socketName: 16,
    callbackRequest: 150, iovec: 8, cookie: 4, stableRecord: 4)

  /// Computed from the fields, gcc -m64.
  ///
  /// nfslockfile has 72 to 80 bytes (inferred), of which 80 is taken; nfsrv_descript has about 216 to 300, of which 248.
  static let macklem2007OnAMD64 = StateLayout(
    client: 304, state: 152, lockFile: 80, lock: 72, replyCache: 96, record: 24, descriptor: 248, socketName: 16,
    callbackRequest: 250, iovec: 16, cookie: 8, stableRecord: 4)
}
