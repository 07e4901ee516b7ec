// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import RunStore
import Statistics
import Verdict

/// The text that `nfschurn run` prints at the end.
public struct RunText {
  private let record: RunRecord
  private let samples: [Sample]
  private let view: StatisticsView
  private let vmstat: (malloc: String, zones: String)

  /// Rows of the table of passes at most: first, last, and others spread between.
  private static let passRows = 12

  /// A report on one run.
  ///
  /// - Parameters:
  ///   - record: the run as a whole.
  ///   - samples: what was measured on the way.
  ///   - view: whose statistics stand where the map is explained.
  ///   - vmstat: the texts for the views that show them.
  public init(
    record: RunRecord, samples: [Sample], view: StatisticsView = .ledger, vmstat: (malloc: String, zones: String)
  ) {
    self.record = record
    self.samples = samples
    self.view = view
    self.vmstat = vmstat
  }

  /// The lines of the report.
  public func lines() -> [String] {
    var text = heading()
    text += ["", "Calls per pass, and the kernel map at the end of the pass"]
    text += passTable()
    text += [""] + explanation()
    text.append("")
    text += correlation()
    text.append("")
    text += ending()
    return text
  }

  private func heading() -> [String] {
    let kernel = record.kernel
    let totals = record.totals
    return [
      "\(record.workload.name): \(kernel.model) (\(kernel.arch)), kernel map \(Figures.bytes(kernel.mapBytes)), memory "
        + "\(Figures.bytes(kernel.memoryBytes)), \(kernel.cpus) CPU\(kernel.cpus == 1 ? "" : "s"), seed \(record.seed), "
        + "transport \(record.transport)",
      "\(Figures.grouped(totals.passes)) passes, \(Figures.grouped(totals.rpcs)) RPCs, "
        + "\(Figures.grouped(totals.mallocCalls)) malloc and \(Figures.grouped(totals.freeCalls)) free calls, "
        + "\(Figures.grouped(totals.zoneAllocs)) zone allocations and \(Figures.grouped(totals.zoneFrees)) frees",
      "\(Figures.duration(seconds: totals.virtualSeconds)) of virtual time in "
        + "\(Figures.duration(seconds: totals.wallSeconds)); digest \(record.digest)",
    ]
  }

  private func passTable() -> [String] {
    var table = TextTable(
      ["pass", "malloc", "free", "zone alloc", "state ops", "map used", "bytes", "largest free"], left: [])
    for index in shownSamples() {
      let sample = samples[index]
      let before = index > 0 ? samples[index - 1].clocks : ClockReadings()
      let passes = max(1, sample.clocks.passes - before.passes)
      func perPass(_ path: KeyPath<ClockReadings, UInt64>) -> String {
        Figures.grouped((sample.clocks[keyPath: path] - before[keyPath: path]) / passes)
      }
      table.add([
        Figures.grouped(sample.clocks.passes), perPass(\.mallocCalls), perPass(\.freeCalls), perPass(\.zoneAllocations),
        perPass(\.stateOperations), Figures.bytes(sample.map.usedBytes), Figures.grouped(sample.map.usedBytes),
        Figures.bytes(sample.map.largestFreeBytes),
      ])
    }
    return table.lines()
  }

  private func shownSamples() -> [Int] {
    guard samples.count > Self.passRows else { return Array(samples.indices) }
    let last = samples.count - 1
    var shown: [Int] = []
    for row in 0..<Self.passRows {
      let index = row * last / (Self.passRows - 1)
      if shown.last != index { shown.append(index) }
    }
    return shown
  }

  private func explanation() -> [String] {
    let used = "the map has \(Figures.grouped(record.map.usedBytes)) bytes in use"
    switch view {
    case .mti:
      return ["View mti: what the statistics by malloc type show; \(used)"] + StatisticsText.lines(vmstat.malloc)
    case .uma:
      return ["View uma: what vmstat -m and vmstat -z show; \(used)"] + StatisticsText.lines(vmstat.malloc) + [""]
        + StatisticsText.lines(vmstat.zones)
    case .ledger: return ["Ledger: every byte of the map in use at the end"] + ledgerTable()
    }
  }

  private func ledgerTable() -> [String] {
    var table = TextTable(["account", "bytes", "of the map"])
    let capacity = Double(max(record.kernel.mapBytes, 1))
    for account in record.ledger.accounts {
      table.add([
        account.name, Figures.grouped(account.bytes), Figures.fixed(Double(account.bytes) / capacity * 100, 2) + " %",
      ])
    }
    table.add([
      "sum", Figures.grouped(record.ledger.total),
      Figures.fixed(Double(record.ledger.total) / capacity * 100, 2) + " %",
    ])
    let agrees = record.ledger.total == record.map.usedBytes
    return table.lines()
      + [
        agrees
          ? "  The sum equals the used bytes of the map."
          : "  THE SUM DIFFERS from the used bytes of the map, \(Figures.grouped(record.map.usedBytes)): this is an error of nfschurn."
      ]
  }

  private func correlation() -> [String] {
    guard let table = CorrelationTable(samples: samples) else {
      return ["Correlation of map use with the clocks: fewer than three samples after the warm-up, so none."]
    }
    var rows = TextTable(["clock", "r", "map bytes per unit"])
    for row in table.rows {
      rows.add([
        row.clock.rawValue, row.correlation.map { Figures.fixed($0, 5) } ?? "undefined",
        row.slope.map(Figures.significant) ?? "undefined",
      ])
    }
    var text = [
      "Correlation of map use with each clock, passes \(Figures.grouped(table.firstPass)) to "
        + "\(Figures.grouped(table.lastPass)) (warm-up cut: the first tenth)"
    ]
    text += rows.lines()
    text.append("  Growth of the map over these passes: \(Figures.grouped(table.growthBytes)) bytes.")
    if let weakest = table.weakestClockAgreement {
      text.append(
        "  The clocks themselves correlate with r of at least \(Figures.fixed(weakest, 5)): in one workload calls, operations, passes "
          + "and seconds grow in step,")
      text.append("  so this run cannot tell which of them the map follows. Runs that pull the clocks apart can.")
    }
    return text
  }

  private func ending() -> [String] {
    guard let panic = record.panic else {
      return ["No panic. High water of the map: \(Figures.grouped(record.map.highWaterBytes)) bytes."]
    }
    let word = panic.outcome == "panic" ? "panic: " : "stuck for ever: "
    return [
      "\(word)\(panic.message)",
      "  in pass \(Figures.grouped(panic.pass)), after \(Figures.grouped(panic.call)) allocation calls and "
        + "\(Figures.duration(seconds: panic.virtualSeconds)) of virtual time; the request was for "
        + "\(Figures.grouped(panic.requestBytes)) bytes, the map holds \(Figures.grouped(record.kernel.mapBytes)).",
    ]
  }
}
