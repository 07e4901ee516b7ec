// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import KernelMemory
import NFS4

extension ServerCore {
  /// Bytes that must be left in the reply buffer before an operation is carried out.
  ///
  /// More than any result takes but those of READ, READDIR and READLINK, which look for themselves: an operation that changes something
  /// never fails for want of room behind the change.
  static let resultReserve = 1024
  /// A tag longer than this is copied to M_TEMP for the time of the compound (NFSV4_SMALLSTR).
  static let shortTagBytes = 50

  /// Carries out a COMPOUND (RFC 7530 section 16.2; FreeBSD 8.1 nfs_nfsdsocket.c, nfsrvd_compound).
  ///
  /// - Returns: false for arguments without a readable header.
  func carryOut(_ c: inout Compound) throws(NFSStatus) -> Bool {
    guard let tag = try? c.reader.opaque(limit: NFS4Protocol.tagLimit), let minor = try? c.reader.uint32(),
      let count = try? c.reader.uint32()
    else { return false }
    if variables.pointee.hasExpiredClients || variables.pointee.hasIdleOwners { sweep() }
    if variables.pointee.delegations.hasWork { try sweepDelegations() }
    var tagCopy: KernelLink = 0
    if tag.count > Self.shortTagBytes { tagCopy = try temporary(tag.count &+ 1) }

    let statusPosition = c.writer.position
    c.writer.put(0 as UInt32)
    c.writer.putOpaque(tag)
    let countPosition = c.writer.position
    c.writer.put(0 as UInt32)

    var status = NFSStatus.ok
    var results: UInt32 = 0
    if minor != 0 {
      status = .minorVersionMismatch
    } else if !NameRules.isUTF8(tag) {
      // A tag is a utf8str_cs (RFC 7531); it comes back as it is.
      status = .invalid
    } else if count > configuration.compoundLimit {
      status = .resource
    } else {
      while results < count {
        status = step(&c, isFirst: results == 0)
        if variables.pointee.dead || kernel.failure != nil { throw .serverFault }
        if variables.pointee.replay != 0 { break }
        results &+= 1
        if status != .ok { break }
      }
    }
    c.writer.patch(status.rawValue, at: statusPosition)
    c.writer.patch(results, at: countPosition)
    free(tagCopy, types.temporary)
    return true
  }

  /// Carries out the next operation and writes its result.
  private func step(_ c: inout Compound, isFirst: Bool) -> NFSStatus {
    let start = c.writer.position
    guard let number = try? c.reader.uint32() else {
      // The operation's number is missing: there is no operation to blame but an illegal one.
      return refuse(&c, NFSOperation.illegal.rawValue, .badXDR)
    }
    guard let operation = NFSOperation(rawValue: number), operation != .illegal else {
      variables.pointee.counters.illegal &+= 1
      return refuse(&c, NFSOperation.illegal.rawValue, .operationIllegal)
    }
    variables.pointee.counters.operations[Int(number)] &+= 1
    if operation.changesState { variables.pointee.counters.stateOperations &+= 1 }
    guard c.writer.remaining >= Self.resultReserve else { return refuse(&c, number, .resource) }
    if isFirst && variables.pointee.savedReplies > configuration.replyCacheFloodLevel {
      variables.pointee.counters.floods &+= 1
      return refuse(&c, number, .resource)
    }
    c.writer.put(number)
    c.writer.put(0 as UInt32)
    let resultStart = c.writer.position
    var status = NFSStatus.ok
    do throws(NFSStatus) {
      try run(operation, &c)
      // Results without a bound look for room themselves; this is the last line of defence.
      if c.writer.overflowed { throw .resource }
      if operation.hasEffect { c.mayRepeat = false }
    } catch {
      status = error
      c.writer.rewind(to: resultStart)
      c.writer.patch(status.rawValue, at: start &+ 4)
      writeFailure(of: operation, status, &c)
      variables.pointee.counters.failures &+= 1
    }
    return status
  }

  private func refuse(_ c: inout Compound, _ number: UInt32, _ status: NFSStatus) -> NFSStatus {
    c.writer.put(number)
    c.writer.put(status.rawValue)
    if let operation = NFSOperation(rawValue: number) { writeFailure(of: operation, status, &c) }
    variables.pointee.counters.failures &+= 1
    return status
  }

  /// Results that carry something behind a failure: SETATTR its attrsset, SETCLIENTID the client that uses the id.
  private func writeFailure(of operation: NFSOperation, _ status: NFSStatus, _ c: inout Compound) {
    if operation == .setAttributes {
      c.writer.put(AttributeMask())
    } else if operation == .setClientID && status == .clientIDInUse {
      writeClientInUse(&c)
    }
  }

  private func run(_ operation: NFSOperation, _ c: inout Compound) throws(NFSStatus) {
    switch operation {
    case .access: try access(&c)
    case .close: try close(&c)
    case .commit: try commit(&c)
    case .create: try create(&c)
    case .getAttributes: try getAttributes(&c)
    case .getFilehandle: try getFilehandle(&c)
    case .link: try link(&c)
    case .lookup: try lookup(&c)
    case .lookupParent: try lookupParent(&c)
    case .verifyNot: try verify(&c, wantsSame: false)
    case .open: try open(&c)
    case .openConfirm: try openConfirm(&c)
    case .openDowngrade: try openDowngrade(&c)
    case .openNamedAttributes: try openNamedAttributes(&c)
    case .putFilehandle: try putFilehandle(&c)
    case .putPublicFilehandle, .putRootFilehandle: try putRootFilehandle(&c)
    case .read: try read(&c)
    case .readDirectory: try readDirectory(&c)
    case .readLink: try readLink(&c)
    case .remove: try remove(&c)
    case .rename: try rename(&c)
    case .renew: try renew(&c)
    case .restoreFilehandle: try restoreFilehandle(&c)
    case .saveFilehandle: try saveFilehandle(&c)
    case .securityInformation: try securityInformation(&c)
    case .setAttributes: try setAttributes(&c)
    case .setClientID: try setClientID(&c)
    case .setClientIDConfirm: try setClientIDConfirm(&c)
    case .verify: try verify(&c, wantsSame: true)
    case .write: try write(&c)
    case .delegationPurge: try delegationPurge(&c)
    case .delegationReturn: try delegationReturn(&c)
    case .lock, .lockTest, .unlock, .releaseLockOwner,
      .illegal:
      throw .notSupported
    }
  }
}
