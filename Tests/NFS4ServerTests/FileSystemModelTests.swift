// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import NFS4
import Testing

@testable import NFS4Server

/// The in-memory file system against a plain model of one, by random operations.
@Suite struct FileSystemModelTests {
  /// What a file is in the model.
  private final class Node {
    let isDirectory: Bool
    var entries: [String: Node] = [:]
    /// Names in the order that READDIR lists them.
    var order: [String] = []
    var data: [UInt8] = []
    /// Blocks that hold data: what counts for the owner's quota.
    var blocks: Set<Int> = []
    var uid: UInt32 = 0
    var mode: UInt32 = 0o755
    /// The change attribute when it was last looked at.
    var change: UInt64 = 0
    var links = 1
    var opens = 0
    weak var parent: Node?
    var file = 0

    init(isDirectory: Bool) { self.isDirectory = isDirectory }

    func isInside(_ other: Node) -> Bool {
      var current: Node? = self
      while let node = current {
        if node === other { return true }
        current = node.parent
      }
      return false
    }
  }

  private final class Model {
    let root = Node(isDirectory: true)
    var directories: [Node]
    var files: [Node] = []
    var open: [Node] = []
    var isReadOnly = false

    func owned(by user: UInt32) -> Int {
      files.reduce(0) { $0 + ($1.uid == user ? $1.blocks.count * BlockPool.blockBytes : 0) }
    }

    init() {
      root.file = MemoryFileSystem.root
      root.mode = 0o777
      directories = [root]
    }
  }

  private let principal = Principal(flavor: 1, uid: 0, gid: 0, groups: UnsafeBufferPointer(start: nil, count: 0))

  private static let quota = 300_000

  private func outcome<R>(_ body: () throws(NFSStatus) -> R) -> (NFSStatus, R?) {
    do throws(NFSStatus) { return (.ok, try body()) } catch { return (error, nil) }
  }

  private func withName<R>(_ name: String, _ body: (UnsafeRawBufferPointer) -> R) -> R {
    var copy = name
    return copy.withUTF8 { body(UnsafeRawBufferPointer($0)) }
  }

  @Test(arguments: [1, 2, 3, 4] as [UInt64])
  func randomOperationsAgreeWithAModel(seed: UInt64) throws {
    var random = SeededRandom(seed: seed)
    let files = MemoryFileSystem(spaceLimit: 8 << 20, fileLimit: 400, maximumFileSize: 1 << 20, userQuota: Self.quota)
    let model = Model()
    for step in 0..<20_000 {
      let operation = random.below(12)
      let found: (NFSStatus, NFSStatus)
      switch operation {
      case 0, 1: found = create(files, model, &random, isDirectory: random.below(4) == 0)
      case 2: found = remove(files, model, &random)
      case 3: found = rename(files, model, &random)
      case 4: found = link(files, model, &random)
      case 5, 6: found = write(files, model, &random)
      case 7: found = truncate(files, model, &random)
      case 8: found = openOrClose(files, model, &random)
      case 9: found = setAttributes(files, model, &random)
      case 10:
        // One step in 200 is taken on a read-only file system, or so.
        model.isReadOnly = random.below(10) == 0
        files.isReadOnly = model.isReadOnly
        found = (.ok, .ok)
      default: found = (.ok, .ok)
      }
      try #require(found.0 == found.1, "seed \(seed), step \(step), operation \(operation)")
      if step % 500 == 0 {
        try files.checkInvariants()
        try compare(files, model, "seed \(seed), step \(step)")
      }
    }
    try files.checkInvariants()
    try compare(files, model, "seed \(seed), end")
  }

  private func name(_ random: inout SeededRandom) -> String {
    let number = random.below(30)
    return number < 28 ? "n\(number)" : String(repeating: "long", count: 10 + number)
  }

