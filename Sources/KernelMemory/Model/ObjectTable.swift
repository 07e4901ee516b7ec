// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

/// What the length of a name does to its entry in the name cache.
enum NameRule: Sendable {
  /// Nothing: entries are of one size, or the zone holds the longest name.
  case anyLength
  /// A longer name, in bytes, is not entered, so that nothing is allocated for it.
  case atMost(Int)
  /// The entry is a malloc whose size grows by the bytes of the name, 255 at most (NAME_MAX).
  case addsLength
}

/// Where a model takes each kernel object from, and which of its zones answers to a canonical zone name.
///
/// A model fills the table at boot, where it creates its zones and types. What it does not name is embedded in another
/// object. A zone that serves an object answers to the object's canonical names.
struct ObjectTable: Sendable {
  private var sources = [ObjectSource](repeating: .embedded, count: KernelObject.allCases.count)
  private var zones: [String: ZoneID] = [:]
  private let names: NameRule

  /// A table in which every object is embedded.
  init(names: NameRule = .anyLength) { self.names = names }

  /// Items of this zone are `object`.
  mutating func serve(_ object: KernelObject, zone index: Int) {
    sources[object.rawValue] = .zone(ZoneID(index: index))
    trace(object, zone: index)
  }

  /// `object` is a malloc of this type; `size` in bytes, without the name for an entry that adds its length.
  mutating func serve(_ object: KernelObject, type: MallocType, size: Int) {
    sources[object.rawValue] = .malloc(type, size: size)
  }

  /// Traces that name the zone of `object` use this one, whatever serves the object itself.
  mutating func trace(_ object: KernelObject, zone index: Int) {
    for name in canonicalNames(object) { zones[name] = ZoneID(index: index) }
  }

  /// The zone that serves a canonical zone name, nil where none does.
  func zone(named canonical: String) -> ZoneID? { zones[canonical] }

  /// Where an object comes from; `nameLength` in bytes matters for name-cache entries alone.
  func source(of object: KernelObject, nameLength: Int) -> ObjectSource {
    let source = sources[object.rawValue]
    guard object == .nameCacheEntry else { return source }
    switch (names, source) {
    case (.atMost(let longest), _) where nameLength > longest: return .embedded
    case (.addsLength, .malloc(let type, let size)): return .malloc(type, size: size + min(max(nameLength, 0), 255))
    default: return source
    }
  }

  /// The zones of FreeBSD 5 and 6 that hold such objects; none for a credential, which is a malloc there.
  private func canonicalNames(_ object: KernelObject) -> [String] {
    switch object {
    case .vnode: ["VNODE"]
    case .vmObject: ["VM OBJECT"]
    case .inode: ["FFS inode"]
    case .dinode: ["FFS1 dinode", "FFS2 dinode"]
    case .nameCacheEntry:
      // L VFS Cache is for names that a cache with a limit does not enter.
      if case .atMost = names { ["S VFS Cache"] } else { ["S VFS Cache", "L VFS Cache"] }
    case .pathBuffer: ["NAMEI"]
    case .mbuf: ["mbuf"]
    case .mbufCluster: ["mbuf_cluster"]
    case .socket: ["socket"]
    case .inpcb: ["inpcb"]
    case .tcpcb: ["tcpcb"]
    case .credential: []
    case .file: ["Files"]
    case .mapEntry: ["MAP ENTRY"]
    }
  }
}
