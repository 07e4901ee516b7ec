// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import Experiment
import Foundation
import Testing

/// A recording of one cache of 192-byte objects, 21 a slab, on two processors.
private func recording(
  before: String = "0 0 0 0", after: String = "0 0 0", shrunk: String = "0 0 0", _ events: [String]
) throws -> KmemTrace {
  try KmemTrace.parse(
    """
    \(KmemTrace.header)
    machine x86_64 4096 2
    lists shrunk
    cache 0 dentry 192 21 1 120 5 0
    before 0 \(before)
    after 0 \(after)
    shrunk 0 \(shrunk)
    g 0 GFP_KERNEL
    \(events.joined(separator: "\n"))
    mark after
    mark shrunk
    end 0 0 0

    """, file: "k.trace")
}

private func replay(_ trace: KmemTrace, seed: UInt64 = 1) throws -> KmemReplayOutcome {
  var replay = try KmemReplay(trace, file: "k.trace", seed: seed)
  return try replay.run()
}

@Suite("Replay of a Linux kernel's recording")
struct KmemReplayTests {
  private func fixture() throws -> KmemTrace {
    let url = try #require(
      Bundle.module.url(
        forResource: "kmem-6.18-x86_64-2cpu", withExtension: "trace", subdirectory: "Fixtures"))
    return try KmemTrace.load(url.path)
  }

  /// Of each cache, the slabs that processors allocate from are not known at the start (one a processor), nor where the
  /// objects lie that were freed without an event.
  @Test(
    "The model's growth is the kernel's, but for a slab a processor and for frees that no event told",
    arguments: [1, 2, 77] as [UInt64])
  func growth(seed: UInt64) throws {
    let trace = try fixture()
    let outcome = try replay(trace, seed: seed)
    #expect(trace.events.count > 15_000 && outcome.unplacedFrees == 0)
    #expect(outcome.caches.count >= 14)
    for cache in outcome.caches {
      #expect(cache.isLaidOutAlike, "\(cache.name)")
      #expect(cache.modelBefore == cache.slabsBefore, "\(cache.name)")
      if cache.hasSheaves { continue }
      let layout = try #require(trace.caches.first { $0.name == cache.name })
      let unseen = max(0, cache.lateFrees + cache.unseenFrees)
      let bound = trace.processors + (unseen + layout.objectsPerSlab - 1) / layout.objectsPerSlab
      #expect(abs(cache.error) <= bound, "seed \(seed): \(cache)")
    }
    let totals = outcome.totals
    #expect(totals.growth == 105)
    #expect(abs(totals.modelGrowth - totals.growth) <= 12, "seed \(seed): \(totals)")
    #expect(totals.absoluteError <= 16, "seed \(seed): \(totals)")
  }

  @Test(
    "Caches of files grow by the kernel's number of slabs exactly",
    arguments: [
      ("dentry", 49), ("ext4_inode_cache", 33), ("buffer_head", 14), ("extent_status", 9), ("lsm_inode_cache", 3),
      ("kmalloc-192", 2), ("bio-184", 1), ("kmalloc-64", 1),
    ])
  func exactGrowth(name: String, slabs: Int) throws {
    let cache = try #require(try replay(fixture()).caches.first { $0.name == name })
    #expect(cache.growth == slabs && cache.modelGrowth == slabs, "\(cache)")
    #expect(cache.modelShrunk == cache.slabsShrunk, "\(cache)")
  }

  /// Twenty slabs are filled, then emptied in the order of filling.
  ///
  /// The last is the processor's own. Each of the others comes to the processor's partial list at its first free. The
  /// list holds 12 (2 × 120 objects of 21): the thirteenth slab drives 12 empty ones to the node, which keeps five
  /// (min_partial). Left are 5, the 7 on the list, and the own one.
  @Test func emptySlabsStayAsFarAsMinPartialAndTheProcessorsListGo() throws {
    let objects = 1...420
    let events = objects.map { "a 1 0 0 \($0) 192 192 0" } + objects.map { "f 1 0 0 \($0)" }
    let cache = try #require(try replay(recording(after: "0 273 13", events)).caches.first)
    #expect(cache.modelAfter == 13 && cache.error == 0)
    #expect(cache.modelShrunk == 0 && cache.relativeError == 0)
  }

  @Test func theStartHasTheSlabsAndFreeObjectsOfSlabinfo() throws {
    // 100 slabs, 2000 of 2100 objects in use: 100 allocations fit into what is free, the next one needs a slab.
    let events = (1...101).map { "a 1 0 0 \($0) 192 192 0" }
    for (count, growth) in [(100, 0), (101, 1)] {
      let outcome = try replay(
        recording(before: "2000 2100 100 30", after: "2000 2100 100", Array(events.prefix(count))))
      let cache = try #require(outcome.caches.first)
      #expect(cache.modelBefore == 100 && cache.modelGrowth == growth)
      #expect(cache.unseenFrees == 2000 + count)
    }
  }

  @Test func aFreeOfAnOldObjectTakesOneAndCountsIt() throws {
    let frees = (1...22).map { "f 1 1 0 \($0)" }
    let outcome = try replay(recording(before: "21 21 1 0", after: "0 0 1", frees))
    let cache = try #require(outcome.caches.first)
    #expect(cache.oldFrees == 21 && cache.frees == 22 && outcome.unplacedFrees == 1)
    #expect(cache.unseenFrees == 0)
  }

  @Test func anAddressThatIsAllocatedAgainWasFreedUnseen() throws {
    let outcome = try replay(
      recording(shrunk: "1 21 1", ["a 1 0 0 1 192 192 0", "a 1 0 0 1 192 192 0", "a 1 0 0 1 192 192 0"]))
    let cache = try #require(outcome.caches.first)
    #expect(cache.lateFrees == 2 && cache.unseenFrees == 0 && cache.modelAfter == 1)
    #expect(cache.allocations == 3 && cache.frees == 0)
  }

  @Test func whatDoesNotFitIntoTheModelIsSaid() throws {
    let text = """
      \(KmemTrace.header)
      machine x86_64 4096 2
      cache 0 names_cache 4096 8 8 6 6 0
      before 0 320000 320000 40000 0
      after 0 320000 320000 40000
      shrunk 0 320000 320000 40000
      mark after
      mark shrunk
      end 0 0 0

      """
    let trace = try KmemTrace.parse(text, file: "k.trace")
    let error = #expect(throws: TraceError.self) { try replay(trace) }
    let problem = "the slabs need more than the 1004 MiB of the model: record with --caches"
    #expect(error?.description == "k.trace: \(problem)")
  }
}
