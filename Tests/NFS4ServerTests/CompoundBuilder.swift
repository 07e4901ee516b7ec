// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import NFS4

/// Puts the arguments of a COMPOUND together.
final class CompoundBuilder {
  private let buffer: UnsafeMutableRawBufferPointer
  private var writer: XDRWriter
  private var count: UInt32 = 0
  private let countPosition: Int
  /// Replaces the number of operations in the header.
  var claimedCount: UInt32? = nil

  init(tag: String = "", minorVersion: UInt32 = 0, capacity: Int = 1 << 20) {
    buffer = .allocate(byteCount: capacity, alignment: 8)
    writer = XDRWriter(buffer)
    writer.putString(tag)
    writer.put(minorVersion)
    countPosition = writer.position
    writer.put(0 as UInt32)
  }

  deinit { buffer.deallocate() }

  var bytes: [UInt8] {
    writer.patch(claimedCount ?? count, at: countPosition)
    return [UInt8](writer.written)
  }

  @discardableResult
  func operation(_ operation: NFSOperation) -> CompoundBuilder { number(operation.rawValue) }

  @discardableResult
  func number(_ number: UInt32) -> CompoundBuilder {
    writer.put(number)
    count += 1
    return self
  }

  @discardableResult
  func word(_ value: UInt32) -> CompoundBuilder {
    writer.put(value)
    return self
  }

  @discardableResult
  func long(_ value: UInt64) -> CompoundBuilder {
    writer.put(value)
    return self
  }

  @discardableResult
  func string(_ text: String) -> CompoundBuilder {
    writer.putString(text)
    return self
  }

  @discardableResult
  func opaque(_ bytes: [UInt8]) -> CompoundBuilder {
    bytes.withUnsafeBytes { writer.putOpaque($0) }
    return self
  }

  @discardableResult
  func stateid(_ stateid: Stateid) -> CompoundBuilder {
    writer.put(stateid)
    return self
  }

  @discardableResult
  func mask(_ mask: AttributeMask) -> CompoundBuilder {
    writer.put(mask)
    return self
  }

  @discardableResult
  func attributes(_ attributes: SettableAttributes) -> CompoundBuilder {
    attributes.encode(into: &writer)
    return self
  }

  /// The bytes of an attribute list that is written item by item.
  static func list(_ fill: (CompoundBuilder) -> CompoundBuilder) -> [UInt8] {
    let builder = CompoundBuilder(capacity: 1 << 16)
    let start = builder.writer.position
    _ = fill(builder)
    return [UInt8](builder.writer.written.dropFirst(start))
  }

  func root() -> CompoundBuilder { operation(.putRootFilehandle) }
  func handle(_ bytes: [UInt8]) -> CompoundBuilder { operation(.putFilehandle).opaque(bytes) }
  func getHandle() -> CompoundBuilder { operation(.getFilehandle) }
  func save() -> CompoundBuilder { operation(.saveFilehandle) }
  func restore() -> CompoundBuilder { operation(.restoreFilehandle) }
  func lookup(_ name: String) -> CompoundBuilder { operation(.lookup).string(name) }
  func getAttributes(_ mask: AttributeMask) -> CompoundBuilder { operation(.getAttributes).mask(mask) }
  func remove(_ name: String) -> CompoundBuilder { operation(.remove).string(name) }
  func rename(_ old: String, _ new: String) -> CompoundBuilder { operation(.rename).string(old).string(new) }
  func link(_ name: String) -> CompoundBuilder { operation(.link).string(name) }

  func setAttributes(_ wanted: SettableAttributes, stateid: Stateid = .anonymous) -> CompoundBuilder {
    operation(.setAttributes).stateid(stateid).attributes(wanted)
  }

  func makeDirectory(_ name: String, mode: UInt32 = 0o755) -> CompoundBuilder {
    operation(.create).word(NFSFileType.directory.rawValue).string(name).attributes(.mode(mode))
  }

  /// CREATE of any type but a regular file.
  func makeNode(_ name: String, _ kind: NFSFileType, mode: UInt32 = 0o644) -> CompoundBuilder {
    let compound = operation(.create).word(kind.rawValue)
    if kind == .symbolicLink { compound.string("elsewhere") }
    if kind == .blockDevice || kind == .characterDevice { compound.word(1).word(2) }
    return compound.string(name).attributes(.mode(mode))
  }

