// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import ArgumentParser
import Experiment
import KernelMemory
import Report
import RunStore

/// `nfschurn replay`: a trace of allocation events on an allocator model.
struct ReplayCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "replay",
    abstract: "Plays a text trace of allocation events, or a recording of a Linux kernel, on an allocator model.",
    discussion: """
      The first line of a trace is '# nfschurn-trace 1'. Lines: t NS, c CPU, m|n ID SIZE TYPE (may wait, may not), f ID, z ID ZONE, x ID,
      o NAME, p (a checkpoint), r (reclaim).

      The first line of a recording, which scripts/record-kmem-trace makes, is '# nfschurn-kmem-trace 1'. It is played on linux-slub, on the
      machine that it names, and compared cache by cache with the kernel's own /proc/slabinfo over the same interval: slabs at the start, growth,
      growth of the model, error in slabs and in percent of the slabs at the end.

      EXAMPLE
        nfschurn replay events.trace --model freebsd-6 --map 48MiB --cpus 2
        nfschurn replay kmem.trace --json -
      """)

  @Argument(help: "Trace file.")
  var file: String

  @OptionGroup var kernel: KernelOptions

  @Option(help: "A zone to make where the model has none of that name: NAME=SIZE[,nofree]; repeatable.")
  var zone: [String] = []

  @Flag(help: "Print vmstat -m and vmstat -z of the modelled kernel at the end.")
  var vmstat = false

  @OptionGroup var common: CommonOptions

  func run() throws {
    let log = try common.logger("nfschurn.replay")
    let json = try common.json.map(JSONDestination.init)
    if KmemTrace.isRecording(file) { return try replayRecording(to: json) }
    var machine = Workload(name: file)
    try kernel.apply(to: &machine)
    guard let type = AllocatorRegistry.model(named: machine.model) else {
      let known = AllocatorRegistry.all.map { $0.identifier }.joined(separator: ", ")
      throw CommandFailure.badInput("--model '\(machine.model)': expected one of \(known)")
    }
    let outcome: ReplayOutcome
    do {
      let zones = try zone.map { text throws(CommandFailure) in
        guard let zone = TraceZone(text) else {
          throw .badInput("--zone '\(text)': expected NAME=SIZE[,nofree], SIZE in bytes")
        }
        return zone
      }
      let trace = try TextTrace.load(file)
      log.info("loaded", metadata: ["events": "\(trace.events.count)"])
      outcome = try TraceReplay(trace, file: file, configuration: configuration(machine), zones: zones).run(on: type)
    } catch let failure as CommandFailure {
      throw failure
    } catch {
      throw CommandFailure.badInput(error)
    }
    if json?.isStandardOutput != true { print(outcome, model: machine.model) }
    try json?.write(
      ReplayDocument(outcome, model: machine.model, arch: machine.architecture.rawValue, cpus: machine.cpus))
    if outcome.failure != nil { throw CommandFailure.silent(.panicked) }
  }

  /// Plays a recording of a Linux kernel, which names its machine itself.
  private func replayRecording(to json: JSONDestination?) throws(CommandFailure) {
    if let model = kernel.model, model != LinuxSLUB.identifier {
      throw .badInput("--model \(model): a recording of a Linux kernel is played on \(LinuxSLUB.identifier) alone")
    }
    let refused = [
      ("--arch", kernel.machine.arch), ("--map", kernel.machine.map), ("--memory", kernel.machine.memory),
      ("--cpus", kernel.machine.cpus),
      ("--zone", zone.first), ("--vmstat", vmstat ? "" : nil),
    ]
    for (option, value) in refused where value != nil {
      throw .badInput("\(option): not for a recording of a Linux kernel, which says what machine it is of")
    }
    let outcome: KmemReplayOutcome
    do throws(TraceError) {
      var replay = try KmemReplay(KmemTrace.load(file), file: file)
      outcome = try replay.run()
    } catch {
      throw .badInput(error)
    }
    if json?.isStandardOutput != true { KmemReplayText.print(outcome, file: file) }
    try json?.write(KmemReplayDocument(outcome))
  }

  private func configuration(_ machine: Workload) -> ModelConfiguration {
    var configuration = ModelConfiguration(physicalMemory: machine.memoryBytes)
    configuration.architecture = machine.architecture
    configuration.mapBytes = machine.mapBytes
    configuration.cpus = machine.cpus
    return configuration
  }

  private func print(_ outcome: ReplayOutcome, model: String) {
    let last = outcome.checkpoints.last
    Console.line("\(file): \(Figures.grouped(outcome.events)) events on \(model)")
    Console.line(
      "map \(Figures.grouped(outcome.mapBytes)) bytes, used \(Figures.grouped(last?.mapPagesUsed ?? 0)) pages, high water "
        + "\(Figures.grouped(outcome.highWaterBytes)) bytes, largest free \(Figures.grouped(last?.largestFreePages ?? 0)) pages, "
        + "\(Figures.grouped(outcome.noWaitFailures)) allocations that could not wait got nothing")
    for account in last?.ledger.accounts ?? [] { Console.line("  \(account.name) \(Figures.grouped(account.bytes))") }
    if let (failure, event) = outcome.failure {
      Console.line(
        "\(failure) (event \(Figures.grouped(event)), line \(Figures.grouped(TextTrace.line(ofEvent: event))))")
    } else {
      Console.line("no panic")
    }
    if vmstat { Console.output("\n\(outcome.vmstat.malloc)\n\(outcome.vmstat.zones)\n") }
  }
}

