// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import NFS4

// Compounds that read or change attributes and names: reference section 5 (BSD column) and section 6.4 (Linux).
extension NFSClient {
  /// What is asked of a file.
  var fileAttributes: AttributeMask { isLinux ? AttributeSets.file : AttributeSets.bsdFile }

  /// PUTFH GETATTR.
  func rpcGetAttributes(_ index: Int) throws(NFSClientFailure) {
    var encoder = try compound("Getattr")
    encoder.putFilehandle(nodes + index)
    encoder.getAttributes(fileAttributes)
    var reply = try send(.getattr, &encoder)
    try reply.next(.putFilehandle)
    var decoded = DecodedAttributes()
    try reply.attributes(into: &decoded)
    refresh(index, decoded.attributes)
  }

  /// PUTFH ACCESS GETATTR; asks for all rights at once.
  func rpcAccess(_ index: Int) throws(NFSClientFailure) {
    var encoder = try compound("Access")
    encoder.putFilehandle(nodes + index)
    encoder.begin(.access)
    var rights = NFSAccess.read | NFSAccess.modify | NFSAccess.extend
    rights |= nodes[index].isDirectory ? NFSAccess.delete | NFSAccess.lookup : NFSAccess.execute
    encoder.writer.put(rights)
    encoder.getAttributes(isLinux ? AttributeSets.consistency : AttributeSets.bsdFile)
    var reply = try send(.access, &encoder)
    try reply.next(.putFilehandle)
    try reply.next(.access)
    let (_, granted) = try reply.read { reader throws(XDRError) in (try reader.uint32(), try reader.uint32()) }
    var decoded = DecodedAttributes()
    try reply.attributes(into: &decoded)
    refresh(index, decoded.attributes)
    setAccess(index, granted)
  }

  /// PUTFH LOOKUP GETFH GETATTR.
  func rpcLookup(
    _ directory: Int, _ name: UnsafeRawBufferPointer
  ) throws(NFSClientFailure) -> (node: Int, attributes: NodeAttributes) {
    var encoder = try compound("Lookup")
    encoder.putFilehandle(nodes + directory)
    encoder.lookup(name)
    encoder.begin(.getFilehandle)
    encoder.getAttributes(fileAttributes)
    var reply = try send(.lookup, &encoder)
    try reply.next(.putFilehandle)
    try reply.next(.lookup)
    let filehandle = try reply.filehandle()
    var decoded = DecodedAttributes()
    try reply.attributes(into: &decoded)
    return (try node(filehandle, decoded.attributes), decoded.attributes)
  }

  /// SETATTR: PUTFH SETATTR GETATTR (Linux), PUTFH GETATTR SETATTR GETATTR (BSD).
  func rpcSetAttributes(
    _ index: Int, stateid: Stateid, mode: UInt32?, size: UInt64?
  ) throws(NFSClientFailure) {
    var encoder = try compound("Setattr")
    encoder.putFilehandle(nodes + index)
    if !isLinux { encoder.getAttributes(AttributeSets.bsdBefore) }
    encoder.begin(.setAttributes)
    encoder.writer.put(stateid)
    encoder.attributes(mode: mode, size: size)
    encoder.getAttributes(fileAttributes)
    var reply = try send(.setattr, &encoder)
    try reply.next(.putFilehandle)
    var decoded = DecodedAttributes()
    if !isLinux { try reply.attributes(into: &decoded) }
    try reply.next(.setAttributes)
    _ = try reply.read { reader throws(XDRError) in try reader.attributeMask() }
    try reply.attributes(into: &decoded)
    refresh(index, decoded.attributes)
  }

  /// PUTFH GETATTR of what statfs(2) shows.
  func rpcFileSystem(_ index: Int) throws(NFSClientFailure) -> FileSystemStatus {
    var encoder = try compound("Getattr")
    encoder.putFilehandle(nodes + index)
    encoder.getAttributes(AttributeSets.fileSystem)
    var reply = try send(.statfs, &encoder)
    try reply.next(.putFilehandle)
    try reply.next(.getAttributes)
    return try reply.read { reader throws(XDRError) in
      var status = FileSystemStatus(totalBytes: 0, freeBytes: 0, totalFiles: 0, freeFiles: 0)
      let mask = try reader.attributeMask().mask
      var values = XDRReader(try reader.opaque(limit: NFS4Protocol.attributeListLimit))
      guard mask.isSubset(of: AttributeSets.fileSystem) else { return status }
      if mask.contains(.filesAvailable) { _ = try values.uint64() }
      if mask.contains(.filesFree) { status.freeFiles = try values.uint64() }
      if mask.contains(.filesTotal) { status.totalFiles = try values.uint64() }
      if mask.contains(.spaceAvailable) { _ = try values.uint64() }
      if mask.contains(.spaceFree) { status.freeBytes = try values.uint64() }
      if mask.contains(.spaceTotal) { status.totalBytes = try values.uint64() }
      return status
    }
  }

