// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

/// What an owner or owner_group string stands for (RFC 7530 section 5.9).
@frozen
public enum OwnerResolution: Sendable, Equatable {
  /// A user or group number.
  case number(UInt32)
  /// A well-formed string that nobody here goes by: NFS4ERR_BADOWNER where it is to be set.
  case unknown
  /// Empty, no UTF-8, or with a domain that is no DNS name: NFS4ERR_INVAL (RFC 7530 section 12.6).
  case malformed

  /// What a string of decimal digits stands for; every other string is unknown.
  @inlinable
  public static func decimal(_ text: UnsafeRawBufferPointer) -> OwnerResolution {
    if let number = decimalOwner(text) { .number(number) } else { .unknown }
  }
}
