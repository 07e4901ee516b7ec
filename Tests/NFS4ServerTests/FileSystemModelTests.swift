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
    var data: [UInt8] = []
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

    init() {
      root.file = MemoryFileSystem.root
      directories = [root]
    }
  }

  private let principal = Principal(flavor: 1, uid: 0, gid: 0, groups: UnsafeBufferPointer(start: nil, count: 0))

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
    let files = MemoryFileSystem(spaceLimit: 8 << 20, fileLimit: 400, maximumFileSize: 1 << 20)
    let model = Model()
    for step in 0..<20_000 {
      let operation = random.below(10)
      let found: (NFSStatus, NFSStatus)
      switch operation {
      case 0, 1: found = create(files, model, &random, isDirectory: random.below(4) == 0)
      case 2: found = remove(files, model, &random)
      case 3: found = rename(files, model, &random)
      case 4: found = link(files, model, &random)
      case 5, 6: found = write(files, model, &random)
      case 7: found = truncate(files, model, &random)
      case 8: found = openOrClose(files, model, &random)
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
    let expected: NFSStatus = files.hasFreeInode ? .ok : .noSpace
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
    let (status, removed) = withName(name) { bytes in
      outcome { () throws(NFSStatus) in try files.remove(bytes, from: parent.file, principal: principal) }
    }
    if expected == .ok, let node = parent.entries.removeValue(forKey: name) {
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
    let (status, _) = withName(old) { from in
      withName(new) { to in
        outcome { () throws(NFSStatus) in
          try files.rename(from, in: source.file, to: to, in: target.file, principal: principal)
        }
      }
    }
    if expected == .ok, !isNothing, let node = source.entries.removeValue(forKey: old) {
      if let replaced = target.entries[new] { drop(replaced, model) }
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
    if node.isDirectory {
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
    let (status, written) = data.withUnsafeBytes { bytes in
      outcome { () throws(NFSStatus) in try files.write(node.file, offset: UInt64(offset), from: bytes) }
    }
    let count = written ?? 0
    if count > 0 {
      if node.data.count < offset + count {
        node.data += [UInt8](repeating: 0, count: offset + count - node.data.count)
      }
      node.data.replaceSubrange(offset..<(offset + count), with: data.prefix(count))
    }
    return (status == .noSpace && files.pool.available < 100_000 ? .ok : status, .ok)
  }

  private func truncate(
    _ files: MemoryFileSystem, _ model: Model, _ random: inout SeededRandom
  ) -> (NFSStatus, NFSStatus) {
    guard !model.files.isEmpty else { return (.ok, .ok) }
    let node = model.files[random.below(model.files.count)]
    let size = random.below(3) == 0 ? 0 : random.below(40_000)
    let (status, _) = outcome { () throws(NFSStatus) in try files.setSize(node.file, to: UInt64(size)) }
    if size < node.data.count {
      node.data.removeLast(node.data.count - size)
    } else {
      node.data += [UInt8](repeating: 0, count: size - node.data.count)
    }
    return (status, .ok)
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
    }
  }
}
