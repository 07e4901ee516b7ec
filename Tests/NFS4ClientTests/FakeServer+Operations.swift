// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import NFS4

extension FakeServer {
  private var isDirectory: Bool { files[current].type == NFSFileType.directory.rawValue }

  private func putChange(_ writer: inout XDRWriter, _ before: UInt64, _ after: UInt64) {
    writer.put(atomicChanges)
    writer.put(before)
    writer.put(after)
  }

  private func name(_ reader: inout XDRReader) throws -> [UInt8] { Array(try reader.opaque(limit: 255)) }

  func run(_ operation: NFSOperation, _ reader: inout XDRReader, _ writer: inout XDRWriter) throws -> NFSStatus {
    switch operation {
    case .putRootFilehandle:
      current = 0
      return .ok
    case .putFilehandle:
      let bytes = try reader.filehandle()
      guard bytes.count == 24 else { return .badHandle }
      current = Int(bytes.loadUnaligned(as: UInt64.self))
      guard current < files.count, files[current].links > 0 else { return .stale }
      return .ok
    case .getFilehandle:
      writer.put(filehandle(current))
      return .ok
    case .saveFilehandle:
      saved = current
      return .ok
    case .restoreFilehandle:
      current = saved
      return .ok
    case .lookup:
      let name = try name(&reader)
      guard isDirectory else { return .notDirectory }
      guard let place = find(current, name) else { return .noEntry }
      current = files[current].entries[place].file
      return .ok
    case .getAttributes:
      attributes(current).encode(try reader.attributeMask().mask, into: &writer)
      return .ok
    case .access:
      let wanted = try reader.uint32()
      writer.put(wanted)
      writer.put(wanted & ~deniedRights)
      return .ok
    case .setAttributes: return try setAttributes(&reader, &writer)
    case .create: return try create(&reader, &writer)
    case .readLink:
      files[current].data.withUnsafeBytes { writer.putOpaque($0) }
      return .ok
    case .remove: return try remove(&reader, &writer)
    case .rename: return try rename(&reader, &writer)
    case .link: return try link(&reader, &writer)
    case .readDirectory: return try readDirectory(&reader, &writer)
    case .read: return try read(&reader, &writer)
    case .write: return try write(&reader, &writer)
    case .commit:
      _ = try reader.uint64()
      _ = try reader.uint32()
      beforeCommit?(self)
      writer.put(writeVerifier)
      return .ok
    case .open: return try open(&reader, &writer)
    case .openConfirm:
      let stateid = try reader.stateid()
      let sequence = try reader.uint32()
      return advance(stateid, sequence, &writer) { self.owners[$0]?.confirmed = true }
    case .openDowngrade:
      let stateid = try reader.stateid()
      let sequence = try reader.uint32()
      let access = try reader.uint32()
      _ = try reader.uint32()
      opens[stateid.otherHigh]?.access = access
      return advance(stateid, sequence, &writer) { _ in }
    case .close:
      let sequence = try reader.uint32()
      let stateid = try reader.stateid()
      let status = advance(stateid, sequence, &writer) { _ in }
      if status == .ok { opens[stateid.otherHigh] = nil }
      return status
    case .setClientID:
      _ = try reader.uint64()
      let id = Array(try reader.opaque(limit: 1024))
      _ = try reader.uint32()
      _ = try reader.opaque(limit: 16)
      _ = try reader.opaque(limit: 64)
      _ = try reader.uint32()
      clientIDs[id] = UInt64(clientIDs.count + 1)
      writer.put(clientIDs[id] ?? 0)
      writer.put(0x1122_3344 as UInt64)
      return .ok
    case .setClientIDConfirm:
      _ = try reader.uint64()
      return try reader.uint64() == 0x1122_3344 ? .ok : .staleClientID
    case .renew:
      _ = try reader.uint64()
      return .ok
    default: return .notSupported
    }
  }

  // MARK: Names

  private func setAttributes(_ reader: inout XDRReader, _ writer: inout XDRWriter) throws -> NFSStatus {
    _ = try reader.stateid()
    var wanted = SettableAttributes()
    guard try reader.settableAttributes(into: &wanted) == .settable else { return .invalid }
    if wanted.mask.contains(.mode) { files[current].mode = wanted.mode }
    if wanted.mask.contains(.size) { resize(Int(wanted.size)) }
    bump(current)
    writer.put(wanted.mask)
    return .ok
  }

