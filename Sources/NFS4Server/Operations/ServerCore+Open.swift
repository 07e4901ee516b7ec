// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import KernelMemory
import KernelModel
import NFS4

/// OPEN (RFC 7530 section 16.16; FreeBSD 8.1 nfs_nfsdserv.c, nfsrvd_open, and nfs_nfsdport.c, nfsvno_open).
extension ServerCore {
  func open(_ c: inout Compound) throws(NFSStatus) {
    var request = OpenRequest()
    request.sequence = try c.word()
    request.access = try c.word()
    request.deny = try c.word()
    request.clientID = try c.long()
    request.uid = c.principal.uid
    request.flavor = c.principal.flavor
    let ownerName = try c.opaque(limit: NFS4Protocol.opaqueLimit)
    guard !c.current.isNone else { throw .noFilehandle }
    request.owner = try mallocZeroed(layout.state &+ ownerName.count, types.state)
    // What is not the owner itself by then is a spare.
    defer { if request.owner != 0 { free(request.owner, types.state) } }
    let owner = state(request.owner)
    owner.nameLength = UInt32(truncatingIfNeeded: ownerName.count)
    if let base = ownerName.baseAddress {
      (owner.bytes + layout.state).copyMemory(from: base, byteCount: ownerName.count)
    }
    try request.readHowAndClaim(&c)
    var result = OpenResult()
    if request.claim != NFSOpen.claimNull && request.claim != NFSOpen.claimDelegateCurrent {
      try openClaimed(&c, request, &result)
    } else {
      try openName(&c, &request, in: c.current.index, &result)
    }
    try openControl(&request, &result, entry: c.entry)
    touchVnode(result.file)
    c.current = reference(result.file)
    c.writer.put(result.stateid)
    putChange(before: result.changeBefore, after: result.changeAfter, &c.writer)
    c.writer.put(result.flags)
    c.writer.put(result.set)
    putDelegation(result.delegation, &c.writer)
  }

  /// Finds or makes the file: namei() with its path buffer, the open check, and the access checks of the file found.
  private func openName(
    _ c: inout Compound, _ request: inout OpenRequest, in directory: Int, _ result: inout OpenResult
  ) throws(NFSStatus) {
    let path = vfs.pathBuffer()
    var found: Int? = nil
    let isThere = files.exists(directory, generation: c.current.generation)
    var status = isThere ? openNameStatus(request, in: directory, c.principal) : .stale
    if status == .ok {
      found = files.lookup(request.name, in: directory)
      vfs.nameLookup(
        directory: directory, name: request.name, found: found, intent: request.creates ? .create : .lookup)
      status = foundStatus(request, found)
    }
    if isThere { result.changeBefore = files.inodes[directory].change }
    if let file = found, status == .ok {
      vfs.freePathBuffer(path)
      touchVnode(file)
      try openExisting(&c, request, file, &result)
    } else {
      do throws(NFSStatus) {
        try openCheck(request, existing: nil, failing: status, entry: c.entry)
        try openNew(&c, request, in: directory, &result)
      } catch {
        vfs.freePathBuffer(path)
        throw error
      }
      vfs.freePathBuffer(path)
    }
    result.changeAfter = files.inodes[directory].change
  }

  /// What is wrong with an OPEN before the name is looked up.
  private func openNameStatus(_ request: OpenRequest, in directory: Int, _ principal: Principal) -> NFSStatus {
    let name = NameRules.check(request.name)
    if name != .ok { return name }
    if request.shareStatus != .ok { return request.shareStatus }
    if request.attributesStatus != .ok { return request.attributesStatus }
    guard files.inodes[directory].isDirectory else { return .notDirectory }
    return files.permits(directory, Permission.execute, principal) ? .ok : .accessDenied
  }

  /// Whether what the lookup found suits the OPEN.
  private func foundStatus(_ request: OpenRequest, _ found: Int?) -> NFSStatus {
    // A delegation is of a file that is there.
    if request.claim == NFSOpen.claimDelegateCurrent && request.creates { return .invalid }
    guard let file = found else { return request.creates ? .ok : .noEntry }
    if request.creates && request.createMode == NFSOpen.guarded { return .exists }
    if request.creates && request.createMode == NFSOpen.exclusive {
      // The same verifier makes it the same request again.
      let isSame = files.inodes[file].hasExclusiveVerifier && files.inodes[file].exclusiveVerifier == request.verifier
      return isSame ? .ok : .exists
    }
    return kindStatus(file)
  }

  /// Whether a file is one that can be opened: NFS4ERR_SYMLINK stands for every other type but a directory (RFC 7530 section 16.16.5).
  private func kindStatus(_ file: Int) -> NFSStatus {
    if files.inodes[file].isDirectory { return .isDirectory }
    return files.inodes[file].isRegular ? .ok : .isSymlink
  }

