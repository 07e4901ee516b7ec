// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import NFS4

/// Pairs that have neither a case nor a reason yet.
enum ConformanceGaps {
  private static let text = """
    CLOSE: LOCKS_HELD
    DELEGPURGE: NOTSUPP STALE_CLIENTID
    DELEGRETURN: BAD_STATEID EXPIRED INVAL NOTSUPP OLD_STATEID STALE_STATEID
    GETATTR: DELAY
    ILLEGAL: BADXDR
    LINK: DELAY
    LOCK: ACCESS BAD_SEQID BAD_STATEID DENIED EXPIRED GRACE INVAL NO_GRACE OLD_STATEID OPENMODE \
      RECLAIM_BAD RECLAIM_CONFLICT STALE_STATEID
    LOCKT: ACCESS DENIED EXPIRED GRACE INVAL
    LOCKU: ACCESS BAD_SEQID BAD_STATEID EXPIRED GRACE INVAL OLD_STATEID STALE_STATEID
    NVERIFY: DELAY
    OPEN: DELAY OLD_STATEID
    OPEN_DOWNGRADE: LOCKS_HELD
    READ: DELAY
    RELEASE_LOCKOWNER: EXPIRED LOCKS_HELD
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
