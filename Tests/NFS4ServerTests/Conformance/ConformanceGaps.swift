// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import NFS4

/// Pairs that have neither a case nor a reason yet.
enum ConformanceGaps {
  private static let text = """
    DELEGPURGE: NOTSUPP STALE_CLIENTID
    DELEGRETURN: BAD_STATEID EXPIRED INVAL NOTSUPP OLD_STATEID STALE_STATEID
    GETATTR: DELAY
    ILLEGAL: BADXDR
    LINK: DELAY
    NVERIFY: DELAY
    OPEN: DELAY OLD_STATEID
    READ: DELAY
    REMOVE: DELAY
    RENAME: DELAY
    RENEW: CB_PATH_DOWN
    SETATTR: DELAY
    VERIFY: DELAY
    WRITE: DELAY
    """

  /// The pairs as `OPERATION NFS4ERR_NAME`.
  static let rows = Set(
    text.split(separator: "\n").flatMap { line -> [String] in
      let parts = line.split(separator: ":")
      guard parts.count == 2 else { return [] }
      return parts[1].split(separator: " ").map { "\(parts[0]) NFS4ERR_\($0)" }
    })
}
