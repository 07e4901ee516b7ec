// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import NFS4

// OPEN, OPEN_CONFIRM, OPEN_DOWNGRADE and CLOSE with their owners, sequence numbers and stateids (RFC 7530 chapter 9).
extension NFSClient {
  /// The owner of the process, made at its first OPEN.
  ///
  /// BSD: process id and start time, 12 bytes (nfs_clport.c). Linux: `open id:`, device, number and time of creation,
  /// 24 bytes (encode_openhdr()); one for the one uid of this client.
  private func ensureOwner() {
    if owner.exists { return }
    owner.length = 0
    let now = clock.nanoseconds
    if isLinux {
      for byte in "open id:".utf8 {
        owner.name[owner.length] = byte
        owner.length += 1
      }
      owner.append(bigEndian: 0x2a)
      owner.append(bigEndian: programNumber)
      owner.append(bigEndian: UInt32(truncatingIfNeeded: now >> 32))
      owner.append(bigEndian: UInt32(truncatingIfNeeded: now))
    } else {
      owner.append(bigEndian: 700 &+ programNumber)
      owner.append(bigEndian: UInt32(truncatingIfNeeded: now / 1_000_000_000))
      owner.append(bigEndian: UInt32(truncatingIfNeeded: now % 1_000_000_000 / 1000))
    }
    owner.sequence = 0
    owner.exists = true
  }

  private func shareAccess(_ flags: OpenFlags, creating: Bool) -> UInt32 {
    // The BSD client's creating OPEN asks for both (nfsrpc_createv4).
    if !isLinux && creating { return NFSOpen.accessBoth }
    let access =
      (flags.contains(.read) ? NFSOpen.accessRead : 0) | (flags.contains(.write) ? NFSOpen.accessWrite : 0)
    return access == 0 ? NFSOpen.accessRead : access
  }

  /// Opens by name; returns the state.
  ///
  /// A server that has forgotten the client gets a new SETCLIENTID once; one that has forgotten the owner's sequence
  /// number gets a new owner once.
  func openOnServer(
    _ end: PathEnd, _ flags: OpenFlags, _ mode: UInt32, existing: Int
  ) throws(NFSClientFailure) -> Int {
    if clientIsStale { try recoverClientID() }
    var delays = 0
    var recovered = false
    while true {
      ensureOwner()
      do throws(NFSClientFailure) { return try rpcOpen(end, flags, mode, existing: existing) } catch {
        guard case .status(let status, _) = error else { throw error }
        switch status {
        case .delay, .grace:
          delays += 1
          if delays > configuration.delayRetries { throw .delayedTooOften(delays, .open) }
          clock.wait(nanoseconds: configuration.delayNanoseconds)
        case .staleClientID, .expired:
          if recovered { throw error }
          recovered = true
          try recoverClientID()
        case .badSeqid:
          if recovered { throw error }
          recovered = true
          owner = OpenOwner()
          programNumber &+= 1
        default: throw error
        }
      }
    }
  }

  /// After a restart of the server or the end of the lease: a new client id and new owners.
  ///
  /// Opens of before are lost; their I/O fails.
  private func recoverClientID() throws(NFSClientFailure) {
    try establishClientID()
    owner = OpenOwner()
    programNumber &+= 1
  }

