// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import Glibc
import NFS4

extension NFSClient {
  /// open(2).
  public func open(
    _ path: UnsafeRawBufferPointer, flags: OpenFlags, mode: UInt32
  ) throws(SystemCallError) -> Int32 {
    try systemCall { () throws(NFSClientFailure) in
      guard let descriptor = freeDescriptor() else { throw .local(.tooManyFiles) }
      let end = try walkToName(path, special: .isDirectory)
      guard !end.trailingSlash else { throw .local(.isDirectory) }
      return try open(end, flags, mode & 0o7777 & ~creationMask, descriptor, depth: 0)
    }
  }

  private func open(
    _ end: PathEnd, _ flags: OpenFlags, _ mode: UInt32, _ descriptor: Int, depth: Int
  ) throws(NFSClientFailure) -> Int32 {
    var intent: LookupIntent = .open
    if flags.contains(.create) { intent.insert(.create) }
    if flags.contains([.create, .exclusive]) { intent.insert(.exclusive) }
    var existing = -1
    switch try lookup(end.directory, end.name, intent) {
    case .found(let index): existing = index
    case .absent where !flags.contains(.create): throw .local(.noEntry)
    case .absent, .unknown: break
    }
    if existing >= 0 {
      if flags.contains([.create, .exclusive]) { throw .local(.exists) }
      if nodes[existing].isSymbolicLink {
        return try openThroughLink(existing, end, flags, mode, descriptor, depth: depth)
      }
      if nodes[existing].isDirectory { throw .local(.isDirectory) }
      // The BSD client's VOP_ACCESS(); Linux leaves the check to OPEN.
      if !isLinux {
        if flags.contains(.read) { try checkAccess(existing, NFSAccess.read) }
        if flags.contains(.write) { try checkAccess(existing, NFSAccess.modify) }
      }
    }
    let state: Int
    do throws(NFSClientFailure) {
      state = try openOnServer(end, flags, mode, existing: existing)
    } catch {
      // Only OPEN could tell that the name is a symbolic link.
      guard case .status(.isSymlink, _) = error, existing < 0 else { throw error }
      let link = try lookupExisting(end.directory, end.name, [])
      guard nodes[link].isSymbolicLink else { throw error }
      return try openThroughLink(link, end, flags, mode, descriptor, depth: depth)
    }
    let index = Int(states[state].node)
    files[descriptor] = OpenFile(
      node: Int32(truncatingIfNeeded: index), state: Int32(truncatingIfNeeded: state), flags: flags, offset: 0)
    hold(index)
    let number = Int32(truncatingIfNeeded: descriptor &+ Self.firstDescriptor)
    do throws(NFSClientFailure) { try prepareData(index, state, flags) } catch {
      try? closeDescriptor(descriptor)
      throw error
    }
    return number
  }

  private func openThroughLink(
    _ link: Int, _ end: PathEnd, _ flags: OpenFlags, _ mode: UInt32, _ descriptor: Int, depth: Int
  ) throws(NFSClientFailure) -> Int32 {
    guard depth < Self.linkLimit else { throw .local(.tooManyLinks) }
    let text = UnsafeMutableRawBufferPointer.allocate(byteCount: Int(PATH_MAX), alignment: 8)
    defer { text.deallocate() }
    let length = try readLink(link, into: text)
    let target = try walk(
      UnsafeRawBufferPointer(rebasing: text[0..<length]), from: end.directory, depth: depth + 1)
    guard target.kind == .name, !target.trailingSlash else { throw .local(.isDirectory) }
    return try open(target, flags, mode, descriptor, depth: depth + 1)
  }

  /// What follows an OPEN: data that somebody else changed is dropped (close-to-open), and the file is truncated by a
  /// SETATTR.
  private func prepareData(_ index: Int, _ state: Int, _ flags: OpenFlags) throws(NFSClientFailure) {
    if nodes[index].stale.contains(.data) {
      dropBlocks(of: index, all: false)
      nodes[index].stale.remove(.data)
    }
    guard flags.contains([.write, .truncate]), nodes[index].attributes.size != 0 else { return }
    dropBlocks(of: index, all: true)
    nodes[index].attributes.size = 0
    try rpcSetAttributes(index, stateid: states[state].stateid, mode: nil, size: 0)
  }

  // MARK: Descriptors

  private func freeDescriptor() -> Int? {
    var descriptor = 0
    while descriptor < Self.descriptorLimit {
      if !files[descriptor].inUse { return descriptor }
      descriptor &+= 1
    }
    return nil
  }

  /// The open file of a descriptor.
  func file(_ descriptor: Int32) throws(NFSClientFailure) -> Int {
    let index = Int(descriptor) &- Self.firstDescriptor
    guard index >= 0, index < Self.descriptorLimit, files[index].inUse else { throw .local(.badDescriptor) }
    return index
  }

  /// One beyond the highest descriptor that can be in use: descriptors are given out from the lowest.
  var openLimit: Int {
    var limit = Self.descriptorLimit
    while limit > 0 && !files[limit - 1].inUse { limit -= 1 }
    return limit
  }

  /// close(2): dirty data goes out first (close-to-open), then the file is closed on the server when nobody else has it
  /// open.
  public func close(_ descriptor: Int32) throws(SystemCallError) {
    try systemCall { () throws(NFSClientFailure) in try closeDescriptor(try file(descriptor)) }
  }

  private func closeDescriptor(_ descriptor: Int) throws(NFSClientFailure) {
    let open = files[descriptor]
    let index = Int(open.node)
    var failure: NFSClientFailure?
    if open.flags.contains(.write) {
      do throws(NFSClientFailure) { try flush(index) } catch { failure = error }
    }
    files[descriptor] = OpenFile()
    do throws(NFSClientFailure) { try closeOnServer(Int(open.state), open.flags) } catch {
      if failure == nil { failure = error }
    }
    if nodes[index].firstOpen < 0 && !sillyNames.isEmpty {
      do throws(NFSClientFailure) { try removeSilly(index) } catch {
        if failure == nil { failure = error }
      }
    }
    release(index)
    if let failure { throw failure }
  }
}
