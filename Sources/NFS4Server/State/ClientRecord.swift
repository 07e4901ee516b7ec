// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

/// struct nfsclient in modelled memory: one per client id string (FreeBSD 8.1 sys/fs/nfs/nfsrvstate.h).
///
/// It holds the confirmed record of RFC 7530 section 16.33.5 and, beside it, the unconfirmed one that a SETCLIENTID left.
struct ClientRecord {
  /// Chains of stateids that each client has (NFSSTATEHASHSIZE).
  static let stateChains = 10

  /// The client id is confirmed.
  static let confirmed: UInt32 = 1
  /// An unconfirmed record waits for SETCLIENTID_CONFIRM.
  static let pending: UInt32 = 2
  /// The timer found the lease long past: the next compound frees the client (LCL_EXPIREIT).
  static let expired: UInt32 = 4
  /// No CB_NULL was sent yet (LCL_NEEDSCBNULL).
  static let needsCallbackNull: UInt32 = 8
  /// The client was written to stable storage (LCL_STAMPEDSTABLE).
  static let stampedStable: UInt32 = 16

  /// Stable storage says that the client had state when the service went down: it may reclaim in the grace period.
  static let mayReclaim: UInt32 = 0x100
  /// A callback was answered, so delegations may be given; one was not, so none are.
  static let callbackUp: UInt32 = 0x0100_0000
  static let callbackDown: UInt32 = 0x0200_0000
  /// RENEW has told the client that it cannot be called back.
  static let callbackDownTold: UInt32 = 0x0400_0000
  /// CB_NULL is on its way.
  static let callbackProbed: UInt32 = 0x0800_0000
  /// All that is known about the way to the client.
  static let callbackStates = callbackUp | callbackDown | callbackDownTold | callbackProbed
  /// The callback address that waits to be confirmed is one of TCP over IPv4.
  static let pendingStreamAddress: UInt32 = 0x1000_0000

  let link: KernelLink
  let bytes: UnsafeMutableRawPointer

  static let hashOffset = 0

  /// Head of the chain of stateids with this index.
  @inline(__always)
  func stateHead(_ index: UInt32) -> UnsafeMutableRawPointer {
    bytes + (8 &+ Int(index % UInt32(Self.stateChains)) &* 4)
  }
  /// Head of the list of open-owners (lc_open).
  @inline(__always) var ownerHead: UnsafeMutableRawPointer { bytes + 48 }
  /// Boot time half of the client id.
  var boot: UInt32 {
    get { bytes[word: 52] }
    nonmutating set { bytes[word: 52] = newValue }
  }
  /// Index half of the client id, 0 while nothing is confirmed.
  var index: UInt32 {
    get { bytes[word: 56] }
    nonmutating set { bytes[word: 56] = newValue }
  }
  /// The setclientid_confirm verifier of the confirmed record.
  var confirmation: UInt64 {
    get { bytes[long: 60] }
    nonmutating set { bytes[long: 60] = newValue }
  }
  /// The client's own verifier in the confirmed record.
  var verifier: UInt64 {
    get { bytes[long: 68] }
    nonmutating set { bytes[long: 68] = newValue }
  }
  var pendingIndex: UInt32 {
    get { bytes[word: 76] }
    nonmutating set { bytes[word: 76] = newValue }
  }
  var pendingConfirmation: UInt64 {
    get { bytes[long: 80] }
    nonmutating set { bytes[long: 80] = newValue }
  }
  var pendingVerifier: UInt64 {
    get { bytes[long: 88] }
    nonmutating set { bytes[long: 88] = newValue }
  }
  var flags: UInt32 {
    get { bytes[word: 96] }
    nonmutating set { bytes[word: 96] = newValue }
  }
  /// User number of the principal.
  var uid: UInt32 {
    get { bytes[word: 100] }
    nonmutating set { bytes[word: 100] = newValue }
  }
  var flavor: UInt32 {
    get { bytes[word: 104] }
    nonmutating set { bytes[word: 104] = newValue }
  }
  /// End of the lease, virtual seconds since boot.
  var expiry: UInt32 {
    get { bytes[word: 108] }
    nonmutating set { bytes[word: 108] = newValue }
  }
  var callbackProgram: UInt32 {
    get { bytes[word: 112] }
    nonmutating set { bytes[word: 112] = newValue }
  }
  var callbackIdent: UInt32 {
    get { bytes[word: 116] }
    nonmutating set { bytes[word: 116] = newValue }
  }
  /// The callback address, a malloc of type "soname".
  var socketName: KernelLink {
    get { bytes[word: 120] }
    nonmutating set { bytes[word: 120] = newValue }
  }
  var pendingCallbackProgram: UInt32 {
    get { bytes[word: 124] }
    nonmutating set { bytes[word: 124] = newValue }
  }
  var pendingCallbackIdent: UInt32 {
    get { bytes[word: 128] }
    nonmutating set { bytes[word: 128] = newValue }
  }
  var idLength: UInt32 {
    get { bytes[word: 136] }
    nonmutating set { bytes[word: 136] = newValue }
  }
  var pendingUID: UInt32 {
    get { bytes[word: 140] }
    nonmutating set { bytes[word: 140] = newValue }
  }
  var pendingFlavor: UInt32 {
    get { bytes[word: 144] }
    nonmutating set { bytes[word: 144] = newValue }
  }

  /// When the unconfirmed record is dropped, virtual seconds since boot.
  var pendingExpiry: UInt32 {
    get { bytes[word: 148] }
    nonmutating set { bytes[word: 148] = newValue }
  }
  /// The callback address of the unconfirmed record: the first words of a struct sockaddr_in.
  var pendingAddress: UInt64 {
    get { bytes[long: 152] }
    nonmutating set { bytes[long: 152] = newValue }
  }

  /// The confirmed callback address: the first words of a struct sockaddr_in, 0 for none.
  var callbackAddress: UInt64 {
    get { bytes[long: 180] }
    nonmutating set { bytes[long: 180] = newValue }
  }
  /// Head of the list of delegations (lc_deleg).
  @inline(__always) var delegationHead: UnsafeMutableRawPointer { bytes + 188 }

  /// Bytes of the fields above, which is what the structure has on i386.
  static let fieldBytes = 196

  @inline(__always)
  func has(_ flag: UInt32) -> Bool { flags & flag != 0 }

  /// The client's id string, behind the fields of the structure.
  func id(_ layout: StateLayout) -> UnsafeMutableRawBufferPointer {
    UnsafeMutableRawBufferPointer(start: bytes + layout.client, count: Int(idLength))
  }
}