  private func resize(_ size: Int) {
    if size < files[current].data.count {
      files[current].data.removeLast(files[current].data.count - size)
    } else {
      files[current].data.append(contentsOf: repeatElement(0, count: size - files[current].data.count))
    }
  }

  private func create(_ reader: inout XDRReader, _ writer: inout XDRWriter) throws -> NFSStatus {
    let type = try reader.uint32()
    var text: [UInt8] = []
    if type == NFSFileType.symbolicLink.rawValue { text = Array(try reader.opaque(limit: 4096)) }
    let name = try name(&reader)
    var wanted = SettableAttributes()
    guard try reader.settableAttributes(into: &wanted) == .settable else { return .invalid }
    guard isDirectory else { return .notDirectory }
    if find(current, name) != nil { return .exists }
    let before = files[current].change
    let directory = current
    let isDirectory = type == NFSFileType.directory.rawValue
    files.append(File(type: type, mode: wanted.mode, links: isDirectory ? 2 : 1, change: 0, data: text))
    let file = files.count - 1
    bump(file)
    files[file].parent = directory
    if isDirectory { files[directory].links += 1 }
    add(directory, name, file)
    putChange(&writer, before, files[directory].change)
    writer.put(wanted.mask)
    current = file
    return .ok
  }

  private func drop(_ directory: Int, _ place: Int) {
    let file = files[directory].entries[place].file
    files[directory].entries.remove(at: place)
    if files[file].type == NFSFileType.directory.rawValue {
      files[file].links = 0
      files[directory].links -= 1
    } else {
      files[file].links -= 1
    }
    bump(file)
    bump(directory)
  }

  private func remove(_ reader: inout XDRReader, _ writer: inout XDRWriter) throws -> NFSStatus {
    let name = try name(&reader)
    guard let place = find(current, name) else { return .noEntry }
    let file = files[current].entries[place].file
    if !files[file].entries.isEmpty { return .notEmpty }
    let before = files[current].change
    drop(current, place)
    putChange(&writer, before, files[current].change)
    return .ok
  }

  private func rename(_ reader: inout XDRReader, _ writer: inout XDRWriter) throws -> NFSStatus {
    let old = try name(&reader)
    let new = try name(&reader)
    guard let place = find(saved, old) else { return .noEntry }
    let file = files[saved].entries[place].file
    let before = (files[saved].change, files[current].change)
    if let target = find(current, new) { drop(current, target) }
    if let place = find(saved, old) { files[saved].entries.remove(at: place) }
    bump(saved)
    add(current, new, file)
    bump(file)
    putChange(&writer, before.0, files[saved].change)
    putChange(&writer, before.1, files[current].change)
    return .ok
  }

  private func link(_ reader: inout XDRReader, _ writer: inout XDRWriter) throws -> NFSStatus {
    let name = try name(&reader)
    if find(current, name) != nil { return .exists }
    let before = files[current].change
    files[saved].links += 1
    bump(saved)
    add(current, name, saved)
    putChange(&writer, before, files[current].change)
    return .ok
  }

  private func readDirectory(_ reader: inout XDRReader, _ writer: inout XDRWriter) throws -> NFSStatus {
    let cookie = try reader.uint64()
    _ = try reader.uint64()
    _ = try reader.uint32()
    let maximum = Int(try reader.uint32())
    let mask = try reader.attributeMask().mask
    let start = writer.position
    writer.put(0 as UInt64)
    var complete = true
    if neverEndsListings { complete = false }
    for entry in files[current].entries where entry.cookie > cookie && !neverEndsListings {
      let before = writer.position
      writer.put(true)
      writer.put(entry.cookie)
      entry.name.withUnsafeBytes { writer.putOpaque($0) }
      attributes(entry.file).encode(mask, into: &writer)
      if writer.overflowed || writer.position - start + 8 > maximum {
        writer.rewind(to: before)
        complete = false
        break
      }
    }
    writer.put(false)
    writer.put(complete)
    return .ok
  }

  // MARK: Data

  private func checkState(_ stateid: Stateid) -> Bool {
    if stateid.isSpecial {
      anonymousTransfers += 1
      return true
    }
    guard let open = opens[stateid.otherHigh], open.file == current, open.sequence == stateid.sequence else {
      protocolErrors += 1
      return false
    }
    return true
  }

