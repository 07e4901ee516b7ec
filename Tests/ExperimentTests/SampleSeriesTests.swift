// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import RunStore
import Testing

@testable import Experiment

private func sample(_ pass: UInt64) -> Sample {
  var clocks = ClockReadings()
  clocks.passes = pass
  return Sample(clocks: clocks, map: MapReading(), ledger: LedgerReading(), caches: [])
}

@Suite struct SampleSeriesTests {
  @Test func aLongRunKeepsABoundedEvenlySpreadSeriesWithItsEnd() {
    var series = SampleSeries(every: 1)
    for pass in 1...100_003 where series.wants(pass: UInt64(pass)) { series.add(sample(UInt64(pass))) }
    series.finish(sample(100_003))
    let passes = series.samples.map(\.clocks.passes)
    #expect(passes.count <= SampleSeries.limit + 1)
    #expect(passes.count > SampleSeries.limit / 2)
    #expect(passes.first == 1 && passes.last == 100_003)
    let gaps = zip(passes.dropFirst(2).dropLast(), passes.dropFirst().dropLast(2)).map { $0 - $1 }
    #expect(Set(gaps) == [256])
  }

  @Test func theStrideIsTheOneAskedFor() {
    var series = SampleSeries(every: 5)
    for pass in 1...23 where series.wants(pass: UInt64(pass)) { series.add(sample(UInt64(pass))) }
    series.finish(sample(23))
    #expect(series.samples.map(\.clocks.passes) == [1, 5, 10, 15, 20, 23])
  }

  @Test func anEndThatIsAlreadyThereIsNotDoubled() {
    var series = SampleSeries(every: 1)
    series.add(sample(1))
    series.finish(sample(1))
    #expect(series.samples.count == 1)
  }
}
