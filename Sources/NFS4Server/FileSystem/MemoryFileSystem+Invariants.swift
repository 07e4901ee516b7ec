// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import KernelMemory
import NFS4

extension MemoryFileSystem {
  /// Checks every inode, entry and block against the counts.
  ///
  /// - Throws: the first violation, with its values.
  func checkInvariants() throws(InvariantViolation) {
    var links = [UInt32](repeating: 0, count: count)
    var bytes = 0
    var files = 0
    var owned: [UInt32: Int] = [:]
    links[Self.root] = 1
    for index in Self.root..<count where inodes[index].kind != Inode.freeKind {
      files += 1
      let inode = inodes[index]
      var blocks = 0
      for slot in 0..<inode.blockSlots where inode.blocks?[slot] != nil { blocks += 1 }
      guard blocks == inode.blocksUsed else {
        throw InvariantViolation("file \(index): \(blocks) blocks in the table, \(inode.blocksUsed) counted")
      }
      bytes += blocks * BlockPool.blockBytes + inode.blockSlots * MemoryLayout<UnsafeMutableRawPointer?>.stride
      owned[inode.uid, default: 0] += blocks * BlockPool.blockBytes
      if inode.linkText != nil { bytes += Int(inode.size) }
      if let table = inode.directory { bytes += table.pointee.grownBytes }
      if inode.isDirectory { try checkDirectory(index, &links) }
    }
    for index in Self.root..<count where inodes[index].kind != Inode.freeKind && links[index] != inodes[index].linkCount
    {
      throw InvariantViolation("file \(index): \(links[index]) links found, \(inodes[index].linkCount) counted")
    }
    guard files == fileCount else { throw InvariantViolation("\(files) files found, \(fileCount) counted") }
    if quotas.limit != nil {
      for user in owned.keys.sorted() where quotas.used(by: user) != owned[user] {
        throw InvariantViolation("user \(user): \(owned[user] ?? 0) bytes of data, \(quotas.used(by: user)) counted")
      }
    }
    guard bytes == pool.used else { throw InvariantViolation("\(bytes) bytes in use, \(pool.used) counted") }
  }

  private func checkDirectory(_ directory: Int, _ links: inout [UInt32]) throws(InvariantViolation) {
    links[directory] += 1
    guard let table = inodes[directory].directory?.pointee else { return }
    var live = 0
    var last: UInt64 = 0
    for position in 0..<table.entryCount {
      let entry = table.entries[position]
      guard entry.cookie > last else {
        throw InvariantViolation("directory \(directory): cookie \(entry.cookie) behind \(last)")
      }
      last = entry.cookie
      guard entry.file != 0 else { continue }
      live += 1
      let file = Int(entry.file)
      guard file < count, inodes[file].kind != Inode.freeKind else {
        throw InvariantViolation("directory \(directory): an entry names file \(file), which does not exist")
      }
      guard table.find(table.name(of: entry)) == position else {
        throw InvariantViolation("directory \(directory): entry \(position) is not found by its name")
      }
      links[file] += 1
      if inodes[file].isDirectory {
        links[directory] += 1
        guard inodes[file].parent == UInt32(directory) else {
          throw InvariantViolation("directory \(file): parent \(inodes[file].parent), entered in \(directory)")
        }
      }
    }
    guard live == table.live else {
      throw InvariantViolation("directory \(directory): \(live) entries, \(table.live) counted")
    }
  }
}
