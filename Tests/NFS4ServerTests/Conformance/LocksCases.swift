// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import NFS4

extension ConformanceCase {
  /// Errors of byte-range locks.
  static let locks: [ConformanceCase] = []
}

extension ConformanceReason {
  /// Rows of byte-range locks that cannot happen.
  static let locks: [Row: String] = [:]
}
