// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import Foundation
import Testing

@testable import KernelMemory

/// Seeded random events on every model of the registry, on every architecture it has.
@Suite("All models, random events")
struct AllModelsPropertyTests {
  /// Events for one model in each mode: the nightly set is scripts/test --nightly, or NFSCHURN_NIGHTLY=1.
  static let eventsPerModel = isNightly ? 1_000_000 : 50_000
  private static let isNightly = ProcessInfo.processInfo.environment["NFSCHURN_NIGHTLY"] == "1"

  @Test(
    "Accounts, invariants and addresses agree, and checked mode decides as the unchecked one", arguments: ModelCase.all)
  func accountsAgreeInBothModes(kernel: ModelCase) throws {
    let events = Self.eventsPerModel / ModelCase.count(of: kernel.type)
    let bytes = ModelBytes()
    var done = 0
    var boots = 0
    var failures = 0
    var nulls = 0
    while done < events {
      let seed = UInt64(boots + 1)
      let plan = ModelTrace.Plan.all[boots % ModelTrace.Plan.all.count]
      // A kernel that lives for long must not keep the other plans from their turn.
      let limit = min(events - done, max(events / (2 * ModelTrace.Plan.all.count), 3000))
      var plain = try ModelTrace(kernel, plan, seed: seed, checked: nil)
      try plain.run(events: limit, full: boots > 0 ? 0 : kernel.cpus == 2 && kernel.architecture == .i386 ? 2000 : 200)
      var checked = try ModelTrace(kernel, plan, seed: seed, checked: bytes)
      try checked.run(events: limit, full: 0, every: 512)
      #expect(plain.outcome == checked.outcome, "\(kernel.testDescription), \(plan), seed \(seed)")
      done += max(plain.outcome.events, 1)
      boots += 1
      nulls += plain.outcome.nulls
      if plain.outcome.failure != nil { failures += 1 }
    }
    // Otherwise the maps were never full, and the loads above have to be changed.
    #expect(nulls > 0, "\(kernel.testDescription): no request was refused")
    #expect(boots >= 4, "\(kernel.testDescription)")
    if Self.isNightly {
      print(
        "\(kernel.testDescription): \(done) events in each mode, \(boots) boots, \(failures) ended, \(nulls) refusals")
    }
  }
}
