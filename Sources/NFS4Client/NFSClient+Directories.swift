// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import NFS4

extension NFSClient {
  /// Bytes that a Linux READDIR asks for: the whole of rsize (measured: 163 entries of 200 bytes fit, reference section
  /// 6.4).
  private var linuxReaddirSize: Int { readSize }
  /// Bytes of reply that a BSD READDIR asks for (NFS_READDIRSIZE; recollection).
  private static let bsdReaddirSize = 8192
  /// Bytes of names that it hints at, one block of its own directory cache (NFS_DIRBLKSIZ; recollection): what the
  /// server sizes its buffer by.
  private static let bsdDirectoryBlock = 4096

  /// opendir(3).
  public func opendir(_ path: UnsafeRawBufferPointer) throws(SystemCallError) -> Int32 {
    try systemCall { () throws(NFSClientFailure) in
      var number = 0
      while number < Self.descriptorLimit && directories[number].inUse { number &+= 1 }
      guard number < Self.descriptorLimit else { throw .local(.tooManyFiles) }
      let index = try resolve(path, [.open, .directory])
      try checkAccess(index, NFSAccess.read)
      directories[number] = OpenDirectory(node: Int32(truncatingIfNeeded: index))
      hold(index)
      return Int32(truncatingIfNeeded: number)
    }
  }

  /// closedir(3).
  public func closedir(_ directory: Int32) {
    guard let number = openDirectory(directory) else { return }
    let index = Int(directories[number].node)
    directories[number] = OpenDirectory()
    release(index)
  }

  /// rewinddir(3).
  public func rewinddir(_ directory: Int32) {
    guard let number = openDirectory(directory) else { return }
    directories[number] = OpenDirectory(node: directories[number].node)
  }

  private func openDirectory(_ directory: Int32) -> Int? {
    let number = Int(directory)
    return number >= 0 && number < Self.descriptorLimit && directories[number].inUse ? number : nil
  }

  /// One beyond the highest open directory.
  var directoryLimit: Int {
    var limit = Self.descriptorLimit
    while limit > 0 && !directories[limit - 1].inUse { limit -= 1 }
    return limit
  }

  /// readdir(3).
  ///
  /// The client makes `.` and `..` itself; servers do not send them (RFC 7530 section 16.24.4).
  public func readdir(_ directory: Int32) throws(SystemCallError) -> DirectoryEntry? {
    try systemCall { () throws(NFSClientFailure) in
      guard let number = openDirectory(directory) else { throw .local(.badDescriptor) }
      let stream = directories + number
      let index = Int(stream.pointee.node)
      if stream.pointee.position < 2 {
        if stream.pointee.position == 0 { try beginListing(index, stream) }
        let isDot = stream.pointee.position == 0
        stream.pointee.position &+= 1
        let name: StaticString = isDot ? "." : ".."
        let parent = Int(nodes[index].parent)
        let shown = isDot || parent < 0 || index == root ? index : parent
        return DirectoryEntry(
          name: UnsafeRawBufferPointer(
            start: UnsafeRawPointer(name.utf8Start), count: name.utf8CodeUnitCount),
          fileid: nodes[shown].attributes.fileid, type: FileMode.directory)
      }
      return try nextRecord(index, stream)
    }
  }

  private func nextRecord(
    _ index: Int, _ stream: UnsafeMutablePointer<OpenDirectory>
  ) throws(NFSClientFailure) -> DirectoryEntry? {
    var slot = Int(nodes[index].listing)
    if slot < 0 || listings.listings[slot].generation != stream.pointee.generation {
      // The listing was given up since: go on behind the last entry.
      slot = newListing(index, cookie: stream.pointee.cookie)
      stream.pointee.generation = listings.listings[slot].generation
      stream.pointee.offset = 0
    }
    let listing = listings.listings + slot
    while stream.pointee.offset >= listing.pointee.used {
      if listing.pointee.complete { return nil }
      try readMore(index, slot)
    }
    guard let memory = listing.pointee.memory else { return nil }
    let record = memory + stream.pointee.offset
    let length = Int(record.load(fromByteOffset: 20, as: UInt32.self))
    stream.pointee.cookie = record.load(as: UInt64.self)
    stream.pointee.offset &+= ListingTable.headerSize &+ (length &+ 7) & ~7
    stream.pointee.position &+= 1
    return DirectoryEntry(
      name: UnsafeRawBufferPointer(start: record + ListingTable.headerSize, count: length),
      fileid: record.load(fromByteOffset: 8, as: UInt64.self),
      type: record.load(fromByteOffset: 16, as: UInt32.self))
  }

