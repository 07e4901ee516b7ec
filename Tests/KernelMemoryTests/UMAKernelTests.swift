// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import Testing

@testable import KernelMemory

/// Zones, names and traces of the kernels over UMA.
@Suite struct UMAKernelTests {
  @Test("Each kernel has its identifier")
  func eachKernelHasItsIdentifier() {
    #expect(UMAKernelCase.i386.map { $0.type.identifier } == ["freebsd-5.4", "freebsd-6", "freebsd-7", "freebsd-9"])
  }

  @Test("Every kernel object has a source", arguments: UMAKernelCase.all)
  func everyKernelObjectHasASource(kernel: UMAKernelCase) throws {
    let model = try kernel.boot()
    for object in KernelObject.allCases {
      switch model.source(of: object, nameLength: 10) {
      case .zone(let zone):
        let address = model.zoneAlloc(zone, .wait)
        #expect(address.rawValue >= 0xC100_0000 && address.rawValue < 1 << 32)
        model.zoneFree(zone, address)
      case .malloc(let type, let size):
        #expect(object == .credential)
        #expect(model.malloc(size, type, .wait) != .null)
        let zone = kernel.architecture == .amd64 ? "256" : "128"
        #expect(try model.zoneRow(zone).used == 1, "a credential is a malloc of \(zone)")
      case .embedded: Issue.record("\(object) has no source")
      }
    }
    try model.checkInvariants()
  }

  @Test("Zones are found by their FreeBSD 6 names", arguments: UMAKernelCase.all)
  func zonesAreFoundByTheirCanonicalNames(kernel: UMAKernelCase) throws {
    let model = try kernel.boot()
    let own: [String: String] =
      kernel.type == FreeBSD54.self
      ? ["mbuf": "Mbuf", "mbuf_cluster": "MbufClust"] : kernel.type == FreeBSD9.self ? ["inpcb": "tcp_inpcb"] : [:]
    for name in ["mbuf", "mbuf_cluster", "VNODE", "inpcb", "tcpcb", "Files", "MAP ENTRY", "L VFS Cache"] {
      let zone = try #require(model.zone(named: name), "\(name)")
      #expect(model.zoneStatistics()[zone.index].name == own[name] ?? name)
      #expect(model.zone(named: name) == zone)
    }
    for name in ["UMA Slabs", "16 Bucket", "256", "no such zone"] { #expect(model.zone(named: name) == nil) }
    #expect((model.zone(named: "mbuf_jumbo_16k") != nil) == (kernel.type != FreeBSD54.self))
    let made = try #require(model.makeZone(named: "made", size: 40, noFree: true))
    #expect(model.zoneAlloc(made, .wait) != .null)
  }

  @Test("Names go to the zone of their length", arguments: UMAKernelCase.all)
  func namesGoToTheZoneOfTheirLength(kernel: UMAKernelCase) throws {
    let model = try kernel.boot()
    let short = model.zone(named: "S VFS Cache").map { ObjectSource.zone($0) }
    let long = model.zone(named: "L VFS Cache").map { ObjectSource.zone($0) }
    let limit = kernel.type == FreeBSD9.self ? 35 : 32
    #expect(model.source(of: .nameCacheEntry, nameLength: limit) == short)
    #expect(model.source(of: .nameCacheEntry, nameLength: limit + 1) == long)
  }

  @Test("Start-up takes the boot pages first", arguments: UMAKernelCase.all)
  func startUpTakesTheBootPagesFirst(kernel: UMAKernelCase) throws {
    let model = try kernel.boot { $0.bootPages = .available }
    let boot = model.zoneStatistics().reduce(0) { $0 + $1.bootPages }
    #expect(boot >= 4)
    #expect(model.uma.state.pointee.bootPagesLeft == (kernel.type == FreeBSD9.self ? 64 : 48) - boot)
    try model.checkInvariants()
    #expect(model.ledger().total == model.mapUsedBytes)
  }

  /// 7 decides as 6 as long as the map has room: the states of the original code of HEAD 2006.
  @Test("A trace with room gives freebsd-7 the state of freebsd-6", arguments: oracleTraces)
  func aTraceWithRoomGivesSevenTheStateOfSix(name: String) throws {
    let trace = try loadTrace(name)
    let expected = try loadExpected(name, "uma6")
    let pages = expected.mapPages
    var configuration = ModelConfiguration(physicalMemory: 512 << 20)
    configuration.mapBytes = pages * kernelPageSize
    configuration.cpus = try #require(expected.cpus)
    let model = try FreeBSD7(configuration)
    var replay = TraceReplay(model, trace)
    var checkpoints = expected.checkpoints.dropFirst().makeIterator()
    for event in trace.events {
      if event.kind != .checkpoint {
        replay.play(event)
        if model.mapReclaims > 0 { break }
        continue
      }
      let next = checkpoints.next()
      let checkpoint = try #require(next)
      #expect(model.mapUsedBytes == checkpoint.mapPagesUsed * kernelPageSize)
      #expect(model.largestFreeBytes == checkpoint.largestFreeRunPages * kernelPageSize)
      #expect(model.uma.map.freeRunCount() == checkpoint.freeRuns)
    }
    #expect((model.mapReclaims > 0) == (expected.outcome.result == "panic"), "6 panics where 7 reclaims")
  }
}
