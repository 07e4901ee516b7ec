// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import Glibc
import NFS4

/// Where a path leads, up to its last component.
struct PathEnd {
  enum Kind {
    case name
    case dot
    case dotDot
  }
  /// The directory that the last component is looked up in; its search permission has been checked.
  var directory: Int
  var kind: Kind
  /// The last component of kind `.name`.
  var name: UnsafeRawBufferPointer
  /// A slash stands behind it: it must be a directory.
  var trailingSlash = false
}

extension NFSClient {
  /// Symbolic links that one path may lead through (Linux MAXSYMLINKS).
  static let linkLimit = 40

  private var start: Int { workingDirectory >= 0 ? workingDirectory : root }

  /// Walks to the directory of the last component (link_path_walk()).
  func walk(
    _ path: UnsafeRawBufferPointer, from base: Int? = nil, depth: Int = 0
  ) throws(NFSClientFailure) -> PathEnd {
    guard !path.isEmpty else { throw .local(.noEntry) }
    guard path.count < Int(PATH_MAX) else { throw .local(.nameTooLong) }
    var directory = path[0] == 47 ? root : base ?? start
    var position = 0
    while position < path.count && path[position] == 47 { position &+= 1 }
    // A path of slashes only is the root itself.
    if position == path.count {
      return PathEnd(directory: directory, kind: .dot, name: UnsafeRawBufferPointer(start: nil, count: 0))
    }
    while true {
      try checkAccess(directory, NFSAccess.lookup)
      var end = position
      while end < path.count && path[end] != 47 { end &+= 1 }
      let name = UnsafeRawBufferPointer(rebasing: path[position..<end])
      position = end
      while position < path.count && path[position] == 47 { position &+= 1 }
      let kind = kind(of: name)
      if position == path.count {
        return PathEnd(directory: directory, kind: kind, name: name, trailingSlash: end < path.count)
      }
      directory = try step(directory, kind, name, depth: depth)
      guard nodes[directory].isDirectory else { throw .local(.notDirectory) }
    }
  }

  private func kind(of name: UnsafeRawBufferPointer) -> PathEnd.Kind {
    if name.count == 1 && name[0] == 46 { return .dot }
    if name.count == 2 && name[0] == 46 && name[1] == 46 { return .dotDot }
    return .name
  }

  /// One component that is not the last.
  private func step(
    _ directory: Int, _ kind: PathEnd.Kind, _ name: UnsafeRawBufferPointer, depth: Int
  ) throws(NFSClientFailure) -> Int {
    switch kind {
    case .dot: return directory
    case .dotDot: return parent(of: directory)
    case .name:
      let index = try lookupExisting(directory, name, [])
      return nodes[index].isSymbolicLink ? try follow(index, from: directory, [], depth: depth) : index
    }
  }

  private func parent(of directory: Int) -> Int {
    directory == root || nodes[directory].parent < 0 ? root : Int(nodes[directory].parent)
  }

  /// The node that a path leads to, for an intent; a symbolic link at the end is followed or is the result itself.
  func resolve(
    _ path: UnsafeRawBufferPointer, _ intent: LookupIntent = [], follow followsLast: Bool = true, from base: Int? = nil,
    depth: Int = 0
  ) throws(NFSClientFailure) -> Int {
    let end = try walk(path, from: base, depth: depth)
    var index: Int
    switch end.kind {
    case .dot: index = end.directory
    case .dotDot: index = parent(of: end.directory)
    case .name:
      index = try lookupExisting(end.directory, end.name, intent)
      if nodes[index].isSymbolicLink && (followsLast || end.trailingSlash) {
        index = try follow(index, from: end.directory, intent, depth: depth)
      }
    }
    nodes[index].lastCall = callNumber
    if end.kind != .name && isLinux && intent.contains(.open) {
      // nfs_weak_revalidate(): opening a directory by "." or ".." asks the server, too.
      try rpcGetAttributes(index)
    }
    if (end.trailingSlash || intent.contains(.directory)) && !nodes[index].isDirectory {
      throw .local(.notDirectory)
    }
    return index
  }

  /// Where a symbolic link leads.
  ///
  /// Not a hot path.
  func follow(
    _ link: Int, from directory: Int, _ intent: LookupIntent, depth: Int
  ) throws(NFSClientFailure) -> Int {
    guard depth < Self.linkLimit else { throw .local(.tooManyLinks) }
    let text = UnsafeMutableRawBufferPointer.allocate(byteCount: Int(PATH_MAX), alignment: 8)
    defer { text.deallocate() }
    let length = try readLink(link, into: text)
    return try resolve(
      UnsafeRawBufferPointer(rebasing: text[0..<length]), intent, from: directory, depth: depth + 1)
  }

  /// The end of a path whose last component is to be made, removed or renamed.
  func walkToName(_ path: UnsafeRawBufferPointer, special: SystemCallError) throws(NFSClientFailure) -> PathEnd {
    let end = try walk(path)
    guard end.kind == .name else { throw .local(special) }
    return end
  }
}
