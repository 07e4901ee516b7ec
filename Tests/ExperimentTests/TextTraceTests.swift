// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import Experiment
import KernelMemory
import Testing

private func trace(_ lines: String...) throws -> TextTrace {
  try TextTrace.parse(([TextTrace.header] + lines).joined(separator: "\n") + "\n", file: "t.trace")
}

private func message(_ text: String) -> String {
  do {
    _ = try TextTrace.parse(text, file: "t.trace")
    return "no error"
  } catch {
    return "\(error)"
  }
}

@Suite struct TextTraceTests {
  @Test func everyEventIsRead() throws {
    let trace = try trace(
      "t 20000000000", "c 1", "m 7 100 temp", "n 8 5000 \"NFSD V4state\"", "z 9 \"S VFS Cache\"", "o OPEN", "f 8",
      "x 9", "p", "r")
    #expect(
      trace.events.map(\.kind) == [
        .time, .cpu, .malloc, .mallocNoWait, .zoneAlloc, .operation, .free, .zoneFree, .pass, .reclaim,
      ])
    #expect(trace.typeNames == ["temp", "NFSD V4state"] && trace.zoneNames == ["S VFS Cache"])
    #expect(trace.slotCount == 3 && trace.events[6].slot == 1 && trace.events[7].slot == 2)
    #expect(trace.events[0].value == 20_000_000_000 && trace.events[2].value == 100)
  }

  @Test func theLastLineNeedsNoEnd() throws {
    #expect(try TextTrace.parse("\(TextTrace.header)\np", file: "t").events.count == 1)
    #expect(try TextTrace.parse("\(TextTrace.header)", file: "t").events.isEmpty)
  }

  @Test(
    arguments: [
      ("", "t.trace:1: expected the first line '# nfschurn-trace 1'"),
      ("# nfschurn-trace 2\n", "t.trace:1: expected the first line '# nfschurn-trace 1'"),
      ("# nfschurn-trace 1\nq 1\n", "t.trace:2: unknown event: expected one of t c m n f z x o p r"),
      ("# nfschurn-trace 1\n\np\n", "t.trace:2: unknown event: expected one of t c m n f z x o p r"),
      ("# nfschurn-trace 1\nm 1 100\n", "t.trace:2: expected one blank"),
      ("# nfschurn-trace 1\nm 1 0 temp\n", "t.trace:2: size 0: expected 1 to 1099511627776 bytes"),
      ("# nfschurn-trace 1\nm x 10 temp\n", "t.trace:2: expected an ID"),
      ("# nfschurn-trace 1\nm 1 10 temp\nm 1 10 temp\n", "t.trace:3: ID 1 was used before: IDs are never used again"),
      ("# nfschurn-trace 1\nf 1\n", "t.trace:2: ID 1 was never allocated"),
      ("# nfschurn-trace 1\nm 1 10 temp\nx 1\n", "t.trace:3: ID 1 is a malloc: expected f"),
      ("# nfschurn-trace 1\nz 1 NAMEI\nf 1\n", "t.trace:3: ID 1 is of a zone: expected x"),
      ("# nfschurn-trace 1\nm 1 10 temp\nf 1\nf 1\n", "t.trace:4: ID 1 was freed before"),
      ("# nfschurn-trace 1\nt 5\nt 4\n", "t.trace:3: the clock goes back from 5 to 4"),
      ("# nfschurn-trace 1\nm 1 10 \"temp\n", "t.trace:2: a quote is not closed"),
      ("# nfschurn-trace 1\nm 1 10 \"\"\n", "t.trace:2: expected a malloc type of 1 to 255 bytes"),
      ("# nfschurn-trace 1\np p\n", "t.trace:2: expected the end of the line"),
      ("# nfschurn-trace 1\nt 99999999999999999999\n", "t.trace:2: nanoseconds does not fit in 64 bits"),
      (
        "# nfschurn-trace 1\nm 1 18446744073709551615 temp\n",
        "t.trace:2: size 18446744073709551615: expected 1 to 1099511627776 bytes"
      ),
    ])
  func whatIsWrongIsSaidWithItsLine(text: String, expected: String) {
    #expect(message(text) == expected)
  }

  @Test func zonesOfTheOptionAreReadStrictly() {
    #expect(TraceZone("NFS node=200")?.size == 200)
    #expect(TraceZone("a=b=64,nofree")?.name == "a=b" && TraceZone("a=64,nofree")?.noFree == true)
    for text in ["x", "=5", "x=", "x=0", "x=5,", "x=5,free", "x=5,nofree,nofree", "x=-1", "x=9999999"] {
      #expect(TraceZone(text) == nil, "\(text)")
    }
  }
}