  private func create(
    _ files: MemoryFileSystem, _ model: Model, _ random: inout SeededRandom, isDirectory: Bool
  ) -> (NFSStatus, NFSStatus) {
    let parent = model.directories[random.below(model.directories.count)]
    let name = name(&random)
    // The operations look names up themselves before they create.
    let exists = withName(name) { files.lookup($0, in: parent.file) } != nil
    if exists != (parent.entries[name] != nil) { return (.exists, .noEntry) }
    if exists { return (.ok, .ok) }
    let expected: NFSStatus = model.isReadOnly ? .readOnlyFileSystem : files.hasFreeInode ? .ok : .noSpace
    let (status, file) = withName(name) { bytes in
      outcome { () throws(NFSStatus) in
        try files.create(
          bytes, in: parent.file, kind: isDirectory ? .directory : .regular, mode: 0o755, principal: principal)
      }
    }
    if let file {
      let node = Node(isDirectory: isDirectory)
      node.file = file
      node.parent = parent
      parent.entries[name] = node
      parent.order.append(name)
      if isDirectory { model.directories.append(node) } else { model.files.append(node) }
    }
    return (status, expected)
  }

  private func drop(_ node: Node, _ model: Model) {
    node.links -= 1
    guard node.links == 0 else { return }
    node.parent = nil
    if node.isDirectory {
      model.directories.removeAll { $0 === node }
    } else if node.opens == 0 {
      model.files.removeAll { $0 === node }
    }
  }

  private func remove(
    _ files: MemoryFileSystem, _ model: Model, _ random: inout SeededRandom
  ) -> (NFSStatus, NFSStatus) {
    let parent = model.directories[random.below(model.directories.count)]
    let name = name(&random)
    var expected = NFSStatus.ok
    if let node = parent.entries[name] {
      if !node.entries.isEmpty { expected = .notEmpty }
    } else {
      expected = .noEntry
    }
    if model.isReadOnly { expected = .readOnlyFileSystem }
    let (status, removed) = withName(name) { bytes in
      outcome { () throws(NFSStatus) in try files.remove(bytes, from: parent.file, principal: principal) }
    }
    if expected == .ok, let node = parent.entries.removeValue(forKey: name) {
      parent.order.removeAll { $0 == name }
      drop(node, model)
      if removed?.destroyed != (node.links == 0 && node.opens == 0) { return (.io, .ok) }
    }
    return (status, expected)
  }

  private func rename(
    _ files: MemoryFileSystem, _ model: Model, _ random: inout SeededRandom
  ) -> (NFSStatus, NFSStatus) {
    let source = model.directories[random.below(model.directories.count)]
    let target = model.directories[random.below(model.directories.count)]
    let (old, new) = (name(&random), name(&random))
    var expected = NFSStatus.ok
    var isNothing = false
    if let node = source.entries[old] {
      let replaced = target.entries[new]
      if node.isDirectory && target.isInside(node) {
        expected = .invalid
      } else if replaced === node {
        isNothing = true
      } else if let replaced, replaced.isDirectory != node.isDirectory || !replaced.entries.isEmpty {
        expected = .exists
      }
    } else {
      expected = .noEntry
    }
    if model.isReadOnly { expected = .readOnlyFileSystem }
    let (status, _) = withName(old) { from in
      withName(new) { to in
        outcome { () throws(NFSStatus) in
          try files.rename(from, in: source.file, to: to, in: target.file, principal: principal)
        }
      }
    }
    if expected == .ok, !isNothing, let node = source.entries.removeValue(forKey: old) {
      source.order.removeAll { $0 == old }
      // A name in the way keeps its place and stands for another file.
      if let replaced = target.entries[new] { drop(replaced, model) } else { target.order.append(new) }
      target.entries[new] = node
      if node.isDirectory { node.parent = target }
    }
    return (status, expected)
  }