/// The document of `nfschurn replay --json`.
private struct ReplayDocument: Encodable {
  private struct Checkpoint: Encodable {
    let event: Int
    let mapPagesUsed: Int
    let largestFreePages: Int
    let zones: [String: ReplayCheckpoint.Zone]
    let ledger: LedgerReading

    enum CodingKeys: String, CodingKey {
      case event, zones, ledger
      case mapPagesUsed = "map_pages_used"
      case largestFreePages = "largest_free_pages"
    }
  }

  private struct Failure: Encodable {
    let panic: String?
    let stuck: String?
    let event: Int
    let line: Int
  }

  private struct Kernel: Encodable {
    let model: String
    let arch: String
    let mapBytes: Int
    let cpus: Int

    enum CodingKeys: String, CodingKey {
      case model, arch, cpus
      case mapBytes = "map_bytes"
    }
  }

  private let kernel: Kernel
  private let events: Int
  private let noWaitFailures: Int
  private let checkpoints: [Checkpoint]
  private let failure: Failure?

  enum CodingKeys: String, CodingKey {
    case schemaVersion = "schema_version"
    case command, kernel, events, checkpoints, outcome
    case noWaitFailures = "nowait_failures"
  }

  init(_ outcome: ReplayOutcome, model: String, arch: String, cpus: Int) {
    kernel = Kernel(model: model, arch: arch, mapBytes: outcome.mapBytes, cpus: cpus)
    events = outcome.events
    noWaitFailures = outcome.noWaitFailures
    checkpoints = outcome.checkpoints.map {
      Checkpoint(
        event: $0.event, mapPagesUsed: $0.mapPagesUsed, largestFreePages: $0.largestFreePages, zones: $0.zones,
        ledger: $0.ledger)
    }
    failure = outcome.failure.map { failure, event in
      let line = TextTrace.line(ofEvent: event)
      switch failure {
      case .panic(let message, _): return Failure(panic: message, stuck: nil, event: event, line: line)
      case .stuck(let reason, _): return Failure(panic: nil, stuck: reason, event: event, line: line)
      }
    }
  }

  func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(1, forKey: .schemaVersion)
    try container.encode("replay", forKey: .command)
    try container.encode(kernel, forKey: .kernel)
    try container.encode(events, forKey: .events)
    try container.encode(noWaitFailures, forKey: .noWaitFailures)
    try container.encode(checkpoints, forKey: .checkpoints)
    if let failure {
      try container.encode(failure, forKey: .outcome)
    } else {
      try container.encode("ok", forKey: .outcome)
    }
  }
}
