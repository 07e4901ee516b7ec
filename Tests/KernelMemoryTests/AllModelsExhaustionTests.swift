// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import Testing

@testable import KernelMemory

/// What the end of memory is on every model, for callers that may wait and for those that may not (reference page
/// "kernel-allocators", chapter 17).
@Suite("All models, exhaustion")
struct AllModelsExhaustionTests {
  /// How the caller that waits ends; ``Shortage/Reached/fill(_:)`` puts numbers for names in braces.
  enum End: Sendable {
    case panic(String)
    case stuck(String)
    /// Requests go on to be served: why.
    case served(String)
    /// There is no such limit, so that the map ends it.
    case asTheMap(String)
  }

  struct Answers: Sendable {
    /// Bytes of a request.
    var size = Shortage.size
    var map: End
    var pages: End
    var type: End = .asTheMap("types have no limits")
    /// Virtual time slept before the end on a full map, and on a shortage of pages.
    var slept: UInt64 = 0
    var sleptForPages: UInt64 = 0
    /// Events vm_lowmem before the end on a full map; nil where the reclaim worker raises it in its own time.
    var lowMemoryEvents: Int? = 0
  }

  private static let vmwait = End.stuck("vmwait: physical pages are short and none is freed")
  private static let tooSmall = End.panic("kmem_malloc(40960): kmem_map too small: {used} total allocated")
  private static let outOfSpace = End.panic("malloc: out of space in kmem_map")
  private static let uvmWait = End.stuck("km_getwait2: physical pages are short and none is freed")
  private static func asleep(_ limit: Int) -> End {
    .stuck("sleeps on \"type 0\": malloc type \"type 0\" holds {type} bytes, limit \(limit)")
  }

  /// The answers for a map of 8 MiB.
  private static func answers(_ kernel: ModelCase) -> Answers? {
    switch kernel.type.identifier {
    case "freebsd-4": Answers(map: tooSmall, pages: vmwait, type: asleep(4_194_304))
    case "freebsd-5.4", "freebsd-6": Answers(map: tooSmall, pages: vmwait)
    case "freebsd-7": Answers(map: tooSmall, pages: vmwait, lowMemoryEvents: 1)
    case "freebsd-9": Answers(map: tooSmall, pages: vmwait, slept: 9_000_000_000, lowMemoryEvents: 8)
    case "freebsd-11":
      // kmem_zmax: the request is an item of zone 65536.
      Answers(
        map: .stuck("kmem arena: no 65536 bytes after the reclaim worker ran"), pages: vmwait, lowMemoryEvents: nil)
    case "freebsd-14":
      Answers(map: .served("uma_kmem_limit is a soft limit"), pages: vmwait, lowMemoryEvents: nil)
    case "openbsd-3.9", "netbsd": Answers(map: outOfSpace, pages: uvmWait, type: asleep(5_033_164))
    case "illumos":
      Answers(
        map: .stuck("sleeps in vmem_xalloc on heap: {used} of {capacity} bytes in use and none is freed"),
        pages: .stuck("sleeps in page_create_wait: physical pages are short and none is freed"),
        type: .asTheMap("kmem_alloc() has no types"), slept: 45_000_000_000, sleptForPages: 45_000_000_000)
    case "linux-slub":
      // Pages and map are the same: the linear map is physical memory.
      Answers(
        size: 4000, map: .panic("System is deadlocked on memory"), pages: .panic("System is deadlocked on memory"),
        type: .asTheMap("kmalloc() has no types"))
    case "dragonfly":
      Answers(
        map: .panic("kmem_slab_alloc(): kernel_map ran out of space!"), pages: vmwait,
        type: .panic("type 0: malloc limit exceeded"))
    case "xnu":
      // Larger requests lie in kalloc_map and kernel_map.
      Answers(
        size: 4000,
        map: .panic(
          "zalloc: zone map exhausted while allocating from zone kalloc.4096, likely due to memory leak in zone"
            + " kalloc.4096 ({allocated} total bytes, {elements} elements allocated)"),
        pages: .stuck("VM_PAGE_WAIT: physical pages are short and none is freed"))
    default: nil
    }
  }

  @Test("A caller that may wait ends as that kernel says", arguments: ModelCase.uniprocessors)
  func waiting(kernel: ModelCase) throws {
    let answers = try #require(Self.answers(kernel), "no table for \(kernel.testDescription)")
    for shortage in Shortage.allCases {
      let reached = try shortage.reach(kernel, .wait, size: answers.size)
      let model = reached.model
      let place = "\(kernel.testDescription), \(shortage)"
      var expected = shortage == .map ? answers.map : shortage == .pages ? answers.pages : answers.type
      if case .asTheMap = expected { expected = answers.map }
      switch (expected, model.failure) {
      case (.panic(let words), .panic(let given, _)), (.stuck(let words), .stuck(let given, _)):
        #expect(given == reached.fill(words), "\(place)")
      case (.served(let reason), nil):
        #expect(reached.nulls == 0 && model.mapUsedBytes > reached.mapBytes, "\(place): \(reason)")
      default: Issue.record("\(place): \(String(describing: model.failure)), expected \(expected)")
      }
      let endsOnMap = if case .asTheMap = answers.type { shortage != .pages } else { shortage == .map }
      let slept = endsOnMap ? answers.slept : shortage == .pages ? answers.sleptForPages : 0
      #expect(model.sleptNanoseconds == slept, "\(place)")
      if let events = answers.lowMemoryEvents {
        #expect(reached.lowMemoryEvents == (endsOnMap ? events : 0), "\(place)")
      }
      try model.checkInvariants()
    }
  }

  @Test("A caller that may not wait gets null, and the kernel lives", arguments: ModelCase.uniprocessors)
  func notWaiting(kernel: ModelCase) throws {
    let answers = try #require(Self.answers(kernel), "no table for \(kernel.testDescription)")
    for shortage in Shortage.allCases {
      let reached = try shortage.reach(kernel, .noWait, size: answers.size)
      let place = "\(kernel.testDescription), \(shortage)"
      #expect(reached.model.failure == nil && reached.model.sleptNanoseconds == 0, "\(place)")
      if case .served = answers.map, shortage != .pages {
        #expect(reached.nulls == 0, "\(place)")
      } else {
        #expect(reached.nulls == 3, "\(place)")
      }
      // The worker of FreeBSD 11 and 14 is woken by such a caller, too, and runs for others.
      if answers.lowMemoryEvents != nil {
        #expect(reached.lowMemoryEvents == 0, "\(place): nothing is reclaimed for a caller that does not wait")
      }
      try reached.model.checkInvariants()
    }
  }

  @Test("After a free there is room again for callers that may not wait", arguments: ModelCase.uniprocessors)
  func aFreeMakesRoom(kernel: ModelCase) throws {
    let answers = try #require(Self.answers(kernel), "no table for \(kernel.testDescription)")
    for shortage in Shortage.allCases {
      let reached = try shortage.reach(kernel, .noWait, size: answers.size)
      let (address, type) = try #require(reached.held.last)
      reached.model.free(address, type)
      #expect(reached.model.malloc(answers.size, type, .noWait) != .null, "\(kernel.testDescription), \(shortage)")
    }
  }
}
