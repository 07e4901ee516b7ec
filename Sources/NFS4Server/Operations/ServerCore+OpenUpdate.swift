// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import KernelMemory
import NFS4

/// OPEN_CONFIRM, OPEN_DOWNGRADE, CLOSE (RFC 7530 sections 16.2, 16.18, 16.19; FreeBSD 8.1 nfs_nfsdstate.c, nfsrv_openupdate).
extension ServerCore {
  private enum Update {
    case confirm
    case downgrade
    case close
  }

  /// Finds the open of a sequenced operation and takes its sequence number.
  private func openForUpdate(
    _ c: inout Compound, _ stateid: Stateid, _ sequence: UInt32, _ update: Update
  ) throws(NFSStatus) -> StateRecord {
    let client = try renewedClient(of: stateid)
    guard let open = findOpen(stateid.otherLow, of: client) else {
      if update == .close, let owner = ownerThatClosed(sequence, c.entry, of: client) { throw replay(owner) }
      return try requireOpen(stateid.otherLow, of: client)
    }
    guard open.has(StateRecord.open), open.file == UInt32(bitPattern: c.current.file) else { throw .badStateid }
    let owner = state(open.openOwner)
    let sequenceCheck = check(sequence, of: owner, entry: c.entry)
    if sequenceCheck == .replay { throw replay(owner) }
    // Before its confirmation an owner can do nothing else, and after it nothing is left to confirm.
    guard owner.has(StateRecord.needsConfirm) == (update == .confirm) else { throw .badStateid }
    guard sequenceCheck == .next else { throw .badSeqid }
    do throws(NFSStatus) {
      try checkSequence(of: stateid, against: open)
    } catch {
      if Self.advancesSequence(error) { accept(sequence, by: owner, entry: c.entry) }
      throw error
    }
    accept(sequence, by: owner, entry: c.entry)
    return open
  }

  /// The owner that made this very CLOSE before: the open is gone, but the reply is kept with its owner.
  private func ownerThatClosed(
    _ sequence: UInt32, _ entry: ReplyRecord, of client: ClientRecord
  ) -> StateRecord? {
    var link = client.ownerHead[word: 0]
    while link != 0 {
      let owner = state(link)
      if check(sequence, of: owner, entry: entry) == .replay { return owner }
      link = next(link, offset: StateRecord.listOffset)
    }
    return nil
  }

  func openConfirm(_ c: inout Compound) throws(NFSStatus) {
    let stateid = try c.stateid()
    let sequence = try c.word()
    try requireRegular(c)
    let open = try openForUpdate(&c, stateid, sequence, .confirm)
    state(open.openOwner).flags &= ~StateRecord.needsConfirm
    open.sequence = Self.nextSequence(open.sequence)
    c.writer.put(open.stateid)
    try stampStable(client(open.client))
  }

  func openDowngrade(_ c: inout Compound) throws(NFSStatus) {
    let stateid = try c.stateid()
    let sequence = try c.word()
    let access = try c.word()
    let deny = try c.word()
    try requireRegular(c)
    let open = try openForUpdate(&c, stateid, sequence, .downgrade)
    guard access >= NFSOpen.accessRead, access <= NFSOpen.accessBoth, deny <= 3 else { throw .invalid }
    // The new pair must be what some of the OPENs together asked for (RFC 7530 section 16.19.4).
    var modes: UInt32 = 0
    var reached: (access: UInt32, deny: UInt32) = (0, 0)
    for mode in 0..<16 as Range<UInt32> where open.modes & 1 << mode != 0 {
      guard mode & 3 & ~access == 0, mode >> 2 & ~deny == 0 else { continue }
      modes |= 1 << mode
      reached = (reached.access | mode & 3, reached.deny | mode >> 2)
    }
    guard reached == (access, deny) else { throw .invalid }
    open.modes = modes
    open.flags = StateRecord.open | access | deny << StateRecord.denyShift
    open.sequence = Self.nextSequence(open.sequence)
    c.writer.put(open.stateid)
  }

  func close(_ c: inout Compound) throws(NFSStatus) {
    let sequence = try c.word()
    let stateid = try c.stateid()
    try requireRegular(c)
    let open = try openForUpdate(&c, stateid, sequence, .close)
    open.sequence = Self.nextSequence(open.sequence)
    c.writer.put(open.stateid)
    freeOpen(open)
  }

  /// These operations need the filehandle of a regular file, which alone can be open.
  private func requireRegular(_ c: borrowing Compound) throws(NFSStatus) {
    let file = try currentFile(c)
    guard files.inodes[file].isRegular else { throw files.inodes[file].isDirectory ? .isDirectory : .invalid }
  }
}
