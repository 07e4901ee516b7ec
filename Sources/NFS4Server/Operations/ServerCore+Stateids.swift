// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import NFS4

extension ServerCore {
  /// Checks the stateid of a READ, WRITE or SETATTR of the size (RFC 7530 sections 9.1.4.4 and 9.1.4.5; nfsrv_lockctrl with NFSLCK_CHECK).
  ///
  /// - Parameters:
  ///   - stateid: what the client sent.
  ///   - access: what the operation needs, one of ``NFSOpen/accessRead`` and ``NFSOpen/accessWrite``.
  ///   - file: the current filehandle.
  /// - Returns: true for an open that grants the access, false for a delegation and a special stateid that no open stands against.
  /// - Throws: NFS4ERR_BAD_STATEID, NFS4ERR_OLD_STATEID, NFS4ERR_STALE_STATEID, NFS4ERR_EXPIRED, NFS4ERR_OPENMODE, NFS4ERR_LOCKED,
  ///   NFS4ERR_GRACE for a special stateid in the grace period.
  func checkStateid(_ stateid: Stateid, access: UInt32, file: FileReference) throws(NFSStatus) -> Bool {
    if stateid.isSpecial {
      try checkGraceForChange()
      if stateid == .readBypass && access == NFSOpen.accessRead { return false }
      if isDenied(access, on: file) { throw .locked }
      // The lease that gave way may have held the last open of a removed file.
      _ = try self.file(file)
      return false
    }
    let client = try renewedClient(of: stateid)
    let open = try requireOpen(stateid.otherLow, of: client)
    guard open.file == UInt32(bitPattern: file.file) else { throw .badStateid }
    if open.isDelegation {
      try checkSequence(of: stateid, against: open)
      let allowsWrite = DelegationRecord(open).has(DelegationRecord.write)
      guard access == NFSOpen.accessRead || allowsWrite else { throw .openMode }
      // Whoever acts under the delegation is checked against the mode of the file.
      return false
    }
    guard !state(open.openOwner).has(StateRecord.needsConfirm) else { throw .badStateid }
    try checkSequence(of: stateid, against: open)
    guard open.access & access == access else { throw .openMode }
    return true
  }

  /// The client's open with this stateid.
  ///
  /// - Throws: NFS4ERR_BAD_STATEID.
  @inline(__always)
  func requireOpen(_ index: UInt32, of client: ClientRecord) throws(NFSStatus) -> StateRecord {
    if let open = findOpen(index, of: client) { return open }
    throw .badStateid
  }

  /// Compares the seqid of a stateid with that of its open.
  @inline(__always)
  func checkSequence(of stateid: Stateid, against open: StateRecord) throws(NFSStatus) {
    if stateid.sequence == open.sequence { return }
    // Later or earlier as numbers that wrap (RFC 7530 section 9.1.3).
    throw Int32(truncatingIfNeeded: stateid.sequence &- open.sequence) > 0 ? .badStateid : .oldStateid
  }

  /// Whether an open of the file denies an access to others; the opens of a client whose lease has run out give way.
  func isDenied(_ access: UInt32, on file: FileReference) -> Bool {
    while let conflict = shareConflict(file, access: access, deny: 0) {
      let other = client(conflict.client)
      guard other.expiry < seconds else { return true }
      cancelLease(of: other)
    }
    return false
  }

  /// Looks for an open that stands against a new one's share reservation.
  ///
  /// Opens of another client whose lease has run out are no obstacle: that client loses its lease (RFC 7530 section 9.6.3.1).
  ///
  /// - Throws: NFS4ERR_SHARE_DENIED.
  func checkShare(_ file: FileReference, access: UInt32, deny: UInt32, client: KernelLink) throws(NFSStatus) {
    while let conflict = shareConflict(file, access: access, deny: deny) {
      let other = self.client(conflict.client)
      guard other.link != client, other.expiry < seconds else { throw .shareDenied }
      cancelLease(of: other)
    }
  }

  private func shareConflict(_ file: FileReference, access: UInt32, deny: UInt32) -> StateRecord? {
    guard let lockFile = findLockFile(file) else { return nil }
    var link = lockFile.openHead[word: 0]
    while link != 0 {
      let open = state(link)
      if open.deny & access != 0 || open.access & deny != 0 { return open }
      link = next(link, offset: StateRecord.fileOffset)
    }
    return nil
  }
}
