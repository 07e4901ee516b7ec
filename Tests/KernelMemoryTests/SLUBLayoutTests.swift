// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import Foundation
import Testing

@testable import KernelMemory

@Suite("SLUB layout")
struct SLUBLayoutTests {
  @Test("Every cache of a running Linux 6.18 is laid out as that kernel did")
  func everyCacheOfARunningKernelIsLaidOutAsThatKernelDid() throws {
    let url = try #require(
      Bundle.module.url(
        forResource: "layout-6.18-x86_64-2cpu", withExtension: "txt", subdirectory: "Fixtures/slub"))
    let lines = try String(contentsOf: url, encoding: .utf8).split(separator: "\n").filter { !$0.hasPrefix("#") }
    #expect(lines.count > 200)
    for line in lines {
      let fields = line.split(separator: " ")
      let numbers = fields.dropFirst().compactMap { Int($0) }
      try #require(numbers.count == 8, "\(line)")
      let size = numbers[3]
      // Where the slab size holds more than the object and its padding, the list pointer lies behind the object:
      // a constructor, or an object that may be read after its free.
      let plain = SLUBLayout(objectSize: numbers[0], align: numbers[1], processors: 2)
      let flags: SLUBLayout.Flags = numbers[2] == 1 || plain.size != size ? .constructed : []
      let layout = SLUBLayout(objectSize: numbers[0], align: numbers[1], flags: flags, processors: 2)
      #expect(layout.size == size, "\(line)")
      #expect(layout.order == numbers[4] && layout.objects == numbers[5], "\(line)")
      #expect(layout.minimumPartial == numbers[6] && layout.cpuPartialObjects == numbers[7], "\(line)")
    }
  }

  @Test(arguments: [(1, 8), (2, 12), (3, 12), (4, 16), (7, 16), (8, 20), (16, 24), (64, 32)])
  func theMinimumOfObjectsGrowsWithTheProcessors(processors: Int, objects: Int) {
    #expect(SLUBLayout.minimumObjects(processors: processors) == objects)
  }

  @Test(
    "Orders, objects and list lengths of the kmalloc caches",
    arguments: [
      // size, processors, order, objects, slabs of a per-CPU partial list, min_partial
      (8, 1, 0, 512, 1, 5), (64, 1, 0, 64, 4, 5), (96, 2, 0, 42, 6, 5), (192, 2, 0, 21, 12, 5), (256, 2, 0, 16, 7, 5),
      (512, 2, 1, 16, 7, 5), (1024, 2, 2, 16, 3, 5), (2048, 2, 3, 16, 3, 5), (4096, 2, 3, 8, 2, 6),
      (8192, 2, 3, 4, 3, 6),
      (1024, 1, 1, 8, 6, 5), (256, 8, 1, 32, 4, 5),
    ])
  func kmallocCaches(row: (Int, Int, Int, Int, Int, Int)) {
    let layout = SLUBLayout(objectSize: row.0, align: row.0 & (row.0 - 1) == 0 ? row.0 : 0, processors: row.1)
    #expect(layout.size == row.0)
    #expect(layout.order == row.2 && layout.objects == row.3, "\(layout)")
    #expect(layout.cpuPartialSlabs == row.4 && layout.minimumPartial == row.5, "\(layout)")
  }

  @Test func theOlderListsAreAQuarterAndCanBeOff() {
    var tuning = SLUBLayout.Tuning()
    tuning.cpuPartial = .older
    #expect([64, 256, 1024, 4096].map { cpuObjects($0, tuning) } == [30, 13, 6, 2])
    tuning.cpuPartial = .off
    #expect([64, 256, 1024, 4096].map { cpuObjects($0, tuning) } == [0, 0, 0, 0])
    tuning.maximumOrder = 0
    #expect(SLUBLayout(objectSize: 2048, processors: 2, tuning: tuning).order == 0)
    tuning.minimumObjects = 1
    tuning.maximumOrder = 3
    #expect(SLUBLayout(objectSize: 2048, processors: 2, tuning: tuning).order == 0)
  }

  private func cpuObjects(_ size: Int, _ tuning: SLUBLayout.Tuning) -> Int {
    SLUBLayout(objectSize: size, processors: 2, tuning: tuning).cpuPartialObjects
  }

  @Test func alignmentToACacheLineLetsSmallObjectsShareOne() {
    let line = SLUBLayout.Flags.cacheLineAligned
    #expect(
      [10, 20, 40, 70, 224].map { SLUBLayout(objectSize: $0, flags: line, processors: 1).size } == [
        16, 32, 64, 128, 256,
      ])
    #expect(SLUBLayout(objectSize: 5, wordSize: 4, processors: 1).size == 8)
    #expect(SLUBLayout(objectSize: 768, flags: [line, .constructed], processors: 2).size == 832)
    // An object larger than slabs of the largest order is alone in a block that holds it.
    let large = SLUBLayout(objectSize: 51472, align: 16, processors: 2)
    #expect(large.order == 4 && large.objects == 1 && large.minimumOrder == 4)
  }
}