  /// The first readdir(3) after opendir(3) or rewinddir(3): asks whether what the client has is still right.
  private func beginListing(
    _ index: Int, _ stream: UnsafeMutablePointer<OpenDirectory>
  ) throws(NFSClientFailure) {
    // nfs_revalidate_mapping(); ncl_bioread() of a directory that the client itself changed asks for the attributes,
    // too.
    if isLinux ? nodes[index].stale.contains(.change) || expired(index) : expired(index) {
      try rpcGetAttributes(index)
    }
    var slot = Int(nodes[index].listing)
    if nodes[index].stale.contains(.data) || slot < 0 || listings.listings[slot].startCookie != 0 {
      nodes[index].stale.remove(.data)
      slot = newListing(index, cookie: 0)
    }
    stream.pointee.generation = listings.listings[slot].generation
    stream.pointee.offset = 0
    stream.pointee.cookie = 0
  }

  private func newListing(_ index: Int, cookie: UInt64) -> Int {
    let (slot, evicted) = listings.begin(index, slot: Int(nodes[index].listing), cookie: cookie)
    if evicted >= 0 && evicted != index { nodes[evicted].listing = -1 }
    nodes[index].listing = Int32(truncatingIfNeeded: slot)
    return slot
  }

  /// READDIR: PUTFH READDIR (Linux, with everything about every entry), PUTFH READDIR GETATTR (BSD).
  private func readMore(_ index: Int, _ slot: Int) throws(NFSClientFailure) {
    let listing = listings.listings + slot
    var encoder = try compound("Readdir")
    encoder.putFilehandle(nodes + index)
    encoder.begin(.readDirectory)
    encoder.writer.put(listing.pointee.lastCookie)
    encoder.writer.put(listing.pointee.verifier)
    let size = UInt32(truncatingIfNeeded: isLinux ? linuxReaddirSize : Self.bsdReaddirSize)
    encoder.writer.put(isLinux ? size : UInt32(Self.bsdDirectoryBlock))
    encoder.writer.put(size)
    encoder.writer.put(isLinux ? AttributeSets.directoryEntry : AttributeSets.bsdDirectoryEntry)
    if !isLinux { encoder.getAttributes(AttributeSets.bsdFile) }
    let verifier = nodes[index].verifier
    var reply = try send(.readdir, &encoder)
    try reply.next(.putFilehandle)
    try reply.next(.readDirectory)
    listing.pointee.verifier = try reply.read { reader throws(XDRError) in try reader.uint64() }
    let before = listing.pointee.used
    var decoded = DecodedAttributes()
    while try reply.read({ reader throws(XDRError) in try reader.bool() }) {
      let (cookie, name) = try reply.read { reader throws(XDRError) in
        let cookie = try reader.uint64()
        let name = try reader.opaque(limit: NFS4Protocol.componentReadLimit)
        try reader.decodedAttributes(into: &decoded)
        return (cookie, name)
      }
      guard !name.isEmpty, name.count <= NameTable.nameLimit else { continue }
      let type = decoded.attributes.mask.contains(.type) ? NodeAttributes.typeBits(decoded.attributes.type) : 0
      guard
        listings.append(
          slot, cookie: cookie, fileid: decoded.attributes.fileid, type: type, name: name)
      else { throw .malformedReply(.tooLong(length: name.count, limit: 0), .readdir) }
      if isLinux { try prime(index, name, decoded, verifier) }
    }
    let atEnd = try reply.read { reader throws(XDRError) in try reader.bool() }
    let brought = listing.pointee.used > before
    // The BSD client believes in the end only when a READDIR brings nothing (reference section 6.2).
    listing.pointee.complete = isLinux ? atEnd : !brought
    if !brought && !atEnd { throw .malformedReply(.truncated(needed: 1, left: 0), .readdir) }
    if !isLinux {
      try reply.attributes(into: &decoded)
      refresh(index, decoded.attributes)
    }
  }

  /// nfs_prime_dcache(): what readdir brought counts as looked up.
  private func prime(
    _ directory: Int, _ name: UnsafeRawBufferPointer, _ decoded: DecodedAttributes, _ verifier: UInt64
  ) throws(NFSClientFailure) {
    guard decoded.error == 0, !decoded.filehandle.isEmpty, decoded.attributes.mask.contains(.type) else { return }
    if let entry = nameTable.find(directory, name), entries[entry].node >= 0,
      nodeTable.has(Int(entries[entry].node), filehandle: decoded.filehandle)
    {
      entries[entry].verifier = verifier
      refresh(Int(entries[entry].node), decoded.attributes)
      return
    }
    let index = try node(decoded.filehandle, decoded.attributes)
    try enter(directory, name, node: index, verifier: verifier)
  }
}
