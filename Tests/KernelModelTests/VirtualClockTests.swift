// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import KernelModel
import Testing

@Suite struct VirtualClockTests {
  @Test func calloutsRunInTheOrderOfTheirDeadlinesAtTheirOwnTimes() {
    let clock = VirtualClock()
    var log: [String] = []
    clock.addCallout(every: 30) { log.append("c@\(clock.now)") }
    clock.addCallout(every: 20) { log.append("b@\(clock.now)") }
    clock.advance(to: 65)
    #expect(log == ["b@20", "c@30", "b@40", "c@60", "b@60"])
    #expect(clock.now == 65)
  }

  @Test func calloutsOfOneDeadlineRunInTheOrderOfTheirRegistration() {
    let clock = VirtualClock()
    var log: [String] = []
    for name in ["first", "second", "third"] { clock.addCallout(every: 10) { log.append(name) } }
    clock.advance(to: 10)
    #expect(log == ["first", "second", "third"])
  }

  @Test func theClockNeverGoesBack() {
    let clock = VirtualClock()
    clock.advance(to: 100)
    clock.advance(to: 50)
    #expect(clock.now == 100)
  }

  @Test func aPeriodOfZeroIsOneNanosecond() {
    let clock = VirtualClock()
    var runs = 0
    clock.addCallout(every: 0) { runs += 1 }
    clock.advance(to: 5)
    #expect(runs == 5)
  }
}

@Suite struct EventDigestTests {
  @Test func theDigestDependsOnEveryWordAndOnTheOrder() {
    func digest(_ events: [(UInt64, UInt64)]) -> String {
      var digest = EventDigest()
      for event in events { digest.combine(event.0, event.1) }
      return digest.hexadecimal
    }
    let base = digest([(1, 2), (3, 4)])
    #expect(base == digest([(1, 2), (3, 4)]))
    #expect(base != digest([(3, 4), (1, 2)]))
    #expect(base != digest([(1, 2), (3, 5)]))
    #expect(base != digest([(1, 2), (2, 4)]))
    #expect(base != digest([(1, 2)]))
    #expect(base.count == 16)
  }
}
