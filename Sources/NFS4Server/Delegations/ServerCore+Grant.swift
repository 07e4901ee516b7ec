// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import KernelMemory
import NFS4

/// Delegations that OPEN gives (RFC 7530 section 10.4; FreeBSD 8.1 nfs_nfsdstate.c, nfsrv_openctrl).
extension ServerCore {
  /// Delegations are at most one in so many of the structures that the state limit allows (NFSRV_V4DELEGLIMIT: 20 %).
  static let delegationShare = 5

  /// Gives the client a delegation with its OPEN, if nothing speaks against it.
  ///
  /// - Parameters:
  ///   - open: the open that was just made or widened.
  ///   - access: what the OPEN asked for: a read delegation comes with reading alone.
  ///   - client: whose it is.
  ///   - lockFile: the file's.
  ///   - spare: a structure of type V4state that becomes the delegation, 0 to take one here; 0 when it was used.
  ///   - mayRead: whether whoever opens the file may read it: the holder of a write delegation reads from it as it likes.
  /// - Returns: the delegation; nil for none.
  /// - Throws: NFS4ERR_SERVERFAULT where the kernel has failed.
  func grantDelegation(
    _ open: StateRecord, _ access: UInt32, of client: ClientRecord, _ lockFile: LockFileRecord, spare: inout KernelLink,
    mayRead: Bool
  ) throws(NFSStatus) -> DelegationRecord? {
    guard servesDelegations, client.has(ClientRecord.callbackUp), !client.has(ClientRecord.callbackDown) else {
      return nil
    }
    let wantsWrite = access & NFSOpen.accessWrite != 0
    guard variables.pointee.stateCount < configuration.stateLimit,
      variables.pointee.delegations.count < configuration.stateLimit / Self.delegationShare,
      !wantsWrite || mayRead,
      allowsDelegation(lockFile, to: client, write: wantsWrite),
      !wasRecalled(reference(Int(open.file)))
    else { return nil }
    if spare == 0 { spare = try malloc(layout.state, types.state) }
    let link = spare
    spare = 0
    return addDelegation(
      link, flag: wantsWrite ? DelegationRecord.write : DelegationRecord.read, file: open.file, client, lockFile)
  }

  /// A read delegation wants that nobody else has the file open for writing or as the only reader, a write delegation that nobody else
  /// has it open; and a client has one delegation of a file.
  private func allowsDelegation(
    _ lockFile: LockFileRecord, to client: ClientRecord, write: Bool, besideRecalled: Bool = false
  ) -> Bool {
    var link = lockFile.openHead[word: 0]
    while link != 0 {
      let open = state(link)
      if open.client != client.link {
        let hinders = write || open.access & NFSOpen.accessWrite != 0 || open.deny & NFSOpen.accessRead != 0
        if hinders { return false }
      }
      link = next(link, offset: StateRecord.fileOffset)
    }
    link = lockFile.delegationHead[word: 0]
    while link != 0 {
      let other = DelegationRecord(state(link))
      let hinders = other.has(DelegationRecord.write) || (other.has(DelegationRecord.recalled) && !besideRecalled)
      if write || hinders || other.record.client == client.link { return false }
      link = next(link, offset: StateRecord.fileOffset)
    }
    return true
  }

  /// Gives a client the delegation that it had before the service restarted (RFC 7530 section 10.2.1).
  ///
  /// It is always given, since the client had it. Where the way to the client is not proven again yet, it comes with its recall: the
  /// client writes its data back and returns it.
  ///
  /// - Parameters:
  ///   - type: open_delegation_type4 that the client claims.
  ///   - open: the open that was reclaimed.
  ///   - client: whose it is.
  ///   - lockFile: the file's.
  ///   - spare: as with ``grantDelegation(_:_:of:_:spare:mayRead:)``.
  /// - Returns: the delegation; nil where none is claimed, or none can have been given.
  /// - Throws: NFS4ERR_SERVERFAULT where the kernel has failed.
  func reclaimDelegation(
    _ type: UInt32, with open: StateRecord, of client: ClientRecord, _ lockFile: LockFileRecord,
    spare: inout KernelLink
  ) throws(NFSStatus) -> DelegationRecord? {
    let isWrite = type == NFSOpen.delegateWrite
    guard servesDelegations, type != NFSOpen.delegateNone,
      allowsDelegation(lockFile, to: client, write: isWrite, besideRecalled: true)
    else {
      return nil
    }
    if spare == 0 { spare = try malloc(layout.state, types.state) }
    let link = spare
    spare = 0
    let delegation = addDelegation(
      link, flag: isWrite ? DelegationRecord.write : DelegationRecord.read, file: open.file, client, lockFile)
    if !client.has(ClientRecord.callbackUp) {
      markRecalled(delegation)
      // The reply of the OPEN is the recall.
      delegation.nextRecall = delegation.limit
    }
    return delegation
  }

  /// Enters a delegation.
  func addDelegation(
    _ link: KernelLink, flag: UInt32, file: UInt32, _ client: ClientRecord, _ lockFile: LockFileRecord
  ) -> DelegationRecord {
    let record = state(link)
    record.bytes.initializeMemory(as: UInt8.self, repeating: 0, count: layout.state)
    record.sequence = 1
    enterStateid(record, of: client)
    record.flags = flag
    record.lockFile = lockFile.link
    record.file = file
    let delegation = DelegationRecord(record)
    delegation.change = files.inodes[Int(file)].change
    insert(link, at: client.delegationHead, offset: StateRecord.listOffset)
    insert(link, at: lockFile.delegationHead, offset: StateRecord.fileOffset)
    variables.pointee.delegations.count &+= 1
    variables.pointee.stateCount &+= 1
    variables.pointee.counters.delegationsGranted &+= 1
    return delegation
  }

  /// Writes an open_delegation4.
  ///
  /// The client must ask for each user with ACCESS, so the ACE allows nobody anything. No modified block may be kept behind a CLOSE: space
  /// is not set aside for delegations, and this way the client hears of NFS4ERR_NOSPC in time (RFC 7530 section 10.4.1).
  func putDelegation(_ delegation: DelegationRecord?, _ writer: inout XDRWriter) {
    guard let delegation else {
      writer.put(NFSOpen.delegateNone)
      return
    }
    writer.put(delegation.type)
    writer.put(delegation.record.stateid)
    writer.put(delegation.has(DelegationRecord.recalled))
    if delegation.has(DelegationRecord.write) {
      writer.put(NFSSpaceLimit.blocks)
      writer.put(0 as UInt32)
      writer.put(UInt32(truncatingIfNeeded: BlockPool.blockBytes))
    }
    // nfsace4: ACE4_ACCESS_ALLOWED_ACE_TYPE, no flags, nothing allowed.
    writer.put(0 as UInt32)
    writer.put(0 as UInt32)
    writer.put(0 as UInt32)
    writer.putString("EVERYONE@")
  }
}
