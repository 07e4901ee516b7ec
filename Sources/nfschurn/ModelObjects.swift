// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import KernelMemory

/// Where a booted model takes the kernel's objects from, and how large they are there: read from the model itself.
struct ModelObjects: Encodable {
  /// One object on one architecture.
  struct Source: Encodable {
    let object: String
    /// `zone`, `malloc` or `embedded`.
    let from: String
    /// Name of the zone, pool, cache or malloc type.
    let name: String?
    /// Bytes of an item or request; a name-cache entry is one for a name of ``ModelObjects/nameLength`` bytes.
    let bytes: Int?
  }

  /// The machine and what the model makes of it.
  let arch: String
  let memoryBytes: Int
  let mapBytes: Int
  let desiredVnodes: Int
  let objects: [Source]

  enum CodingKeys: String, CodingKey {
    case arch, objects
    case memoryBytes = "memory_bytes"
    case mapBytes = "map_bytes"
    case desiredVnodes = "desired_vnodes"
  }

  /// The machine of a workload that says nothing.
  static let memory = 512 << 20
  /// A name of the Connectathon tests has about this length, bytes.
  static let nameLength = 12

  /// Boots a model on the default machine; nil where it refuses.
  init?(_ type: any AllocatorModel.Type, _ architecture: Architecture) {
    var machine = ModelConfiguration(physicalMemory: Self.memory)
    machine.architecture = architecture
    guard let model = try? type.init(machine) else { return nil }
    arch = architecture.rawValue
    memoryBytes = Self.memory
    mapBytes = model.mapCapacityBytes
    desiredVnodes = model.desiredVnodes
    // Asked for first: a model may register a malloc type where an object comes from it.
    let sources = KernelObject.allCases.map { ($0, model.source(of: $0, nameLength: Self.nameLength)) }
    let zones = model.zoneStatistics()
    let types = model.mallocTypeStatistics()
    objects = sources.map { object, source in
      switch source {
      case .zone(let zone):
        Source(object: "\(object)", from: "zone", name: zones[zone.index].name, bytes: zones[zone.index].size)
      case .malloc(let type, let size):
        Source(object: "\(object)", from: "malloc", name: types[type.index].name, bytes: size)
      case .embedded: Source(object: "\(object)", from: "embedded", name: nil, bytes: nil)
      }
    }
  }
}
