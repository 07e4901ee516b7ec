// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import NFS4Client

/// `rm -r PATH` with the system calls of rm(1) on the file system: lstat, opendir, readdir to the end, unlink or the
/// same below, rmdir.
///
/// The names of a directory are read before the first is removed, as fts(3) does. Not a hot path: at most ten files in
/// a pass.
///
/// - Parameters:
///   - path: what is removed, with everything below it.
///   - fileSystem: where.
///   - complain: takes a line of rm's standard error.
/// - Returns: false if something could not be removed: rm's exit status is then not 0.
func removeTree(
  _ path: UnsafeRawBufferPointer, on fileSystem: any FileSystemUnderTest, complain: (String) -> Void
) -> Bool {
  do throws(SystemCallError) {
    let status = try fileSystem.lstat(path)
    if !status.isDirectory {
      try fileSystem.unlink(path)
      return true
    }
  } catch {
    complain("rm: cannot remove '\(text(path))': \(error)")
    return false
  }
  return removeDirectoryTree(path, on: fileSystem, complain: complain)
}

private func removeDirectoryTree(
  _ path: UnsafeRawBufferPointer, on fileSystem: any FileSystemUnderTest, complain: (String) -> Void
) -> Bool {
  var entries: [(path: String, isDirectory: Bool?)] = []
  do throws(SystemCallError) {
    let directory = try fileSystem.opendir(path)
    defer { fileSystem.closedir(directory) }
    while let entry = try fileSystem.readdir(directory) {
      let name = text(entry.name)
      if name == "." || name == ".." { continue }
      let isDirectory = entry.type == 0 ? nil : entry.type == FileMode.directory
      entries.append(("\(text(path))/\(name)", isDirectory))
    }
    if !entries.isEmpty && fileSystem.removalAsksForFileSystemType { _ = try fileSystem.statfs(path) }
  } catch {
    complain("rm: cannot remove '\(text(path))': \(error)")
    return false
  }
  var removedAll = true
  for entry in entries {
    let below = BytePath(entry.path)
    let removed = withExtendedLifetime(below) {
      removeEntry(below.bytes, isDirectory: entry.isDirectory, on: fileSystem, complain: complain)
    }
    removedAll = removed && removedAll
  }
  guard removedAll else { return false }
  do throws(SystemCallError) { try fileSystem.rmdir(path) } catch {
    complain("rm: cannot remove '\(text(path))': \(error)")
    return false
  }
  return true
}

/// Removes an entry whose type readdir told, or did not tell.
private func removeEntry(
  _ path: UnsafeRawBufferPointer, isDirectory: Bool?, on fileSystem: any FileSystemUnderTest, complain: (String) -> Void
) -> Bool {
  guard let isDirectory else { return removeTree(path, on: fileSystem, complain: complain) }
  if isDirectory { return removeDirectoryTree(path, on: fileSystem, complain: complain) }
  do throws(SystemCallError) { try fileSystem.unlink(path) } catch {
    complain("rm: cannot remove '\(text(path))': \(error)")
    return false
  }
  return true
}