  private func rpcOpen(
    _ end: PathEnd, _ flags: OpenFlags, _ mode: UInt32, existing: Int
  ) throws(NFSClientFailure) -> Int {
    let directory = end.directory
    let creating = existing < 0 && flags.contains(.create)
    let exclusive = creating && flags.contains(.exclusive)
    let access = shareAccess(flags, creating: creating)
    var encoder = try compound("Open")
    encoder.putFilehandle(nodes + directory)
    encoder.begin(.open)
    encoder.writer.put(owner.sequence)
    encoder.writer.put(access)
    encoder.writer.put(NFSOpen.denyNone)
    encoder.writer.put(clientID)
    withUnsafeBytes(of: owner.name) {
      encoder.writer.putOpaque(UnsafeRawBufferPointer(rebasing: $0[0..<owner.length]))
    }
    if creating {
      encoder.writer.put(NFSOpen.create)
      if exclusive {
        exclusiveCounter &+= 1
        encoder.writer.put(NFSOpen.exclusive)
        encoder.writer.put(configuration.verifier() &+ exclusiveCounter)
      } else {
        encoder.writer.put(NFSOpen.unchecked)
        encoder.attributes(mode: mode, size: isLinux && flags.contains(.truncate) ? 0 : nil)
      }
    } else {
      encoder.writer.put(NFSOpen.noCreate)
    }
    encoder.writer.put(NFSOpen.claimNull)
    encoder.writer.putOpaque(end.name)
    // The BSD client knows the filehandle of a file that exists (reference section 5).
    let asksFilehandle = isLinux || existing < 0
    if asksFilehandle { encoder.begin(.getFilehandle) }
    let asksAccess = isLinux && !exclusive
    if asksAccess {
      encoder.begin(.access)
      encoder.writer.put(NFSAccess.read | NFSAccess.modify | NFSAccess.extend | NFSAccess.execute)
    }
    encoder.getAttributes(fileAttributes)
    var reply = try send(.open, &encoder, repeats: false)
    try reply.next(.putFilehandle)
    let result = try readOpen(&reply)
    leaseWasRenewed()
    var decoded = DecodedAttributes()
    var index = existing
    if asksFilehandle {
      let filehandle = try reply.filehandle()
      var granted: UInt32 = 0
      if asksAccess {
        try reply.next(.access)
        granted = try reply.read { reader throws(XDRError) in
          _ = try reader.uint32()
          return try reader.uint32()
        }
      }
      try reply.attributes(into: &decoded)
      if creating
        && (result.info.before != result.info.after || result.info.after != nodes[directory].attributes.change)
      {
        directoryChanged(directory, result.info)
      }
      index = try node(filehandle, decoded.attributes)
      if asksAccess {
        setAccess(index, granted)
        nodes[index].stale.remove(.access)
      }
    } else {
      try reply.attributes(into: &decoded)
      refresh(index, decoded.attributes)
    }
    hold(index)
    defer { release(index) }
    // The name counts as looked up (measured: after creating files a Linux 6.1 client does not look up the last one
    // again).
    try enter(directory, end.name, node: index, verifier: nodes[directory].verifier)
    var stateid = result.stateid
    if result.flags & NFSOpen.resultConfirm != 0 { stateid = try rpcOpenConfirm(index, stateid) }
    if let delegation = result.delegation { try rpcReturnDelegation(index, delegation) }
    let state = try addState(index, stateid, access, flags)
    if exclusive {
      // EXCLUSIVE4 sets no attributes (RFC 7530 section 16.16.5).
      try rpcSetAttributes(index, stateid: stateid, mode: mode, size: nil)
    }
    return state
  }

  private struct OpenResult {
    var stateid = Stateid.anonymous
    var info = ChangeInfo()
    var flags: UInt32 = 0
    var delegation: Stateid?
  }

  /// OPEN4resok, and what it does to the owner's sequence number.
  private func readOpen(_ reply: inout CompoundReply) throws(NFSClientFailure) -> OpenResult {
    do throws(NFSClientFailure) { try reply.next(.open) } catch {
      if case .status(let status, _) = error { owner.advance(status) }
      throw error
    }
    owner.advance(.ok)
    var result = OpenResult()
    result.stateid = try reply.read { reader throws(XDRError) in try reader.stateid() }
    result.info = try reply.changeInfo()
    try reply.read { reader throws(XDRError) in
      result.flags = try reader.uint32()
      _ = try reader.attributeMask()
      let kind = try reader.uint32()
      guard kind <= 2 else { throw .badValue(kind) }
      if kind == 0 { return }
      // open_read_delegation4 and open_write_delegation4: stateid, recall, the limit of a write delegation, one ACE.
      result.delegation = try reader.stateid()
      _ = try reader.bool()
      if kind == 2 { try reader.skip(12) }
      try reader.skip(12)
      _ = try reader.opaque(limit: NFS4Protocol.opaqueLimit)
    }
    return result
  }

  /// PUTFH OPEN_CONFIRM.
  private func rpcOpenConfirm(_ index: Int, _ stateid: Stateid) throws(NFSClientFailure) -> Stateid {
    var encoder = try compound("Openconfirm")
    encoder.putFilehandle(nodes + index)
    encoder.begin(.openConfirm)
    encoder.writer.put(stateid)
    encoder.writer.put(owner.sequence)
    var reply = try send(.openConfirm, &encoder, repeats: false)
    try reply.next(.putFilehandle)
    do throws(NFSClientFailure) { try reply.next(.openConfirm) } catch {
      if case .status(let status, _) = error { owner.advance(status) }
      throw error
    }
    owner.advance(.ok)
    leaseWasRenewed()
    return try reply.read { reader throws(XDRError) in try reader.stateid() }
  }

  /// PUTFH DELEGRETURN: this client has no callback service, so it keeps no delegation.
  private func rpcReturnDelegation(_ index: Int, _ stateid: Stateid) throws(NFSClientFailure) {
    var encoder = try compound("Delegret")
    encoder.putFilehandle(nodes + index)
    encoder.begin(.delegationReturn)
    encoder.writer.put(stateid)
    var reply = try send(.delegationReturn, &encoder)
    try reply.next(.putFilehandle)
    try reply.next(.delegationReturn)
  }

