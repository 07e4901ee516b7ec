// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import Glibc
import NFS4

extension NFSClient {
  /// Mounts the export: SETCLIENTID and its confirmation, the root, the path, what the server can do.
  ///
  /// - Throws: ``NFSClientFailure``: the server cannot be talked to, refuses the client, or has no such directory.
  public func mount() throws(NFSClientFailure) {
    callNumber &+= 1
    do throws(NFSClientFailure) {
      try establishClientID()
      let top = try lookupRoot()
      nodes[top].holdCount &+= 1
      root = top
      try readServerCapabilities()
      var directory = top
      for component in configuration.exportPath.utf8.split(separator: 47) {
        directory = try lookupExportComponent(directory, ByteName(component))
        guard nodes[directory].isDirectory else { throw .local(.notDirectory) }
      }
      nodes[directory].holdCount &+= 1
      root = directory
      release(top)
      try readLimits()
    } catch {
      root = -1
      lastFailure = error
      throw error
    }
    blockTable = BlockTable(
      capacity: max(configuration.dataCacheSize / max(readSize, writeSize), 8), blockSize: max(readSize, writeSize))
    startProgram()
  }

  /// Ends the process, gives back what is open and closes the transport.
  public func unmount() {
    if root >= 0 { endProgram() }
    root = -1
    renewNanoseconds = .max
    transport.close()
  }

  // MARK: Client id and lease

  /// SETCLIENTID and SETCLIENTID_CONFIRM (RFC 7530 sections 16.33 and 16.34).
  ///
  /// There is no callback service: the address is all zeros.
  func establishClientID() throws(NFSClientFailure) {
    renewNanoseconds = .max
    var encoder = CompoundEncoder(argumentBuffer, tag: isLinux ? "" : "SetClientID")
    encoder.begin(.setClientID)
    encoder.writer.put(configuration.verifier())
    configuration.clientID().withUnsafeBytes { encoder.writer.putOpaque($0) }
    encoder.writer.put(0x4000_0000 as UInt32)
    encoder.writer.putString("tcp")
    encoder.writer.putString("0.0.0.0.0.0")
    encoder.writer.put(1 as UInt32)
    var reply = try send(.setClientID, &encoder)
    try reply.next(.setClientID)
    let (id, confirmation) = try reply.read { reader throws(XDRError) in
      (try reader.uint64(), try reader.uint64())
    }
    encoder = CompoundEncoder(argumentBuffer, tag: isLinux ? "" : "SetClientIDConfirm")
    encoder.begin(.setClientIDConfirm)
    encoder.writer.put(id)
    encoder.writer.put(confirmation)
    reply = try send(.setClientIDConfirm, &encoder)
    try reply.next(.setClientIDConfirm)
    clientID = id
    clientIsStale = false
    if leaseSeconds > 0 { scheduleRenew() }
  }

  /// When the next RENEW is due: after two thirds of a lease without a renewing operation (Linux, nfs4_renew_state), or
  /// every half lease (BSD, NFSCL_RENEW; recollection).
  func scheduleRenew() {
    let share: UInt64 = isLinux ? 666_666_667 : 500_000_000
    renewNanoseconds = clock.nanoseconds &+ UInt64(max(leaseSeconds, 2)) &* share
  }

  /// RENEW (RFC 7530 section 16.28).
  ///
  /// A server that has forgotten the client is noted and dealt with at the next OPEN.
  func renew() throws(NFSClientFailure) {
    scheduleRenew()
    var encoder = CompoundEncoder(argumentBuffer, tag: isLinux ? "" : "Renew")
    encoder.begin(.renew)
    encoder.writer.put(clientID)
    var reply = try send(.renew, &encoder)
    do throws(NFSClientFailure) { try reply.next(.renew) } catch {
      switch error {
      case .status(.callbackPathDown, _): break
      case .status(.staleClientID, _), .status(.expired, _):
        clientIsStale = true
        lastFailure = error
      default: throw error
      }
    }
  }

  // MARK: Root and limits

  /// PUTROOTFH, GETFH, GETATTR.
  private func lookupRoot() throws(NFSClientFailure) -> Int {
    var encoder = CompoundEncoder(argumentBuffer, tag: isLinux ? "" : "Dirpath")
    encoder.begin(.putRootFilehandle)
    encoder.begin(.getFilehandle)
    encoder.getAttributes(isLinux ? AttributeSets.file : AttributeSets.bsdFile)
    var reply = try send(.lookupRoot, &encoder)
    try reply.next(.putRootFilehandle)
    let filehandle = try reply.filehandle()
    var decoded = DecodedAttributes()
    try reply.attributes(into: &decoded)
    return try node(filehandle, decoded.attributes)
  }

  private func lookupExportComponent(_ directory: Int, _ name: ByteName) throws(NFSClientFailure) -> Int {
    try withExtendedLifetime(name) { () throws(NFSClientFailure) in try rpcLookup(directory, name.bytes).node }
  }

  private func mountAttributes(
    _ kind: RPCKind, _ wanted: AttributeMask
  ) throws(NFSClientFailure) -> FileAttributes {
    var encoder = CompoundEncoder(argumentBuffer, tag: isLinux ? "" : "Getattr")
    encoder.putFilehandle(nodes + root)
    encoder.getAttributes(wanted)
    var reply = try send(kind, &encoder)
    try reply.next(.putFilehandle)
    try reply.next(.getAttributes)
    return try reply.read { reader throws(XDRError) in
      var attributes = FileAttributes()
      try reader.fileAttributes(into: &attributes)
      return attributes
    }
  }

  /// nfs4_server_capabilities.
  private func readServerCapabilities() throws(NFSClientFailure) {
    let attributes = try mountAttributes(
      .serverCapabilities, [.supportedAttributes, .filehandleExpireType, .linkSupport, .symlinkSupport, .aclSupport])
    supported = attributes.mask.contains(.supportedAttributes) ? attributes.supported : AttributeSets.file
  }

  /// nfs4_proc_fsinfo and nfs4_proc_pathconf.
  private func readLimits() throws(NFSClientFailure) {
    let limits = try mountAttributes(.fsinfo, [.leaseTime, .maximumFileSize, .maximumRead, .maximumWrite])
    if limits.mask.contains(.leaseTime) { leaseSeconds = limits.leaseTime }
    if leaseSeconds == 0 { leaseSeconds = 60 }
    readSize = configuration.readSize
    writeSize = configuration.writeSize
    if limits.mask.contains(.maximumRead), limits.maximumRead > 0, limits.maximumRead < UInt64(readSize) {
      readSize = Int(limits.maximumRead)
    }
    if limits.mask.contains(.maximumWrite), limits.maximumWrite > 0, limits.maximumWrite < UInt64(writeSize) {
      writeSize = Int(limits.maximumWrite)
    }
    // What a WRITE has around its data fits into 512 bytes: two filehandles' worth of header, stateid, offset,
    // GETATTRs.
    writeSize = max(min(writeSize, argumentBuffer.count - 512), 512)
    // One block is one transfer either way.
    let size = min(readSize, writeSize)
    readSize = size
    writeSize = size
    _ = try mountAttributes(.pathconf, [.maximumLinks, .maximumName])
    scheduleRenew()
  }
}
