// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

/// Kind of a vnode (enum vtype), as far as memory differs by it.
public enum VnodeKind: Sendable {
  /// Regular file: gets a VM object when it is opened.
  case regular
  /// Directory.
  case directory
  /// Symbolic link.
  case link
  /// Device, FIFO or socket.
  case other
}

/// What a name lookup is for: cn_nameiop (FreeBSD 6 sys/sys/namei.h).
public enum NameIntent: Sendable {
  /// LOOKUP: both finds and failures are entered in the name cache.
  case lookup
  /// CREATE: a failure is expected, and is not entered.
  case create
  /// DELETE: the entry is removed.
  case delete
  /// RENAME, for the source and for the target: the entry is removed.
  case rename
  /// The new name of LINK: as CREATE.
  case link
}