  // MARK: States

  /// Counts an open; one file has one state per owner (RFC 7530 section 9.1.4.1).
  private func addState(
    _ index: Int, _ stateid: Stateid, _ access: UInt32, _ flags: OpenFlags
  ) throws(NFSClientFailure) -> Int {
    var state = Int(nodes[index].firstOpen)
    if state < 0 {
      var free = 0
      while free < Self.descriptorLimit && states[free].node >= 0 { free &+= 1 }
      guard free < Self.descriptorLimit else { throw .local(.tooManyFiles) }
      state = free
      states[state] = OpenState(node: Int32(truncatingIfNeeded: index), stateid: stateid, access: 0)
      nodes[index].firstOpen = Int32(truncatingIfNeeded: state)
    }
    states[state].stateid = stateid
    states[state].access |= access
    if flags.contains([.read, .write]) {
      states[state].both &+= 1
    } else if flags.contains(.write) {
      states[state].writers &+= 1
    } else {
      states[state].readers &+= 1
    }
    if flags.contains(.write) { nodes[index].writers &+= 1 }
    return state
  }

  /// Ends one open: CLOSE if it was the last, OPEN_DOWNGRADE if it alone needed an access.
  func closeOnServer(_ state: Int, _ flags: OpenFlags) throws(NFSClientFailure) {
    let index = Int(states[state].node)
    if flags.contains([.read, .write]) {
      states[state].both &-= 1
    } else if flags.contains(.write) {
      states[state].writers &-= 1
    } else {
      states[state].readers &-= 1
    }
    let wasWriter = flags.contains(.write)
    if states[state].references > 0 {
      if wasWriter { nodes[index].writers &-= 1 }
      var access: UInt32 = states[state].both > 0 ? NFSOpen.accessBoth : 0
      if states[state].readers > 0 { access |= NFSOpen.accessRead }
      if states[state].writers > 0 { access |= NFSOpen.accessWrite }
      if isLinux && access != states[state].access { try rpcDowngrade(index, state, access) }
      return
    }
    defer {
      if wasWriter { nodes[index].writers &-= 1 }
      states[state].node = -1
      nodes[index].firstOpen = -1
    }
    var delays = 0
    while true {
      do throws(NFSClientFailure) {
        try rpcClose(index, states[state].stateid)
        return
      } catch {
        guard case .status(.delay, _) = error, delays < configuration.delayRetries else { throw error }
        delays += 1
        clock.wait(nanoseconds: configuration.delayNanoseconds)
      }
    }
  }

  /// CLOSE: PUTFH GETATTR CLOSE (Linux), PUTFH CLOSE (BSD).
  private func rpcClose(_ index: Int, _ stateid: Stateid) throws(NFSClientFailure) {
    var encoder = try compound("Close")
    encoder.putFilehandle(nodes + index)
    if isLinux { encoder.getAttributes(AttributeSets.consistency) }
    encoder.begin(.close)
    encoder.writer.put(owner.sequence)
    encoder.writer.put(stateid)
    var reply = try send(.close, &encoder, repeats: false)
    try reply.next(.putFilehandle)
    var decoded = DecodedAttributes()
    if isLinux {
      try reply.attributes(into: &decoded)
      refresh(index, decoded.attributes)
    }
    do throws(NFSClientFailure) { try reply.next(.close) } catch {
      if case .status(let status, _) = error { owner.advance(status) }
      throw error
    }
    owner.advance(.ok)
    leaseWasRenewed()
    _ = try reply.read { reader throws(XDRError) in try reader.stateid() }
  }

  /// PUTFH OPEN_DOWNGRADE.
  private func rpcDowngrade(_ index: Int, _ state: Int, _ access: UInt32) throws(NFSClientFailure) {
    var encoder = try compound("Opendowngrade")
    encoder.putFilehandle(nodes + index)
    encoder.begin(.openDowngrade)
    encoder.writer.put(states[state].stateid)
    encoder.writer.put(owner.sequence)
    encoder.writer.put(access)
    encoder.writer.put(NFSOpen.denyNone)
    var reply = try send(.openDowngrade, &encoder, repeats: false)
    try reply.next(.putFilehandle)
    do throws(NFSClientFailure) { try reply.next(.openDowngrade) } catch {
      if case .status(let status, _) = error { owner.advance(status) }
      throw error
    }
    owner.advance(.ok)
    leaseWasRenewed()
    states[state].stateid = try reply.read { reader throws(XDRError) in try reader.stateid() }
    states[state].access = access
  }
}
