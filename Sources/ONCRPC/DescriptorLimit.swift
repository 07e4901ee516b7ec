// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import Glibc

/// How many files and sockets the process may have open (RLIMIT_NOFILE).
public enum DescriptorLimit {
  /// Raises the soft limit as far as the hard one allows; a server of many connections needs one descriptor for each.
  ///
  /// - Parameter wanted: descriptors.
  /// - Returns: the limit that is now in force.
  @discardableResult
  public static func raise(to wanted: Int) -> Int {
    var limit = rlimit()
    guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return 0 }
    let target = min(rlim_t(max(wanted, 0)), limit.rlim_max)
    if limit.rlim_cur < target {
      limit.rlim_cur = target
      setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
      getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    }
    return Int(clamping: limit.rlim_cur)
  }
}