  /// OPEN with a claim to something that the client has already.
  ///
  /// CLAIM_PREVIOUS opens the current filehandle itself. CLAIM_DELEGATE_PREV is for servers that keep delegations over a reboot of their
  /// clients, which this one does not.
  private func openClaimed(
    _ c: inout Compound, _ request: OpenRequest, _ result: inout OpenResult
  ) throws(NFSStatus) {
    let file = c.current.index
    var status = NFSStatus.ok
    switch request.claim {
    case NFSOpen.claimDelegatePrevious: status = .notSupported
    default:
      if !files.exists(file, generation: c.current.generation) {
        status = .stale
      } else if request.creates {
        status = .invalid
      } else {
        status = request.shareStatus == .ok ? kindStatus(file) : request.shareStatus
      }
    }
    guard status == .ok else {
      try openCheck(request, existing: nil, failing: status, entry: c.entry)
      throw status
    }
    try openExisting(&c, request, file, &result)
    result.changeBefore = files.inodes[file].change
    result.changeAfter = result.changeBefore
  }

  private func openExisting(
    _ c: inout Compound, _ request: OpenRequest, _ file: Int, _ result: inout OpenResult
  ) throws(NFSStatus) {
    try holdOpen(c, request, file)
    try openCheck(request, existing: file, failing: .ok, entry: c.entry)
    // From here on a failure leaves the lock file behind that the open check has linked, if it was not there before.
    do throws(NFSStatus) {
      var wanted: UInt32 = 0
      if request.access & NFSOpen.accessWrite != 0 { wanted |= Permission.write }
      // An exclusive create's file has the mode 0 until its SETATTR, and the mode may have changed since what is reclaimed was
      // opened; the file's owner may open it (NFSACCCHK_ALLOWOWNER).
      let heedsOwner = files.inodes[file].hasExclusiveVerifier || request.reclaims
      let isMine = heedsOwner && c.principal.uid == files.inodes[file].uid
      let mayWrite = isMine || files.permits(file, wanted, c.principal)
      let mayRead =
        request.access & NFSOpen.accessRead == 0 || isMine || files.permits(file, Permission.read, c.principal)
        || files.permits(file, Permission.execute, c.principal)
      guard mayWrite && mayRead else { throw .accessDenied }
      if request.access & NFSOpen.accessWrite != 0 { try files.requireWritable() }
      result.mayRead = isMine || files.permits(file, Permission.read, c.principal)
      try truncate(c, request, file, &result)
    } catch {
      if !era.strandsLockFile, let lockFile = findLockFile(reference(file)), lockFile.isUnused {
        freeLockFile(lockFile)
      }
      throw error
    }
    result.file = file
  }

  /// UNCHECKED of an existing file sets nothing but a size of zero (RFC 7530 section 16.16.5).
  private func truncate(
    _ c: borrowing Compound, _ request: OpenRequest, _ file: Int, _ result: inout OpenResult
  ) throws(NFSStatus) {
    guard request.creates, request.createMode == NFSOpen.unchecked, request.attributes.mask.contains(.size),
      request.attributes.size == 0
    else { return }
    guard files.permits(file, Permission.write, c.principal) else { throw .accessDenied }
    // An open for reading that truncates is a write beside its share reservation.
    if request.access & NFSOpen.accessWrite == 0 && isDenied(NFSOpen.accessWrite, on: reference(file)) {
      throw .shareDenied
    }
    try files.setSize(file, to: 0)
    vfs.filePages(file, pages: 0)
    result.set = .size
  }

  private func openNew(
    _ c: inout Compound, _ request: OpenRequest, in directory: Int, _ result: inout OpenResult
  ) throws(NFSStatus) {
    let attributes = request.attributes
    try checkMayCreate(attributes, in: directory, c.principal)
    if attributes.mask.contains(.size) && attributes.size > files.maximumFileSize { throw .fileTooBig }
    let isExclusive = request.createMode == NFSOpen.exclusive
    let mode = attributes.mask.contains(.mode) ? attributes.mode : (isExclusive ? 0 : 0o666)
    let file = try files.create(request.name, in: directory, kind: .regular, mode: mode, principal: c.principal)
    do throws(NFSStatus) {
      try files.set(attributes, on: file, c.principal)
    } catch {
      noteRemoved(try files.remove(request.name, from: directory, principal: c.principal))
      throw error
    }
    if isExclusive {
      files.inodes[file].exclusiveVerifier = request.verifier
      files.inodes[file].hasExclusiveVerifier = true
    }
    touchVnode(file)
    result.set = attributes.mask
    result.file = file
    result.mayRead = true
  }
}
