// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import Experiment
import Report

/// What `nfschurn replay` prints for a recording of a Linux kernel.
enum KmemReplayText {
  static func print(_ outcome: KmemReplayOutcome, file: String) {
    let trace = outcome.trace
    Console.line(
      "\(file): \(Figures.grouped(trace.events.count)) events of Linux \(trace.kernelRelease), \(trace.processors) processors, "
        + "\(Figures.duration(seconds: Double(trace.microseconds) / 1e6)), on linux-slub; load: \(trace.load)")
    var table = TextTable(
      [
        "cache", "allocs", "frees", "of old", "unseen", "slabs", "grew", "model grew", "error", "of slabs", "shrunk",
        "model shrunk", "",
      ], left: [0, 12])
    var still = 0
    for cache in outcome.caches {
      guard cache.growth != 0 || cache.modelGrowth != 0 else {
        still += 1
        continue
      }
      table.add([
        cache.name, Figures.grouped(cache.allocations), Figures.grouped(cache.frees), Figures.grouped(cache.oldFrees),
        Figures.grouped(cache.lateFrees + cache.unseenFrees), Figures.grouped(cache.slabsBefore),
        signed(cache.growth), signed(cache.modelGrowth), signed(cache.error),
        cache.relativeError.map { Figures.fixed($0 * 100, 1) + " %" } ?? "-", Figures.grouped(cache.slabsShrunk),
        Figures.grouped(cache.modelShrunk), note(cache),
      ])
    }
    for line in table.lines() { Console.line(line) }
    Console.line("\(still) more caches with events grew on neither side")
    Console.line("without sheaves: \(sentence(outcome.totals))")
    if outcome.sheafTotals.caches > 0 {
      Console.line("with sheaves, which the model does not have: \(sentence(outcome.sheafTotals))")
    }
    Console.line(
      "not known: the slab of an object older than the recording (a random one is taken); the cache of "
        + "\(Figures.grouped(trace.unknownFrees)) kfree of objects whose allocation is not in the file (not played)"
        + (trace.startsShrunk ? "" : "; what processors held free at the start (counted as in use)"))
    Console.line(
      "not played: \(Figures.grouped(trace.largeAllocations)) kmalloc above 8192 bytes, "
        + "\(Figures.grouped(trace.unlistedAllocations)) allocations of caches that slabinfo does not list, "
        + "\(Figures.grouped(outcome.unplacedFrees)) frees of which the model has no object")
  }

  private static func note(_ cache: KmemReplayOutcome.Cache) -> String {
    [cache.hasSheaves ? "sheaves" : nil, cache.isLaidOutAlike ? nil : "other layout"].compactMap(\.self)
      .joined(separator: ", ")
  }

  private static func signed(_ value: Int) -> String {
    value > 0 ? "+\(Figures.grouped(value))" : Figures.grouped(value)
  }

  private static func sentence(_ totals: KmemReplayOutcome.Totals) -> String {
    "\(totals.caches) caches of \(Figures.grouped(totals.slabsBefore)) slabs grew by \(signed(totals.growth)) slabs "
      + "(\(signed(totals.pageGrowth)) pages), the model by \(signed(totals.modelGrowth)) (\(signed(totals.modelPageGrowth)) pages); "
      + "errors of the caches add up to \(Figures.grouped(totals.absoluteError)) slabs of \(Figures.grouped(totals.slabsAfter))"
  }
}

/// The document of `nfschurn replay --json` for a recording of a Linux kernel.
struct KmemReplayDocument: Encodable {
  private struct Kernel: Encodable {
    let model = "linux-slub"
    let arch = "amd64"
    let cpus: Int
    let recorded: String
  }

