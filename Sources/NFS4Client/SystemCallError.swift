// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import Glibc
import NFS4

/// Why a POSIX-like call failed: an errno value of this system.
public struct SystemCallError: Error, Equatable, Sendable, CustomStringConvertible {
  /// The errno value, for instance `ENOENT`; never 0.
  public let code: Int32

  /// Wraps an errno value.
  @inlinable public init(_ code: Int32) { self.code = code }

  /// The text that strerror(3) gives.
  public var description: String { Self.text(code) }

  /// The text that strerror(3) gives for `code`.
  public static func text(_ code: Int32) -> String {
    withUnsafeTemporaryAllocation(of: CChar.self, capacity: 256) { buffer in
      guard let base = buffer.baseAddress, strerror_r(code, base, buffer.count) == 0 else {
        return "Unknown error \(code)"
      }
      return String(cString: base)
    }
  }

  /// No such file or directory.
  public static let noEntry = SystemCallError(ENOENT)
  /// Input/output error.
  public static let inputOutput = SystemCallError(EIO)
  /// Bad file descriptor.
  public static let badDescriptor = SystemCallError(EBADF)
  /// Not a directory.
  public static let notDirectory = SystemCallError(ENOTDIR)
  /// Is a directory.
  public static let isDirectory = SystemCallError(EISDIR)
  /// File exists.
  public static let exists = SystemCallError(EEXIST)
  /// Permission denied.
  public static let accessDenied = SystemCallError(EACCES)
  /// File name too long.
  public static let nameTooLong = SystemCallError(ENAMETOOLONG)
  /// Too many levels of symbolic links.
  public static let tooManyLinks = SystemCallError(ELOOP)
  /// Invalid argument.
  public static let invalid = SystemCallError(EINVAL)
  /// Stale file handle.
  public static let stale = SystemCallError(ESTALE)
  /// Text file busy, the errno of an NFS client for a name that must not be used now.
  public static let busy = SystemCallError(EBUSY)
  /// Directory not empty.
  public static let notEmpty = SystemCallError(ENOTEMPTY)
  /// Too many open files.
  public static let tooManyFiles = SystemCallError(EMFILE)

  /// The errno that NFS clients give for a status of the server.
  ///
  /// Statuses that say something to a program map to their errno (RFC 7530 section 13.1 gives the meanings); state,
  /// session and XDR troubles become EIO, as in FreeBSD's newnfs_nfsv4_errmap (recollection).
  public init(_ status: NFSStatus) {
    switch status {
    case .ok: self.init(EIO)
    case .notOwner: self.init(EPERM)
    case .noEntry: self.init(ENOENT)
    case .noDevice: self.init(ENXIO)
    case .accessDenied, .denied, .wrongSecurity: self.init(EACCES)
    case .exists: self.init(EEXIST)
    case .crossDevice: self.init(EXDEV)
    case .notDirectory: self.init(ENOTDIR)
    case .isDirectory: self.init(EISDIR)
    case .invalid, .badName, .badCharacter, .badOwner, .attributeNotSupported, .badType, .badRange:
      self.init(EINVAL)
    case .fileTooBig: self.init(EFBIG)
    case .noSpace: self.init(ENOSPC)
    case .readOnlyFileSystem: self.init(EROFS)
    case .tooManyLinks: self.init(EMLINK)
    case .nameTooLong: self.init(ENAMETOOLONG)
    case .notEmpty: self.init(ENOTEMPTY)
    case .quotaExceeded: self.init(EDQUOT)
    case .stale, .filehandleExpired, .badHandle: self.init(ESTALE)
    case .notSupported, .lockNotSupported: self.init(EOPNOTSUPP)
    case .isSymlink: self.init(ELOOP)
    case .shareDenied, .locked, .fileOpen, .delay, .grace: self.init(EBUSY)
    case .deadlock: self.init(EDEADLK)
    case .resource: self.init(EREMOTEIO)
    case .openMode: self.init(EBADF)
    default: self.init(EIO)
    }
  }
}
