// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import NFS4

extension ServerCore {
  /// The client's open-owner with this name: the list is searched from its head (nfsrv_getowner).
  func findOwner(_ name: UnsafeRawBufferPointer, of client: ClientRecord) -> StateRecord? {
    findOwner(name, in: client.ownerHead, offset: StateRecord.listOffset)
  }

  /// The open-owner or lock-owner with this name in a list of a client whose links lie at `offset`.
  @inline(__always)
  func findOwner(_ name: UnsafeRawBufferPointer, in head: UnsafeMutableRawPointer, offset: Int) -> StateRecord? {
    var link = head[word: 0]
    while link != 0 {
      let owner = state(link)
      if equalBytes(owner.name(layout), name) { return owner }
      link = next(link, offset: offset)
    }
    return nil
  }

  /// Gives a structure of a client the next stateid, and enters it in the client's chains (nfsrv_openctrl, nfsrv_lockctrl).
  @inline(__always)
  func enterStateid(_ record: StateRecord, of client: ClientRecord) {
    record.boot = boot
    record.clientIndex = client.index
    record.client = client.link
    record.stateIndex = variables.pointee.nextStateIndex
    variables.pointee.nextStateIndex &+= 1
    insert(record.link, at: client.stateHead(record.stateIndex), offset: StateRecord.hashOffset)
  }

  /// The client's open with this stateid (nfsrv_getstate).
  @inline(__always)
  func findOpen(_ index: UInt32, of client: ClientRecord) -> StateRecord? {
    var link = client.stateHead(index)[word: 0]
    while link != 0 {
      let open = state(link)
      if open.stateIndex == index { return open }
      link = next(link, offset: StateRecord.hashOffset)
    }
    return nil
  }

  /// Frees an open-owner with its opens and its kept reply (nfsrv_freeopenowner).
  func freeOwner(_ owner: StateRecord) {
    while owner.openHead[word: 0] != 0 { freeOpen(state(owner.openHead[word: 0])) }
    remove(owner.link, from: client(owner.client).ownerHead, offset: StateRecord.listOffset)
    if owner.reply != 0 { dropReference(reply(owner.reply)) }
    free(owner.link, types.state)
    variables.pointee.ownerCount &-= 1
    variables.pointee.stateCount &-= 1
  }

  /// Frees an open with its lock-owners and their locks, and with the lock file if nothing else uses it (nfsrv_freeopen).
  func freeOpen(_ open: StateRecord) {
    freeLockOwners(of: open)
    let owner = state(open.openOwner)
    remove(
      open.link, from: client(open.client).stateHead(open.stateIndex), offset: StateRecord.hashOffset)
    remove(open.link, from: owner.openHead, offset: StateRecord.listOffset)
    let lockFile = lockFile(open.lockFile)
    remove(open.link, from: lockFile.openHead, offset: StateRecord.fileOffset)
    if owner.openHead[word: 0] == 0 { owner.idleTicks = 0 }
    if lockFile.isUnused { freeLockFile(lockFile) }
    let file = Int(open.file)
    free(open.link, types.state)
    variables.pointee.openCount &-= 1
    variables.pointee.stateCount &-= 1
    vfs.closed(file)
    if files.noteClose(file) { vfs.destroy(file) }
  }

  // MARK: lock files

  /// The lock file of a filehandle (nfsrv_getlockfile).
  func findLockFile(_ reference: FileReference) -> LockFileRecord? {
    var link = Self.head(lockFileHeads, UInt32(bitPattern: reference.file))[word: 0]
    while link != 0 {
      let lockFile = lockFile(link)
      // The filehandle's other bytes are the same for every file.
      if lockFile.filehandle[word: 12] == UInt32(bitPattern: reference.file),
        lockFile.filehandle[word: 16] == reference.generation
      {
        return lockFile
      }
      link = next(link, offset: LockFileRecord.hashOffset)
    }
    return nil
  }

  /// Enters a lock file that was allocated before.
  func linkLockFile(_ link: KernelLink, _ reference: FileReference) -> LockFileRecord {
    let lockFile = lockFile(link)
    lockFile.bytes.initializeMemory(as: UInt8.self, repeating: 0, count: layout.lockFile)
    ServerFilehandle.encode(reference, fileSystem: fileSystemID, into: lockFile.filehandle)
    insert(
      link, at: Self.head(lockFileHeads, UInt32(bitPattern: reference.file)), offset: LockFileRecord.hashOffset)
    variables.pointee.lockFileCount &+= 1
    return lockFile
  }

  func freeLockFile(_ lockFile: LockFileRecord) {
    let file = lockFile.filehandle[word: 12]
    remove(lockFile.link, from: Self.head(lockFileHeads, file), offset: LockFileRecord.hashOffset)
    free(lockFile.link, types.lockFile)
    variables.pointee.lockFileCount &-= 1
  }

  // MARK: sequence numbers

  /// What a sequence number means to its owner (RFC 7530 section 9.1.7).
  enum SequenceCheck {
    /// The next request.
    case next
    /// The last request again.
    case replay
    /// Neither.
    case bad
  }

  /// Compares a request's sequence number with its owner's last one (nfsrv_checkseqid).
  ///
  /// A repeated number is a retransmission if length and checksum of the request are those of the kept one; the original also asks for the
  /// same xid, which a client that reconnects need not keep.
  func check(_ sequence: UInt32, of owner: StateRecord, entry: ReplyRecord) -> SequenceCheck {
    if sequence == Self.nextSequence(owner.ownerSequence) { return .next }
    guard sequence == owner.ownerSequence, owner.reply != 0 else { return .bad }
    let kept = reply(owner.reply)
    guard kept.has(ReplyRecord.hasReply), kept.storage != 0, kept.requestLength == entry.requestLength,
      kept.checksum == entry.checksum
    else { return .bad }
    return .replay
  }

  /// Takes a request as the owner's last: its reply is the one that is kept.
  func accept(_ sequence: UInt32, by owner: StateRecord, entry: ReplyRecord) {
    if owner.reply != entry.link {
      if owner.reply != 0 { dropReference(reply(owner.reply)) }
      owner.reply = entry.link
      entry.references &+= 1
    }
    owner.ownerSequence = sequence
  }

  /// The seqid behind `sequence`: numbers wrap past zero, which is skipped (RFC 7530 section 9.1.3).
  @inline(__always)
  static func nextSequence(_ sequence: UInt32) -> UInt32 { sequence == .max ? 1 : sequence &+ 1 }

  /// Whether a client advances its sequence number behind a request that failed so (RFC 7530 section 9.1.7).
  static func advancesSequence(_ status: NFSStatus) -> Bool {
    switch status {
    case .staleClientID, .staleStateid, .badStateid, .badSeqid, .badXDR, .resource, .noFilehandle, .moved: false
    default: true
    }
  }
}