  /// CREATE of a directory, or of a symbolic link with a text: PUTFH CREATE GETFH GETATTR (Linux), with a GETATTR in
  /// front (BSD).
  func rpcCreate(
    _ directory: Int, _ name: UnsafeRawBufferPointer, linkText: UnsafeRawBufferPointer?, mode: UInt32
  ) throws(NFSClientFailure) -> Int {
    var encoder = try compound("Create")
    encoder.putFilehandle(nodes + directory)
    if !isLinux { encoder.getAttributes(AttributeSets.bsdBefore) }
    encoder.begin(.create)
    if let linkText {
      encoder.writer.put(NFSFileType.symbolicLink.rawValue)
      encoder.writer.putOpaque(linkText)
    } else {
      encoder.writer.put(NFSFileType.directory.rawValue)
    }
    encoder.writer.putOpaque(name)
    encoder.attributes(mode: mode, size: nil)
    encoder.begin(.getFilehandle)
    encoder.getAttributes(fileAttributes)
    var reply = try send(linkText == nil ? .create : .symlink, &encoder)
    try reply.next(.putFilehandle)
    var decoded = DecodedAttributes()
    if !isLinux { try reply.attributes(into: &decoded) }
    try reply.next(.create)
    let info = try reply.changeInfo()
    _ = try reply.read { reader throws(XDRError) in try reader.attributeMask() }
    let filehandle = try reply.filehandle()
    try reply.attributes(into: &decoded)
    directoryChanged(directory, info, linkCount: linkText == nil ? 1 : 0)
    return try node(filehandle, decoded.attributes)
  }

  /// PUTFH REMOVE (Linux), PUTFH GETATTR REMOVE (BSD).
  func rpcRemove(_ directory: Int, _ name: UnsafeRawBufferPointer) throws(NFSClientFailure) -> ChangeInfo {
    var encoder = try compound("Remove")
    encoder.putFilehandle(nodes + directory)
    if !isLinux { encoder.getAttributes(AttributeSets.bsdBefore) }
    encoder.begin(.remove)
    encoder.writer.putOpaque(name)
    var reply = try send(.remove, &encoder)
    try reply.next(.putFilehandle)
    var decoded = DecodedAttributes()
    if !isLinux { try reply.attributes(into: &decoded) }
    try reply.next(.remove)
    return try reply.changeInfo()
  }

  /// PUTFH SAVEFH PUTFH RENAME (Linux), PUTFH SAVEFH GETATTR PUTFH GETATTR RENAME (BSD).
  func rpcRename(
    _ source: Int, _ old: UnsafeRawBufferPointer, _ target: Int, _ new: UnsafeRawBufferPointer
  ) throws(NFSClientFailure) -> (source: ChangeInfo, target: ChangeInfo) {
    var encoder = try compound("Rename")
    encoder.putFilehandle(nodes + source)
    encoder.begin(.saveFilehandle)
    if !isLinux { encoder.getAttributes(AttributeSets.bsdBefore) }
    encoder.putFilehandle(nodes + target)
    if !isLinux { encoder.getAttributes(AttributeSets.bsdBefore) }
    encoder.begin(.rename)
    encoder.writer.putOpaque(old)
    encoder.writer.putOpaque(new)
    var reply = try send(.rename, &encoder)
    var decoded = DecodedAttributes()
    try reply.next(.putFilehandle)
    try reply.next(.saveFilehandle)
    if !isLinux { try reply.attributes(into: &decoded) }
    try reply.next(.putFilehandle)
    if !isLinux { try reply.attributes(into: &decoded) }
    try reply.next(.rename)
    return (try reply.changeInfo(), try reply.changeInfo())
  }

  /// PUTFH SAVEFH PUTFH LINK RESTOREFH GETATTR (Linux), PUTFH SAVEFH PUTFH GETATTR LINK (BSD).
  func rpcLink(
    _ index: Int, _ directory: Int, _ name: UnsafeRawBufferPointer
  ) throws(NFSClientFailure) {
    var encoder = try compound("Link")
    encoder.putFilehandle(nodes + index)
    encoder.begin(.saveFilehandle)
    encoder.putFilehandle(nodes + directory)
    if !isLinux { encoder.getAttributes(AttributeSets.bsdBefore) }
    encoder.begin(.link)
    encoder.writer.putOpaque(name)
    if isLinux {
      encoder.begin(.restoreFilehandle)
      encoder.getAttributes(AttributeSets.file)
    }
    var reply = try send(.link, &encoder)
    var decoded = DecodedAttributes()
    try reply.next(.putFilehandle)
    try reply.next(.saveFilehandle)
    try reply.next(.putFilehandle)
    if !isLinux { try reply.attributes(into: &decoded) }
    try reply.next(.link)
    directoryChanged(directory, try reply.changeInfo())
    if isLinux {
      try reply.next(.restoreFilehandle)
      try reply.attributes(into: &decoded)
      refresh(index, decoded.attributes)
    } else {
      nodes[index].stale.insert(.change)
    }
  }

  /// READLINK: PUTFH READLINK (Linux), PUTFH READLINK GETATTR (BSD).
  ///
  /// Copies the text.
  func rpcReadLink(
    _ index: Int, into buffer: UnsafeMutableRawBufferPointer
  ) throws(NFSClientFailure) -> Int {
    var encoder = try compound("Readlink")
    encoder.putFilehandle(nodes + index)
    encoder.begin(.readLink)
    if !isLinux { encoder.getAttributes(AttributeSets.bsdFile) }
    var reply = try send(.readlink, &encoder)
    try reply.next(.putFilehandle)
    try reply.next(.readLink)
    let text = try reply.read { reader throws(XDRError) in try reader.opaque(limit: NFS4Protocol.linkTextReadLimit) }
    let length = min(text.count, buffer.count)
    buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: text[0..<length]))
    if !isLinux {
      var decoded = DecodedAttributes()
      try reply.attributes(into: &decoded)
      refresh(index, decoded.attributes)
    }
    return length
  }
}
