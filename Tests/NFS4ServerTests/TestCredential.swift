// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import ONCRPC

/// Identities of tests.
enum TestCredential {
  static let root = RPCClientCredential.sys(uid: 0, gid: 0)
}
