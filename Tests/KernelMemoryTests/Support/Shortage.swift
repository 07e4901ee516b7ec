// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

@testable import KernelMemory

/// A way in which memory ends under requests of one size, all of which are held.
enum Shortage: String, CaseIterable, Sendable {
  /// The map has no room.
  case map
  /// Physical pages are short before the map.
  case pages
  /// One malloc type takes everything.
  case type

  /// Bytes of a request: above every size class but those of FreeBSD 11 and later.
  static let size = 40_960
  private static let mapPages = 2048

  /// Where it came to.
  struct Reached {
    let model: any AllocatorModel
    let size: Int
    var held: [(KernelAddress, MallocType)] = []
    var nulls = 0
    var lowMemoryEvents = 0
    var mapBytes: Int { Shortage.mapPages * kernelPageSize }

    /// Puts the model's numbers into words.
    func fill(_ words: String) -> String {
      let zone = model.zoneStatistics().first { $0.name.hasPrefix("kalloc.4096") }
      let numbers = [
        ("{used}", model.mapUsedBytes), ("{capacity}", model.mapCapacityBytes),
        ("{type}", Int(model.mallocTypeStatistics().first { $0.name == "type 0" }?.bytes ?? 0)),
        ("{allocated}", zone.map { ($0.used + $0.free) * $0.size } ?? 0), ("{elements}", zone?.used ?? 0),
      ]
      return numbers.reduce(words) { text, number in
        text.split(separator: number.0, omittingEmptySubsequences: false).joined(separator: "\(number.1)")
      }
    }
  }

  /// Allocates until the kernel ends, three requests have got nothing, or twice the map is held.
  func reach(_ kernel: ModelCase, _ wait: WaitPolicy, size: Int) throws -> Reached {
    let physical = self == .pages ? PhysicalPages(totalPages: 1200) : nil
    let model = try kernel.boot(pages: Self.mapPages, physical: physical)
    // Of many types none meets its limit.
    let types = (0..<(self == .type ? 1 : 32)).map { model.mallocType(named: "type \($0)") }
    var reached = Reached(model: model, size: size)
    var events = 0
    model.lowMemoryHandler = { events += 1 }
    while model.failure == nil, reached.nulls < 3, reached.held.count * size < 2 * reached.mapBytes {
      let type = types[reached.held.count % types.count]
      let address = model.malloc(size, type, wait)
      if address == .null { reached.nulls += 1 } else { reached.held.append((address, type)) }
    }
    model.lowMemoryHandler = nil
    reached.lowMemoryEvents = events
    return reached
  }
}