@Suite struct TraceReplayTests {
  private func replay(
    _ trace: TextTrace, on model: any AllocatorModel.Type = FreeBSD6.self, pages: Int = 256, cpus: Int = 1,
    zones: [TraceZone] = []
  ) throws -> ReplayOutcome {
    var configuration = ModelConfiguration(physicalMemory: 128 << 20)
    configuration.mapBytes = pages * 4096
    configuration.cpus = cpus
    return try TraceReplay(trace, file: "t.trace", configuration: configuration, zones: zones).run(on: model)
  }

  @Test func checkpointsAreTheStateBeforeTheFirstEventAndAtEveryMark() throws {
    let outcome = try replay(try trace("p", "m 1 5000 temp", "p", "f 1", "p"))
    #expect(outcome.checkpoints.map(\.event) == [-1, 0, 2, 4])
    let used = outcome.checkpoints.map(\.mapPagesUsed)
    #expect(used[0] == used[1] && used[2] == used[1] + 2, "two pages; the header lies in a boot page")
    #expect(used[3] == used[2] - 2 && outcome.failure == nil)
    for checkpoint in outcome.checkpoints { #expect(checkpoint.ledger.total == checkpoint.mapPagesUsed * 4096) }
  }

  @Test func aWaitingCallerWithoutRoomEndsTheReplayAndOneThatMayNotWaitDoesNot() throws {
    let outcome = try replay(try trace("n 1 2000000 temp", "f 1", "p", "m 2 2000000 temp", "m 3 16 temp"))
    #expect(outcome.noWaitFailures == 2 && outcome.events == 4)
    #expect(outcome.failure?.event == 3 && outcome.checkpoints.last?.event == 3)
    #expect(outcome.failure?.failure.description.contains("kmem_malloc(2002944): kmem_map too small") == true)
  }

  @Test func aMallocTypeAtItsLimitOnFreeBSD4IsStuckAndNoHang() throws {
    let outcome = try replay(try trace("m 1 300000 temp", "m 2 300000 temp", "m 3 300000 temp"), on: FreeBSD4.self)
    #expect(outcome.failure?.event == 2)
    #expect(outcome.failure?.failure.description.hasPrefix("stuck: ") == true)
  }

  @Test func unknownZonesAreMadeFromTheOptionOrRefused() throws {
    let events = try trace("z 1 \"NFS node\"", "p", "x 1")
    do {
      _ = try replay(events)
      Issue.record("a zone came from nowhere")
    } catch {
      #expect("\(error)" == "t.trace: zone 'NFS node' is not known: expected --zone 'NFS node=SIZE[,nofree]'")
    }
    for model in AllocatorRegistry.all {
      let zone = try #require(TraceZone("NFS node=200"))
      let outcome = try replay(events, on: model, zones: [zone])
      #expect(outcome.checkpoints.last?.zones["NFS node"]?.used == 1, "\(model.identifier)")
    }
  }

  @Test func zoneEventsLeaveTheMallocMapOfFreeBSD4Alone() throws {
    let lines = (1...2000).map { "z \($0) \"FFS inode\"" }
    let outcome = try replay(
      try TextTrace.parse(([TextTrace.header] + lines + ["p"]).joined(separator: "\n"), file: "t"), on: FreeBSD4.self)
    #expect(outcome.checkpoints.last?.mapPagesUsed == 0)
    #expect(outcome.checkpoints.last?.zones["FFS inode"]?.used == 2000)
    #expect(outcome.checkpoints.last?.zones["mbuf"]?.used == 0)
  }

  @Test func aProcessorThatIsNotThereIsNamedWithItsLine() throws {
    do {
      _ = try replay(try trace("p", "c 2"), cpus: 2)
      Issue.record("played on a processor that is not there")
    } catch {
      #expect("\(error)" == "t.trace:3: processor 2: expected 0 to 1 (see --cpus)")
    }
  }

  @Test func theCalloutOfTheAllocatorRunsAtItsMarks() throws {
    // 40 slabs of NAMEI are more than the 32 entries of the first hash: the callout at 20 s doubles it.
    let lines = (1...160).map { "z \($0) NAMEI" }
    let text = ([TextTrace.header] + lines + ["p", "t 20000000000", "p"]).joined(separator: "\n")
    let outcome = try replay(try TextTrace.parse(text, file: "t"))
    let used = outcome.checkpoints.suffix(2).map { $0.zones["256"]?.used ?? 0 }
    #expect(used == [0, 1], "64 entries of 4 bytes come from zone 256")
  }
}
