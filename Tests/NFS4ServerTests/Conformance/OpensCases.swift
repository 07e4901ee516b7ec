// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import NFS4

extension ConformanceCase {
  /// Errors of opens, client ids and leases.
  static let opens: [ConformanceCase] = []
}

extension ConformanceReason {
  /// Rows of opens, client ids and leases that cannot happen.
  static let opens: [Row: String] = [:]
}