  private func read(_ reader: inout XDRReader, _ writer: inout XDRWriter) throws -> NFSStatus {
    guard checkState(try reader.stateid()) else { return .badStateid }
    let offset = Int(try reader.uint64())
    let count = Int(try reader.uint32())
    let size = files[current].data.count
    let end = min(size, offset + count)
    writer.put(end == size)
    files[current].data.withUnsafeBytes {
      writer.putOpaque(UnsafeRawBufferPointer(rebasing: $0[min(offset, size)..<max(end, min(offset, size))]))
    }
    return .ok
  }

  private func write(_ reader: inout XDRReader, _ writer: inout XDRWriter) throws -> NFSStatus {
    guard checkState(try reader.stateid()) else { return .badStateid }
    let offset = Int(try reader.uint64())
    _ = try reader.uint32()
    let data = try reader.opaque(limit: 1 << 20)
    if files[current].data.count < offset + data.count { resize(offset + data.count) }
    files[current].data.withUnsafeMutableBytes {
      UnsafeMutableRawBufferPointer(rebasing: $0[offset..<(offset + data.count)]).copyMemory(from: data)
    }
    bump(current)
    writer.put(UInt32(data.count))
    writer.put(NFSStable.unstable)
    writer.put(writeVerifier)
    return .ok
  }

  // MARK: State

  private func advance(
    _ stateid: Stateid, _ sequence: UInt32, _ writer: inout XDRWriter, _ body: ([UInt8]) -> Void
  ) -> NFSStatus {
    guard var open = opens[stateid.otherHigh], open.sequence == stateid.sequence, open.file == current else {
      protocolErrors += 1
      return .badStateid
    }
    guard let owner = owners[open.owner], owner.sequence &+ 1 == sequence else {
      protocolErrors += 1
      return .badSeqid
    }
    owners[open.owner]?.sequence = sequence
    body(open.owner)
    open.sequence += 1
    opens[stateid.otherHigh] = open
    writer.put(Stateid(sequence: open.sequence, otherHigh: stateid.otherHigh, otherLow: 0))
    return .ok
  }

  private func open(_ reader: inout XDRReader, _ writer: inout XDRWriter) throws -> NFSStatus {
    let sequence = try reader.uint32()
    let access = try reader.uint32()
    _ = try reader.uint32()
    _ = try reader.uint64()
    let ownerName = Array(try reader.opaque(limit: 1024))
    var wanted = SettableAttributes()
    let creates = try reader.uint32() == NFSOpen.create
    var exclusive = false
    if creates {
      let how = try reader.uint32()
      if how == NFSOpen.exclusive {
        exclusive = true
        _ = try reader.uint64()
      } else {
        guard try reader.settableAttributes(into: &wanted) == .settable else { return .invalid }
      }
    }
    guard try reader.uint32() == NFSOpen.claimNull else { return .notSupported }
    let name = try name(&reader)
    if let owner = owners[ownerName], owner.confirmed, owner.sequence &+ 1 != sequence {
      protocolErrors += 1
      return .badSeqid
    }
    let confirmed = neverAsksForConfirmation || owners[ownerName]?.confirmed ?? false
    owners[ownerName] = Owner(sequence: sequence, confirmed: confirmed)
    let before = files[current].change
    var file: Int
    if let place = find(current, name) {
      file = files[current].entries[place].file
      if exclusive { return .exists }
      if files[file].type == NFSFileType.directory.rawValue { return .isDirectory }
      if files[file].type == NFSFileType.symbolicLink.rawValue { return .isSymlink }
      if wanted.mask.contains(.size) {
        let directory = current
        current = file
        resize(Int(wanted.size))
        current = directory
      }
    } else {
      guard creates else { return .noEntry }
      files.append(File(type: NFSFileType.regular.rawValue, mode: wanted.mode, links: 1, change: 0))
      file = files.count - 1
      bump(file)
      add(current, name, file)
    }
    let number: UInt64
    if let existing = opens.first(where: { $0.value.owner == ownerName && $0.value.file == file }) {
      number = existing.key
      opens[number]?.sequence += 1
      opens[number]?.access |= access
    } else {
      number = nextOpen
      nextOpen += 1
      opens[number] = Open(owner: ownerName, file: file, access: access, sequence: 1)
    }
    writer.put(Stateid(sequence: opens[number]?.sequence ?? 0, otherHigh: number, otherLow: 0))
    putChange(&writer, before, files[current].change)
    writer.put(confirmed ? 0 : NFSOpen.resultConfirm)
    writer.put(wanted.mask)
    writer.put(0 as UInt32)
    current = file
    return .ok
  }
}
