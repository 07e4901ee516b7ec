// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

/// How open(2) opens a file.
@frozen
public struct OpenFlags: OptionSet, Sendable {
  /// Bits of this type, not of fcntl.h.
  public let rawValue: UInt8

  /// Makes a set from its bits.
  @inlinable public init(rawValue: UInt8) { self.rawValue = rawValue }

  /// O_RDONLY, or the reading half of O_RDWR.
  public static let read = OpenFlags(rawValue: 1)
  /// O_WRONLY, or the writing half of O_RDWR.
  public static let write = OpenFlags(rawValue: 2)
  /// O_CREAT.
  public static let create = OpenFlags(rawValue: 4)
  /// O_TRUNC.
  public static let truncate = OpenFlags(rawValue: 8)
  /// O_EXCL.
  public static let exclusive = OpenFlags(rawValue: 16)
  /// What creat(2) is: O_WRONLY | O_CREAT | O_TRUNC.
  public static let creat: OpenFlags = [.write, .create, .truncate]
}

/// The bits of st_mode, as in sys/stat.h of every Unix.
public enum FileMode {
  /// S_IFMT.
  public static let typeMask: UInt32 = 0o170000
  /// S_IFDIR.
  public static let directory: UInt32 = 0o040000
  /// S_IFREG.
  public static let regular: UInt32 = 0o100000
  /// S_IFLNK.
  public static let symbolicLink: UInt32 = 0o120000
  /// S_IFBLK.
  public static let blockDevice: UInt32 = 0o060000
  /// S_IFCHR.
  public static let characterDevice: UInt32 = 0o020000
  /// S_IFIFO.
  public static let fifo: UInt32 = 0o010000
  /// S_IFSOCK.
  public static let socket: UInt32 = 0o140000
}

/// What stat(2) and lstat(2) say of a file.
@frozen
public struct FileStatus: Sendable, Equatable {
  /// st_mode: type and permission bits.
  public var mode: UInt32
  /// st_nlink.
  public var linkCount: UInt32
  /// st_size, bytes.
  public var size: UInt64
  /// st_ino.
  public var fileid: UInt64
  /// st_uid.
  public var owner: UInt32
  /// st_gid.
  public var group: UInt32

  /// Puts a status together.
  @inlinable
  public init(mode: UInt32, linkCount: UInt32, size: UInt64, fileid: UInt64, owner: UInt32, group: UInt32) {
    self.mode = mode
    self.linkCount = linkCount
    self.size = size
    self.fileid = fileid
    self.owner = owner
    self.group = group
  }

  /// True for a directory.
  @inlinable public var isDirectory: Bool { mode & FileMode.typeMask == FileMode.directory }
  /// True for a symbolic link.
  @inlinable public var isSymbolicLink: Bool { mode & FileMode.typeMask == FileMode.symbolicLink }
}

/// What statfs(2) says of a file system.
@frozen
public struct FileSystemStatus: Sendable, Equatable {
  /// Bytes in all.
  public var totalBytes: UInt64
  /// Bytes free.
  public var freeBytes: UInt64
  /// Files that can exist in all.
  public var totalFiles: UInt64
  /// Files that can still be made.
  public var freeFiles: UInt64

  /// Puts a status together.
  @inlinable
  public init(totalBytes: UInt64, freeBytes: UInt64, totalFiles: UInt64, freeFiles: UInt64) {
    self.totalBytes = totalBytes
    self.freeBytes = freeBytes
    self.totalFiles = totalFiles
    self.freeFiles = freeFiles
  }
}

/// One entry of a directory as readdir(3) gives it.
@frozen
public struct DirectoryEntry {
  /// d_name without its end mark; valid until the next call on the same file system.
  public var name: UnsafeRawBufferPointer
  /// d_ino, 0 if unknown.
  public var fileid: UInt64
  /// Type bits of st_mode, 0 if unknown.
  public var type: UInt32

  /// Puts an entry together.
  @inlinable
  public init(name: UnsafeRawBufferPointer, fileid: UInt64, type: UInt32) {
    self.name = name
    self.fileid = fileid
    self.type = type
  }
}
