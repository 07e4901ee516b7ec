// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import NFS4

extension ConformanceCase {
  /// Errors of delegations.
  static let delegations: [ConformanceCase] = []
}

extension ConformanceReason {
  /// Rows of delegations that cannot happen.
  static let delegations: [Row: String] = [:]
}
