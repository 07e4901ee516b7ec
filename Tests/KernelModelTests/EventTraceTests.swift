// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import KernelMemory
import Testing

@testable import KernelModel

/// Events as they were handed on, kept for a test.
private final class Kept {
  var events: [HeapEvent] = []
  var names: [String] = []
}

private func machine(_ model: String, map: Int = 16 << 20, memory: Int = 128 << 20, cpus: Int = 1)
  -> KernelConfiguration
{
  var configuration = KernelConfiguration(model: model)
  configuration.mapBytes = map
  configuration.memoryBytes = memory
  configuration.cpus = cpus
  return configuration
}

/// A kernel that records for a test.
private func recordingKernel(_ model: String = "freebsd-6", faults: [Fault] = [], cpus: Int = 1) throws -> (
  Kernel, Kept
) {
  var configuration = machine(model, cpus: cpus)
  configuration.recordsEvents = true
  let kernel = try Kernel(configuration)
  let kept = Kept()
  try #require(kernel.heap.recording).setConsumer { events, names in
    kept.events += events
    kept.names = names
  }
  _ = kernel.mallocType("NFSD V4state")
  try kernel.inject(faults)
  return (kernel, kept)
}

private func play(_ kept: Kept, on configuration: KernelConfiguration) throws -> EventPlayer {
  let player = try EventPlayer(configuration)
  kept.events.withUnsafeBufferPointer { player.play($0, typeNames: kept.names) }
  return player
}

/// Work of every kind: state, objects, names, RPCs, file data and time, drawn from a seed.
private func churn(_ kernel: Kernel, steps: Int, seed: UInt64) {
  var state = seed
  func draw(_ limit: UInt64) -> Int {
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    return Int((state >> 33) % limit)
  }
  let type = kernel.mallocType("NFSD V4state")
  var live: [KernelAddress] = []
  var connection = kernel.openConnection()
  for _ in 0..<steps {
    kernel.beginRPC(connection: &connection, requestBytes: 100 + draw(5000))
    if live.count < 200 || draw(2) == 0 {
      live.append(kernel.malloc(1 + draw(9000), type))
    } else {
      kernel.free(live.remove(at: draw(UInt64(live.count))), type)
    }
    let path = kernel.vfs.pathBuffer()
    let file = draw(300)
    kernel.vfs.reference(file, kind: .regular)
    kernel.vfs.filePages(file, pages: draw(4))
    if draw(3) == 0 { kernel.vfs.opened(file) } else { kernel.vfs.destroy(file) }
    kernel.vfs.freePathBuffer(path)
    kernel.buildReply(connection: &connection, replyBytes: 100 + draw(5000))
    kernel.endRPC(connection: &connection)
  }
}

