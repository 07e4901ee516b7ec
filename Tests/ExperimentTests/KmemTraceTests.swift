// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import Experiment
import Testing

private let head = """
  # nfschurn-kmem-trace 1
  kernel 6.18.0
  machine x86_64 4096 2
  lists shrunk
  load rm -rf tree
  cache 0 dentry 192 21 1 120 5 0
  before 0 40 42 2 1
  after 0 41 42 2
  shrunk 0 41 42 2
  g 0 GFP_KERNEL|__GFP_ACCOUNT

  """

private let tail = "mark after\nmark shrunk\nend 3 4 5\n"

private func message(_ text: String) -> String {
  do {
    _ = try KmemTrace.parse(text, file: "k.trace")
    return "no error"
  } catch {
    return "\(error)"
  }
}

@Suite struct KmemTraceTests {
  @Test func everyLineIsRead() throws {
    let trace = try KmemTrace.parse(
      head + "a 10 0 0 1 192 192 0\nf 5 1 0 2\nmark after\nk 7 1 1\nmark shrunk\nend 3 4 5\n", file: "k.trace")
    #expect(trace.kernelRelease == "6.18.0" && trace.processors == 2 && trace.startsShrunk)
    #expect(trace.load == "rm -rf tree" && trace.microseconds == 22 && trace.pointerCount == 2)
    #expect(trace.events.map(\.kind) == [.allocate, .free, .kfree])
    #expect(trace.events.map(\.cpu) == [0, 1, 1] && trace.events.map(\.pointer) == [0, 1, 0])
    #expect(trace.eventsBeforeAfter == 2 && trace.eventsBeforeShrunk == 3)
    #expect([trace.largeAllocations, trace.unknownFrees, trace.unlistedAllocations] == [3, 4, 5])
    let cache = try #require(trace.caches.first)
    #expect(cache.name == "dentry" && cache.objectsPerSlab == 21 && cache.cpuPartial == 120)
    let before = try #require(cache.before)
    #expect([before.active, before.objects, before.slabs, before.partial] == [40, 42, 2, 1])
  }

  static let wrong: [(String, String)] = [
    ("", "k.trace:1: expected the first line '# nfschurn-kmem-trace 1'"),
    (head, "k.trace:11: the file ends without an 'end' line: it is not complete"),
    (head + "mark after\nend 0 0 0\n", "k.trace:12: the marks 'after' and 'shrunk' are not both there"),
    (head + "mark shrunk\n", "k.trace:11: mark 'shrunk': expected after, then shrunk"),
    (head + "a 1 2 0 1 1 8 0\n", "k.trace:11: processor 2: expected 0 to 1"),
    (head + "a 1 0 1 1 1 8 0\n", "k.trace:11: cache 1 has no 'cache' line"),
    (head + "a 1 0 0 2 1 8 0\n", "k.trace:11: address 2: expected at most 1, they are numbered without gaps"),
    (head + "a 1 0 0 0 1 8 0\n", "k.trace:11: an address 0: expected 1 to 67108864"),
    (head + "a 1 0 0 1 1 8 1\n", "k.trace:11: flags 1: expected 0 to 0"),
    (head + "f 1 0 0 99999999999999999999\n", "k.trace:11: an address does not fit in 64 bits"),
    (head + "k 1 0\n", "k.trace:11: expected one blank"),
    (head + tail + "k 1 0 1\n", "k.trace:14: expected nothing behind the 'end' line"),
    (
      head + "cache 1 filp 192 21 1 - - -\n" + tail,
      "k.trace:14: cache 'filp': expected a before, an after and a shrunk line"
    ),
    (head + "cache 1 dentry 192 21 1 - - -\n", "k.trace:11: cache 'dentry' stands there twice"),
    (head + "cache 2 filp 192 21 1 - - -\n", "k.trace:11: cache 2: expected 1"),
    (head + "cache 1 filp 0 21 1 - - -\n", "k.trace:11: object size 0: expected 1 to 262144"),
    (
      head + "before 0 0 16777216 16777216 0\n",
      "k.trace:11: more than 33554432 objects at the start: record with --caches"
    ),
    (
      "\(KmemTrace.header)\nmachine aarch64 4096 2\n",
      "k.trace:2: machine 'aarch64': expected x86_64, which the model is of"
    ),
    ("\(KmemTrace.header)\nmachine x86_64 65536 2\n", "k.trace:2: page size 65536: expected 4096 to 4096"),
    ("\(KmemTrace.header)\nmachine x86_64 4096 64\n", "k.trace:2: processors 64: expected 1 to 16"),
    ("\(KmemTrace.header)\nk 1 0 1\n", "k.trace:2: an event before the 'machine' line"),
    ("\(KmemTrace.header)\nlists full\n", "k.trace:2: lists 'full': expected shrunk or kept"),
    ("\(KmemTrace.header)\n\n", "k.trace:2: expected a word of 1 to 255 bytes"),
    (
      "\(KmemTrace.header)\nwhat\n",
      "k.trace:2: unknown line 'what': expected one of a m f k g mark kernel machine lists load cache before after shrunk"
        + " end"
    ),
  ]

  @Test(arguments: wrong)
  func whatIsWrongIsNamedWithItsLine(text: String, expected: String) { #expect(message(text) == expected) }

  @Test("No cut and no changed byte of a recording ends the program")
  func hostileBytes() {
    let text = Array((head + "a 10 0 0 1 192 192 0\nf 5 1 0 2\nmark after\nk 7 1 1\nmark shrunk\nend 3 4 5\n").utf8)
    for length in 0..<text.count - 1 {
      #expect(message(String(decoding: text[..<length], as: UTF8.self)) != "no error", "cut at \(length)")
    }
    for index in text.indices {
      for byte in [UInt8(ascii: "9"), 0, UInt8(ascii: "\n"), UInt8(ascii: "-")] {
        var changed = text
        changed[index] = byte
        // What still reads must also play, or say why not.
        guard let trace = try? KmemTrace.parse(String(decoding: changed, as: UTF8.self), file: "k.trace") else {
          continue
        }
        do throws(TraceError) {
          var replay = try KmemReplay(trace, file: "k.trace")
          _ = try replay.run()
        } catch {
          #expect(error.problem.contains("--caches"), "\(error)")
        }
      }
    }
  }
}