  private func link(
    _ files: MemoryFileSystem, _ model: Model, _ random: inout SeededRandom
  ) -> (NFSStatus, NFSStatus) {
    let parent = model.directories[random.below(model.directories.count)]
    let useDirectory = model.files.isEmpty || random.below(10) == 0
    let node =
      useDirectory
      ? model.directories[random.below(model.directories.count)] : model.files[random.below(model.files.count)]
    let name = name(&random)
    var expected = NFSStatus.ok
    if model.isReadOnly {
      expected = .readOnlyFileSystem
    } else if node.isDirectory {
      expected = .isDirectory
    } else if parent.entries[name] != nil {
      expected = .exists
    } else if node.links == 0 {
      expected = .stale
    }
    let (status, _) = withName(name) { bytes in
      outcome { () throws(NFSStatus) in
        try files.link(node.file, as: bytes, in: parent.file, principal: principal)
      }
    }
    if expected == .ok {
      parent.entries[name] = node
      parent.order.append(name)
      node.links += 1
    }
    return (status, expected)
  }

  private func write(
    _ files: MemoryFileSystem, _ model: Model, _ random: inout SeededRandom
  ) -> (NFSStatus, NFSStatus) {
    guard !model.files.isEmpty else { return (.ok, .ok) }
    let node = model.files[random.below(model.files.count)]
    let offset = random.below(30_000)
    let data = [UInt8](repeating: UInt8(truncatingIfNeeded: random.next()), count: random.below(9000))
    let isPrivileged = random.below(3) == 0
    // Blocks are taken from the first on, as long as the owner may have another.
    var left = isPrivileged || node.uid == 0 ? Int.max : Self.quota - model.owned(by: node.uid)
    var fits = 0
    while fits < data.count {
      let block = (offset + fits) / BlockPool.blockBytes
      if !node.blocks.contains(block) {
        if left < BlockPool.blockBytes { break }
        left -= BlockPool.blockBytes
      }
      fits = min((block + 1) * BlockPool.blockBytes - offset, data.count)
    }
    let (status, written) = data.withUnsafeBytes { bytes in
      outcome { () throws(NFSStatus) in
        try files.write(node.file, offset: UInt64(offset), from: bytes, isPrivileged: isPrivileged)
      }
    }
    let count = written ?? 0
    if count > 0 {
      if node.data.count < offset + count {
        node.data += [UInt8](repeating: 0, count: offset + count - node.data.count)
      }
      node.data.replaceSubrange(offset..<(offset + count), with: data.prefix(count))
      node.blocks.formUnion(offset / BlockPool.blockBytes...(offset + count - 1) / BlockPool.blockBytes)
    }
    if model.isReadOnly { return (status, .readOnlyFileSystem) }
    if files.pool.available < 200_000 { return (.ok, .ok) }
    if fits == 0 && !data.isEmpty { return (status, .quotaExceeded) }
    return (count == fits ? status : .io, .ok)
  }

  private func truncate(
    _ files: MemoryFileSystem, _ model: Model, _ random: inout SeededRandom
  ) -> (NFSStatus, NFSStatus) {
    guard !model.files.isEmpty else { return (.ok, .ok) }
    let node = model.files[random.below(model.files.count)]
    let size = random.below(3) == 0 ? 0 : random.below(40_000)
    let (status, _) = outcome { () throws(NFSStatus) in try files.setSize(node.file, to: UInt64(size)) }
    if model.isReadOnly { return (status, .readOnlyFileSystem) }
    node.blocks = node.blocks.filter { $0 * BlockPool.blockBytes < size }
    if size < node.data.count {
      node.data.removeLast(node.data.count - size)
    } else {
      node.data += [UInt8](repeating: 0, count: size - node.data.count)
    }
    return (status, .ok)
  }

