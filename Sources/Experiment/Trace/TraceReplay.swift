// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import KernelMemory
import RunStore

/// A zone that a replay makes where the model has none of that name: `--zone NAME=SIZE[,nofree]`.
public struct TraceZone: Equatable, Sendable {
  /// Name as the trace has it.
  public let name: String
  /// Size of an item, bytes.
  public let size: Int
  /// Its pages are never given back.
  public let noFree: Bool

  /// Reads the text of the option.
  ///
  /// - Returns: nil for a text of another form.
  public init?(_ text: String) {
    guard let equals = text.lastIndex(of: "="), equals != text.startIndex else { return nil }
    let parts = text[text.index(after: equals)...].split(separator: ",", omittingEmptySubsequences: false)
    guard let first = parts.first, let size = Int(first), (1...(1 << 20)).contains(size) else { return nil }
    guard parts.count == 1 || (parts.count == 2 && parts[1] == "nofree") else { return nil }
    name = String(text[..<equals])
    self.size = size
    noFree = parts.count == 2
  }
}

/// The state of a model at one moment of a replay.
public struct ReplayCheckpoint: Equatable, Sendable {
  /// One zone.
  public struct Zone: Equatable, Sendable, Encodable {
    /// Items in use.
    public let used: Int
    /// Free items, wherever they lie.
    public let free: Int
    /// Pages held, those of the boot pool included.
    public let pages: Int
  }

  /// Index of the event behind which it was taken; −1 for the state before the first.
  public let event: Int
  /// Pages of the map in use.
  public let mapPagesUsed: Int
  /// The largest free run, pages.
  public let largestFreePages: Int
  /// Zones by name.
  public let zones: [String: Zone]
  /// Bytes by account.
  public let ledger: LedgerReading
}

/// How a replay ended.
public struct ReplayOutcome: Sendable {
  /// States: before the first event, at every `p`, and where the kernel failed.
  public let checkpoints: [ReplayCheckpoint]
  /// What the kernel died of, and the index of the event; nil where it lives.
  public let failure: (failure: KernelFailure, event: Int)?
  /// Events played, the one of the failure included.
  public let events: Int
  /// Allocations that may not wait and got nothing.
  public let noWaitFailures: Int
  /// The map's size, bytes.
  public let mapBytes: Int
  /// The most that was in use, bytes.
  public let highWaterBytes: Int
  /// `vmstat -m` and `vmstat -z` at the end.
  public let vmstat: (malloc: String, zones: String)
}

/// Plays a trace on one allocator model.
public struct TraceReplay {
  private let trace: TextTrace
  private let file: String
  private let configuration: ModelConfiguration
  private let extraZones: [TraceZone]

  /// Prepares a replay.
  ///
  /// - Parameters:
  ///   - trace: the trace.
  ///   - file: the name that errors give.
  ///   - configuration: the machine.
  ///   - zones: zones to make where the model has none of that name.
  public init(_ trace: TextTrace, file: String, configuration: ModelConfiguration, zones: [TraceZone]) {
    self.trace = trace
    self.file = file
    self.configuration = configuration
    extraZones = zones
  }

  /// Plays the trace to its end or to the kernel's.
  ///
  /// - Throws: ``ModelConfigurationError``, or ``TraceError`` for a zone that nobody knows and a processor that is not there.
  public func run(on type: any AllocatorModel.Type) throws -> ReplayOutcome { try play(type) }

  private func play<Model: AllocatorModel>(_ type: Model.Type) throws -> ReplayOutcome {
    let model = try Model(configuration)
    let types = trace.typeNames.map { model.mallocType(named: $0) }
    let zones = try trace.zoneNames.map { try zone($0, on: model) }
    let addresses = UnsafeMutablePointer<KernelAddress>.allocate(capacity: max(trace.slotCount, 1))
    addresses.initialize(repeating: .null, count: max(trace.slotCount, 1))
    let owners = UnsafeMutablePointer<Int32>.allocate(capacity: max(trace.slotCount, 1))
    owners.initialize(repeating: 0, count: max(trace.slotCount, 1))
    defer {
      addresses.deallocate()
      owners.deallocate()
    }
    var checkpoints = [checkpoint(of: model, event: -1)]
    var played = 0
    var nulls = 0
    for (index, event) in trace.events.enumerated() {
      let slot = Int(event.slot)
      switch event.kind {
      case .time: model.advance(to: event.value)
      case .cpu:
        guard event.value < UInt64(configuration.cpus) else {
          throw TraceError(
            file: file, line: TextTrace.line(ofEvent: index),
            problem: "processor \(event.value): expected 0 to \(configuration.cpus - 1) (see --cpus)")
        }
        model.currentCPU = Int(event.value)
      case .malloc, .mallocNoWait:
        let wait: WaitPolicy = event.kind == .malloc ? .wait : .noWait
        addresses[slot] = model.malloc(Int(clamping: event.value), types[Int(event.name)], wait)
        owners[slot] = event.name
        if addresses[slot] == .null { nulls += 1 }
      case .free:
        if addresses[slot] != .null { model.free(addresses[slot], types[Int(owners[slot])]) }
      case .zoneAlloc:
        addresses[slot] = model.zoneAlloc(zones[Int(event.name)], .wait)
        owners[slot] = event.name
      case .zoneFree:
        if addresses[slot] != .null { model.zoneFree(zones[Int(owners[slot])], addresses[slot]) }
      case .reclaim: model.reclaim()
      case .operation: break
      case .pass: checkpoints.append(checkpoint(of: model, event: index))
      }
      played = index + 1
      if model.failure != nil {
        if event.kind != .pass { checkpoints.append(checkpoint(of: model, event: index)) }
        break
      }
    }
    return ReplayOutcome(
      checkpoints: checkpoints, failure: model.failure.map { ($0, played - 1) }, events: played, noWaitFailures: nulls,
      mapBytes: model.mapCapacityBytes, highWaterBytes: model.mapHighWaterBytes,
      vmstat: (model.vmstatM(), model.vmstatZ()))
  }

  /// The zone of a name: the model's own; else one that was asked for; else, for a canonical name, one of FreeBSD 6's item size.
  ///
  /// The last serves systems where such an object is no zone's: FreeBSD 4 has inodes and names from malloc(9), but a trace gives no size for
  /// them, and the reference results for its traces leave the malloc map untouched by zone events.
  private func zone(_ name: String, on model: some AllocatorModel) throws(TraceError) -> ZoneID {
    if let zone = model.zone(named: name) { return zone }
    if let extra = extraZones.first(where: { $0.name == name }),
      let zone = model.makeZone(named: name, size: extra.size, noFree: extra.noFree)
    {
      return zone
    }
    if let size = CanonicalZone.itemSize(named: name), let zone = model.makeZone(named: name, size: size, noFree: false)
    {
      return zone
    }
    throw TraceError(
      file: file, line: nil, problem: "zone '\(name)' is not known: expected --zone '\(name)=SIZE[,nofree]'")
  }

  private func checkpoint(of model: some AllocatorModel, event: Int) -> ReplayCheckpoint {
    var zones: [String: ReplayCheckpoint.Zone] = [:]
    for zone in model.zoneStatistics() {
      zones[zone.name] = .init(used: zone.used, free: zone.free, pages: zone.pages)
    }
    return ReplayCheckpoint(
      event: event, mapPagesUsed: model.mapUsedBytes / kernelPageSize,
      largestFreePages: model.largestFreeBytes / kernelPageSize, zones: zones, ledger: Sampler.ledger(model.ledger()))
  }
}
