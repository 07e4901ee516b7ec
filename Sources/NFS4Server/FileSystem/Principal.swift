// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import ONCRPC

/// Who an operation is carried out for: numbers of AUTH_SYS, or nobody.
///
/// A view of the call's credential, valid during the call only.
struct Principal {
  let flavor: UInt32
  let uid: UInt32
  let gid: UInt32
  let groups: UnsafeBufferPointer<UInt32>

  /// User and group that root becomes with root squash.
  static let nobody: UInt32 = 65_534

  init(flavor: UInt32, uid: UInt32, gid: UInt32, groups: UnsafeBufferPointer<UInt32>) {
    self.flavor = flavor
    self.uid = uid
    self.gid = gid
    self.groups = groups
  }

  init(_ credential: borrowing RPCCredential, rootSquash: Bool) {
    flavor = credential.flavor.rawValue
    if rootSquash && credential.uid == 0 {
      uid = Self.nobody
      gid = Self.nobody
      groups = UnsafeBufferPointer(start: nil, count: 0)
    } else {
      uid = credential.uid
      gid = credential.gid
      groups = credential.groups
    }
  }

  var isRoot: Bool { uid == 0 }

  func isMember(of group: UInt32) -> Bool {
    if gid == group { return true }
    var index = 0
    while index < groups.count {
      if groups[index] == group { return true }
      index &+= 1
    }
    return false
  }
}