@Suite struct EventTraceTests {
  @Test func anEventTakesTwelveBytes() { #expect(MemoryLayout<HeapEvent>.stride == 12) }

  @Test(
    "A trace on the recorded model gives the addresses, counts and books of the kernel that was not recorded",
    arguments: AllocatorRegistry.all.map { $0.identifier })
  func aTraceOnItsOwnModelIsTheLiveRun(model: String) throws {
    let faults: [Fault] = [
      .leakZone(zone: "NAMEI", every: 10), .leakMalloc(type: "NFSD V4state", every: 7),
      .losePerCalls(pages: 1, every: 100),
    ]
    let seed: UInt64 = 11
    let live = try bootKernel(model: model, cpus: 2, faults: faults)
    churn(live, steps: 400, seed: seed)
    let (recorded, kept) = try recordingKernel(model, faults: faults, cpus: 2)
    churn(recorded, steps: 400, seed: seed)
    recorded.heap.recording?.drain()
    let player = try play(kept, on: machine(model, cpus: 2))
    #expect(live.failure == nil && player.failure == nil)
    // The record asks for objects that a model has inside of others, too: its own counts are those of the live kernel all the same.
    #expect(player.heap.digest == live.heap.digest, "seed \(seed)")
    var counters = live.heap.counters
    counters.vnodeCreations = 0
    #expect(player.heap.counters == counters && counters.forgottenFrees > 40 && counters.lostPages > 0)
    #expect(player.heap.allocator.ledger() == live.heap.allocator.ledger())
    #expect(player.now == live.now && player.rpcs == 400)
    try player.heap.allocator.checkInvariants()
  }

  @Test func aRecordedKernelFreesWhatAFaultForgetsSoThatItOutlivesItsTrace() throws {
    let faults: [Fault] = [.leakZone(zone: "NAMEI", every: 1), .losePerCalls(pages: 4, every: 10)]
    let (recorded, kept) = try recordingKernel(faults: faults)
    let type = recorded.mallocType("NFSD V4state")
    for _ in 0..<20_000 {
      recorded.vfs.freePathBuffer(recorded.vfs.pathBuffer())
      recorded.free(recorded.malloc(100, type), type)
    }
    #expect(recorded.failure == nil && recorded.used("NAMEI") == 0)
    #expect(recorded.heap.allocator.ledger().lost == 0)
    recorded.heap.recording?.drain()
    let player = try play(kept, on: machine("freebsd-6"))
    guard case .panic(let message, _) = player.failure else {
      Issue.record("16 MiB outlived 20,000 lost path buffers")
      return
    }
    #expect(message.contains("): kmem_map too small"))
    // The player stops at the event that ended it: one path buffer of a page each, and 4 pages for every 10 calls.
    #expect(player.heap.counters.forgottenFrees < 4096 && player.heap.counters.forgottenFrees > 1000)
    let calls = player.calls
    kept.events.withUnsafeBufferPointer { player.play($0, typeNames: kept.names) }
    #expect(player.calls == calls, "a model that ended is not fed any more")
  }

  @Test func objectsThatTheRecordedModelEmbedsAreInTheTraceForTheOthers() throws {
    let (recorded, kept) = try recordingKernel("freebsd-4")
    for file in 1...50 { recorded.vfs.reference(file, kind: .regular) }
    recorded.vfs.destroy(7)
    recorded.heap.recording?.drain()
    let player = try play(kept, on: machine("freebsd-6"))
    let dinodes = player.heap.allocator.zoneStatistics().first { $0.name == "FFS2 dinode" }
    #expect(dinodes?.used == 49)
  }

  @Test func slotsAreUsedAgainSoThatATraceOfAnyLengthIsPlayedInBoundedMemory() throws {
    let (recorded, kept) = try recordingKernel()
    for _ in 0..<5000 { recorded.vfs.freePathBuffer(recorded.vfs.pathBuffer()) }
    recorded.heap.recording?.drain()
    #expect(kept.events.filter { $0.kind == .objectFree }.count == 5000)
    #expect((kept.events.map(\.slot).max() ?? .max) < 4)
  }

  @Test func aFullBufferHandsItselfOnInTheMiddleOfAPass() throws {
    let (recorded, kept) = try recordingKernel()
    for _ in 0...(EventRecording.capacity / 2) { recorded.vfs.freePathBuffer(recorded.vfs.pathBuffer()) }
    #expect(kept.events.count == EventRecording.capacity)
    let recording = try #require(recorded.heap.recording)
    recording.drain()
    #expect(UInt64(kept.events.count) == recording.totals.events)
    #expect(recording.totals.calls == UInt64(EventRecording.capacity + 2))
  }

  @Test func equalTracesHaveEqualDigestsAndOthersDoNot() throws {
    func digest(_ seed: UInt64, _ model: String = "freebsd-6") throws -> String {
      let (recorded, _) = try recordingKernel(model)
      churn(recorded, steps: 50, seed: seed)
      return try #require(recorded.heap.recording).totals.digest
    }
    #expect(try digest(1) == digest(1))
    #expect(try digest(1) != digest(2))
    #expect(try digest(1) == digest(1, "freebsd-4"), "what is asked for does not depend on who answers")
  }

  @Test func aPlayerThatIsShortOfPagesRunsItsOwnPageDaemon() throws {
    let (recorded, kept) = try recordingKernel()
    churn(recorded, steps: 300, seed: 5)
    // Cached file pages fill the machine of the player, which is smaller than the recorded one.
    for file in 9000..<9013 { recorded.vfs.filePages(file, pages: 300) }
    churn(recorded, steps: 300, seed: 6)
    recorded.heap.recording?.drain()
    let player = try play(kept, on: machine("freebsd-6", map: 8 << 20, memory: 16 << 20))
    #expect(player.heap.counters.pageDaemonScans > 0 && recorded.heap.counters.pageDaemonScans == 0)
    #expect(player.failure == nil)
  }
}