  private struct Cache: Encodable {
    let name: String
    let sheaves: Bool
    let sameLayout: Bool
    let allocations: Int
    let frees: Int
    let oldFrees: Int
    let unseenFrees: Int
    let slabsBefore: Int
    let slabsAfter: Int
    let slabsShrunk: Int
    let modelBefore: Int
    let modelAfter: Int
    let modelShrunk: Int
    let growth: Int
    let modelGrowth: Int
    let error: Int
    let relativeError: Double?

    enum CodingKeys: String, CodingKey {
      case name, sheaves, allocations, frees, growth, error
      case sameLayout = "same_layout"
      case oldFrees = "old_frees"
      case unseenFrees = "unseen_frees"
      case slabsBefore = "slabs_before"
      case slabsAfter = "slabs_after"
      case slabsShrunk = "slabs_shrunk"
      case modelBefore = "model_before"
      case modelAfter = "model_after"
      case modelShrunk = "model_shrunk"
      case modelGrowth = "model_growth"
      case relativeError = "relative_error"
    }

    init(_ cache: KmemReplayOutcome.Cache) {
      name = cache.name
      sheaves = cache.hasSheaves
      sameLayout = cache.isLaidOutAlike
      allocations = cache.allocations
      frees = cache.frees
      oldFrees = cache.oldFrees
      unseenFrees = cache.lateFrees + cache.unseenFrees
      slabsBefore = cache.slabsBefore
      slabsAfter = cache.slabsAfter
      slabsShrunk = cache.slabsShrunk
      modelBefore = cache.modelBefore
      modelAfter = cache.modelAfter
      modelShrunk = cache.modelShrunk
      growth = cache.growth
      modelGrowth = cache.modelGrowth
      error = cache.error
      relativeError = cache.relativeError
    }
  }

  private struct Totals: Encodable {
    let caches: Int
    let slabsBefore: Int
    let slabsAfter: Int
    let growth: Int
    let modelGrowth: Int
    let absoluteError: Int
    let pageGrowth: Int
    let modelPageGrowth: Int

    enum CodingKeys: String, CodingKey {
      case caches, growth
      case slabsBefore = "slabs_before"
      case slabsAfter = "slabs_after"
      case modelGrowth = "model_growth"
      case absoluteError = "absolute_error"
      case pageGrowth = "page_growth"
      case modelPageGrowth = "model_page_growth"
    }

    init(_ totals: KmemReplayOutcome.Totals) {
      caches = totals.caches
      slabsBefore = totals.slabsBefore
      slabsAfter = totals.slabsAfter
      growth = totals.growth
      modelGrowth = totals.modelGrowth
      absoluteError = totals.absoluteError
      pageGrowth = totals.pageGrowth
      modelPageGrowth = totals.modelPageGrowth
    }
  }

  private let schemaVersion = 1
  private let command = "replay"
  private let kernel: Kernel
  private let events: Int
  private let caches: [Cache]
  private let totals: Totals
  private let sheafTotals: Totals
  private let unknownFrees: Int
  private let largeAllocations: Int
  private let unlistedAllocations: Int
  private let unplacedFrees: Int
  private let outcome = "ok"

  enum CodingKeys: String, CodingKey {
    case schemaVersion = "schema_version"
    case command, kernel, events, caches, totals, outcome
    case sheafTotals = "sheaf_totals"
    case unknownFrees = "unknown_frees"
    case largeAllocations = "large_allocations"
    case unlistedAllocations = "unlisted_allocations"
    case unplacedFrees = "unplaced_frees"
  }

  init(_ outcome: KmemReplayOutcome) {
    kernel = Kernel(cpus: outcome.trace.processors, recorded: outcome.trace.kernelRelease)
    events = outcome.trace.events.count
    caches = outcome.caches.map(Cache.init)
    totals = Totals(outcome.totals)
    sheafTotals = Totals(outcome.sheafTotals)
    unknownFrees = outcome.trace.unknownFrees
    largeAllocations = outcome.trace.largeAllocations
    unlistedAllocations = outcome.trace.unlistedAllocations
    unplacedFrees = outcome.unplacedFrees
  }
}
