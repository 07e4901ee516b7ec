// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import KernelMemory
import NFS4

/// READDIR (RFC 7530 section 16.24).
extension ServerCore {
  /// Bytes of the result around the entries: cookie verifier, end of the list, eof.
  private static let directoryFrameBytes = 16
  /// Attributes that a directory entry tells without the file's vnode.
  private static let entryAttributes: AttributeMask = [.fileid, .mountedOnFileid, .readdirError]

  /// Cookies stay good for as long as the directory exists, restarts of the server included, so one verifier serves all.
  private static let cookieVerifier: UInt64 = 0x4E46_5343_0000_0001

  func readDirectory(_ c: inout Compound) throws(NFSStatus) {
    let cookie = try c.long()
    let verifier = try c.long()
    let directoryCount = Int(try c.word())
    let maximumCount = Int(try c.word())
    let (wanted, _) = try c.mask()
    let directory = try currentDirectory(c)
    guard files.permits(directory, Permission.read, c.principal) else { throw .accessDenied }
    guard wanted.isDisjoint(with: [.timeAccessSet, .timeModifySet]) else { throw .invalid }
    let table = files.inodes[directory].directory
    if cookie == 0 {
      // The verifier of a first request has no meaning.
    } else {
      // Clients that keep no verifier send zero (libnfs).
      guard verifier == Self.cookieVerifier || verifier == 0 else { throw .notSame }
      guard cookie >= DirectoryTable.firstCookie, cookie < table?.pointee.nextCookie ?? 0 else { throw .badCookie }
    }
    guard maximumCount >= Self.directoryFrameBytes else { throw .tooSmall }
    let room = min(maximumCount, c.writer.remaining &- Self.resultReserve, configuration.maximumRead)
    // What the client allows is enough, but the compound's reply is full: that is another error.
    let tooLittle = room < min(maximumCount, configuration.maximumRead) ? NFSStatus.resource : .tooSmall
    guard room >= Self.directoryFrameBytes else { throw tooLittle }

    // A buffer for the directory's blocks, by the hint of the client, and the cookies that UFS makes for what lies in it.
    let hint = directoryCount == 0 ? room : min(directoryCount, configuration.maximumRead)
    let blockBytes = DirectoryTable.blockBytes
    let buffer = (hint &+ blockBytes &- 1) / blockBytes &* blockBytes
    let (first, end) = window(table, after: cookie, bytes: buffer)
    let entries = first.distance(to: end) &+ (cookie == 0 ? 2 : 0)
    let bufferCopy = try temporary(buffer)
    defer { free(bufferCopy, types.temporary) }
    let cookies = try temporary(entries &* layout.cookie)
    defer { free(cookies, types.temporary) }

    files.touchAccess(directory)
    c.writer.put(Self.cookieVerifier)
    let isDone = putEntries(&c, table, first: first, end: end, wanted: wanted, room: room)
    guard isDone else { throw tooLittle }
  }

  /// The positions of the entries behind `cookie` whose UFS records fit in a buffer.
  private func window(
    _ table: UnsafeMutablePointer<DirectoryTable>?, after cookie: UInt64, bytes: Int
  ) -> (first: Int, end: Int) {
    guard let table else { return (0, 0) }
    let first = table.pointee.position(after: cookie)
    var end = first
    var left = bytes
    while end < table.pointee.entryCount {
      let entry = table.pointee.entries[end]
      if entry.file != 0 {
        left &-= DirectoryTable.recordBytes(nameLength: Int(entry.nameLength))
        if left < 0 { break }
      }
      end &+= 1
    }
    return (first, end)
  }

  /// Writes entries as far as there is room, and the end of the list.
  ///
  /// - Returns: false where there is an entry, and not even one has room.
  private func putEntries(
    _ c: inout Compound, _ table: UnsafeMutablePointer<DirectoryTable>?, first: Int, end: Int, wanted: AttributeMask,
    room: Int
  ) -> Bool {
    let start = c.writer.position &- 8
    let needsVnode = !wanted.subtracting(Self.entryAttributes).isEmpty
    var position = first
    var count = 0
    var isFull = false
    if let table {
      while position < end {
        let entry = table.pointee.entries[position]
        if entry.file != 0 {
          let mark = c.writer.position
          c.writer.put(true)
          c.writer.put(entry.cookie)
          c.writer.putOpaque(table.pointee.name(of: entry))
          if needsVnode { touchVnode(Int(entry.file)) }
          putAttributes(wanted, of: Int(entry.file), &c.writer)
          if c.writer.overflowed || c.writer.position &- start &+ 8 > room {
            c.writer.rewind(to: mark)
            isFull = true
            break
          }
          count &+= 1
        }
        position &+= 1
      }
      let hasMore = position < table.pointee.entryCount
      if hasMore && !isFull {
        // The hint was reached, not the end; behind it there may be gaps alone.
        while position < table.pointee.entryCount && table.pointee.entries[position].file == 0 { position &+= 1 }
        isFull = position < table.pointee.entryCount
      }
    }
    if count == 0 && isFull { return false }
    c.writer.put(false)
    c.writer.put(!isFull)
    return true
  }
}