  func makeLink(_ name: String, to text: String) -> CompoundBuilder {
    operation(.create).word(NFSFileType.symbolicLink.rawValue).string(text).string(name).attributes(.mode(0o777))
  }

  func open(
    _ name: String, client: UInt64, owner: [UInt8], sequence: UInt32, access: UInt32 = NFSOpen.accessBoth,
    deny: UInt32 = 0, how: OpenHow = .noCreate
  ) -> CompoundBuilder {
    operation(.open).word(sequence).word(access).word(deny).long(client).opaque(owner)
    switch how {
    case .noCreate: word(NFSOpen.noCreate)
    case .unchecked(let wanted): word(NFSOpen.create).word(NFSOpen.unchecked).attributes(wanted)
    case .guarded(let wanted): word(NFSOpen.create).word(NFSOpen.guarded).attributes(wanted)
    case .exclusive(let verifier): word(NFSOpen.create).word(NFSOpen.exclusive).long(verifier)
    }
    return word(NFSOpen.claimNull).string(name)
  }

  /// An OPEN of the current filehandle that was open before a restart.
  func reclaim(
    client: UInt64, owner: [UInt8], sequence: UInt32, access: UInt32 = NFSOpen.accessBoth, deny: UInt32 = 0,
    delegation: UInt32 = NFSOpen.delegateNone
  ) -> CompoundBuilder {
    operation(.open).word(sequence).word(access).word(deny).long(client).opaque(owner).word(NFSOpen.noCreate)
      .word(NFSOpen.claimPrevious).word(delegation)
  }

  func openConfirm(_ stateid: Stateid, sequence: UInt32) -> CompoundBuilder {
    operation(.openConfirm).stateid(stateid).word(sequence)
  }

  func close(_ stateid: Stateid, sequence: UInt32) -> CompoundBuilder {
    operation(.close).word(sequence).stateid(stateid)
  }

  func read(_ stateid: Stateid, offset: UInt64, count: UInt32) -> CompoundBuilder {
    operation(.read).stateid(stateid).long(offset).word(count)
  }

  func write(
    _ stateid: Stateid, offset: UInt64, data: [UInt8], stable: UInt32 = NFSStable.unstable
  ) -> CompoundBuilder {
    operation(.write).stateid(stateid).long(offset).word(stable).opaque(data)
  }

  func readDirectory(
    cookie: UInt64 = 0, verifier: UInt64 = 0, hint: UInt32 = 8192, maximum: UInt32 = 32_768,
    mask wanted: AttributeMask = [.fileid]
  ) -> CompoundBuilder {
    operation(.readDirectory).long(cookie).long(verifier).word(hint).word(maximum).mask(wanted)
  }

  func setClientID(
    _ id: String, verifier: UInt64, program: UInt32 = 0, address: String = "127.0.0.1.3.232"
  ) -> CompoundBuilder {
    operation(.setClientID).long(verifier).string(id).word(program).string("tcp").string(address).word(1)
  }

  func confirmClientID(_ id: UInt64, _ confirmation: UInt64) -> CompoundBuilder {
    operation(.setClientIDConfirm).long(id).long(confirmation)
  }
}

enum OpenHow {
  case noCreate
  case unchecked(SettableAttributes)
  case guarded(SettableAttributes)
  case exclusive(UInt64)
}

extension SettableAttributes {
  static func mode(_ mode: UInt32) -> SettableAttributes {
    var wanted = SettableAttributes()
    wanted.mask = .mode
    wanted.mode = mode
    return wanted
  }

  static func size(_ size: UInt64) -> SettableAttributes {
    var wanted = SettableAttributes()
    wanted.mask = .size
    wanted.size = size
    return wanted
  }

  static func owner(_ uid: UInt32?, group: UInt32? = nil) -> SettableAttributes {
    var wanted = SettableAttributes()
    if uid != nil { wanted.mask.insert(.owner) }
    if group != nil { wanted.mask.insert(.ownerGroup) }
    wanted.owner = uid
    wanted.ownerGroup = group
    return wanted
  }
}
