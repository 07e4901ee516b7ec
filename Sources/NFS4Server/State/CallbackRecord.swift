// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

/// struct nfsreq of a callback in modelled memory: there from the moment that a callback is wanted until its reply is seen, as the
/// kernel's RPC layer holds one (FreeBSD 8.1 sys/fs/nfs/nfs.h; the members are this server's own).
struct CallbackRecord {
  /// What is called.
  enum Kind: UInt32 {
    case null = 0
    case recall = 1
    case getAttributes = 2
  }

  /// Links of the list of callbacks under way.
  static let listOffset = 0

  let link: KernelLink
  let bytes: UnsafeMutableRawPointer

  /// The server's own number of the callback, never used again.
  var serial: UInt64 {
    get { bytes[long: 8] }
    nonmutating set { bytes[long: 8] = newValue }
  }
  var kind: Kind? {
    get { Kind(rawValue: bytes[word: 16]) }
    nonmutating set { bytes[word: 16] = newValue?.rawValue ?? 0 }
  }
  /// Index of the client, and of the delegation where it is about one.
  var clientIndex: UInt32 {
    get { bytes[word: 20] }
    nonmutating set { bytes[word: 20] = newValue }
  }
  var stateIndex: UInt32 {
    get { bytes[word: 24] }
    nonmutating set { bytes[word: 24] = newValue }
  }
  /// Tells the client's callback path from the ones before and after: its confirm verifier.
  var path: UInt64 {
    get { bytes[long: 28] }
    nonmutating set { bytes[long: 28] = newValue }
  }
  /// The credential of the call, an object of the kernel.
  var credential: KernelLink {
    get { bytes[word: 36] }
    nonmutating set { bytes[word: 36] = newValue }
  }
}