  /// Gives a file to another user, or changes its mode, as one of three users.
  private func setAttributes(
    _ files: MemoryFileSystem, _ model: Model, _ random: inout SeededRandom
  ) -> (NFSStatus, NFSStatus) {
    guard !model.files.isEmpty else { return (.ok, .ok) }
    let node = model.files[random.below(model.files.count)]
    let user = UInt32(random.below(3))
    let caller = Principal(flavor: 1, uid: user, gid: user, groups: UnsafeBufferPointer(start: nil, count: 0))
    var wanted = SettableAttributes()
    if random.below(2) == 0 {
      wanted.mask.insert(.owner)
      wanted.owner = UInt32(random.below(3))
    }
    if random.below(2) == 0 {
      wanted.mask.insert(.mode)
      wanted.mode = UInt32(random.below(0o1000))
    }
    var expected = NFSStatus.ok
    let isOwner = user == 0 || user == node.uid
    if model.isReadOnly {
      expected = .readOnlyFileSystem
    } else if wanted.mask.contains(.mode) && !isOwner {
      expected = .notOwner
    } else if wanted.mask.contains(.owner) && user != 0 && !(isOwner && wanted.owner == node.uid) {
      expected = .notOwner
    }
    let (status, _) = outcome { () throws(NFSStatus) in
      try files.checkMaySet(wanted, on: node.file, caller)
      try files.set(wanted, on: node.file, caller)
    }
    if expected == .ok {
      if let owner = wanted.owner { node.uid = owner }
      if wanted.mask.contains(.mode) { node.mode = wanted.mode }
    }
    return (status, expected)
  }

  private func openOrClose(
    _ files: MemoryFileSystem, _ model: Model, _ random: inout SeededRandom
  ) -> (NFSStatus, NFSStatus) {
    if random.below(2) == 0, !model.files.isEmpty {
      let node = model.files[random.below(model.files.count)]
      files.noteOpen(node.file)
      node.opens += 1
      model.open.append(node)
      return (.ok, .ok)
    }
    guard !model.open.isEmpty else { return (.ok, .ok) }
    let node = model.open.remove(at: random.below(model.open.count))
    node.opens -= 1
    let gone = node.opens == 0 && node.links == 0
    if gone { model.files.removeAll { $0 === node } }
    return (files.noteClose(node.file) == gone ? .ok : .io, .ok)
  }

  private func compare(_ files: MemoryFileSystem, _ model: Model, _ context: String) throws {
    try #require(files.fileCount == model.directories.count + model.files.count, "\(context)")
    for directory in model.directories {
      try #require(files.entryCount(of: directory.file) == directory.entries.count, "\(context)")
      try #require(listing(files, directory.file) == directory.order, "\(context)")
      let subdirectories = directory.entries.values.filter(\.isDirectory).count
      try #require(files.inodes[directory.file].linkCount == UInt32(2 + subdirectories), "\(context)")
      for (name, node) in directory.entries {
        try #require(withName(name) { files.lookup($0, in: directory.file) } == node.file, "\(context), \(name)")
      }
    }
    for node in model.files {
      try #require(files.inodes[node.file].size == UInt64(node.data.count), "\(context), file \(node.file)")
      try #require(files.inodes[node.file].linkCount == UInt32(node.links), "\(context), file \(node.file)")
      var data = [UInt8](repeating: 0xEE, count: node.data.count + 10)
      let count = data.withUnsafeMutableBytes { files.read(node.file, offset: 0, into: $0) }
      try #require(count == node.data.count, "\(context), file \(node.file)")
      try #require(Array(data.prefix(count)) == node.data, "\(context), file \(node.file)")
      try #require(files.inodes[node.file].uid == node.uid, "\(context), file \(node.file)")
      try #require(files.inodes[node.file].mode == node.mode, "\(context), file \(node.file)")
      try #require(files.inodes[node.file].blocksUsed == node.blocks.count, "\(context), file \(node.file)")
    }
    for node in model.files + model.directories {
      try #require(files.inodes[node.file].change >= node.change, "\(context), file \(node.file)")
      node.change = files.inodes[node.file].change
    }
    for user in 0..<3 as Range<UInt32> {
      try #require(files.quotas.used(by: user) == model.owned(by: user), "\(context), user \(user)")
    }
  }

  /// The names of a directory in the order of their cookies.
  private func listing(_ files: MemoryFileSystem, _ directory: Int) -> [String] {
    guard let table = files.inodes[directory].directory?.pointee else { return [] }
    return (0..<table.entryCount).map { table.entries[$0] }.filter { $0.file != 0 }
      .map { String(decoding: table.name(of: $0), as: UTF8.self) }
  }
}
