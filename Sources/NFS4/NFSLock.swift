// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

/// Numbers of LOCK, LOCKT and LOCKU (RFC 7530 sections 16.10 to 16.12): nfs_lock_type4, and the length that reaches to the end of the file.
public enum NFSLock {
  /// READ_LT: a shared lock.
  public static let read: UInt32 = 1
  /// WRITE_LT: an exclusive lock.
  public static let write: UInt32 = 2
  /// READW_LT: a shared lock for which the client is going to ask again.
  public static let readWait: UInt32 = 3
  /// WRITEW_LT: an exclusive lock for which the client is going to ask again.
  public static let writeWait: UInt32 = 4
  /// The values of nfs_lock_type4.
  public static let types: ClosedRange<UInt32> = read...writeWait
  /// The length of a range that reaches to the end of the file however long it is.
  public static let toEnd = UInt64.max

  /// Whether a type asks for an exclusive lock.
  @inlinable
  public static func isExclusive(_ type: UInt32) -> Bool { type == write || type == writeWait }
}
