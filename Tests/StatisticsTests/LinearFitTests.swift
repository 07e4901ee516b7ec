// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import Statistics
import Testing

@Suite struct LinearFitTests {
  @Test func aLineIsFoundExactly() throws {
    let fit = try #require(LinearFit(x: [1, 2, 3, 4], y: [5, 7, 9, 11]))
    #expect(fit.slope == 2)
    #expect(fit.intercept == 3)
    #expect(fit.correlation == 1)
  }

  @Test func countersOfTheOrderOf1e12KeepTheirDigits() throws {
    let x = (0..<50).map { 1e12 + Double($0) * 1000 }
    let fit = try #require(LinearFit(x: x, y: x.map { ($0 - 1e12) * 0.25 + 7 }))
    #expect(abs(fit.slope - 0.25) < 1e-9)
  }

  @Test func anscombesFirstSetGivesItsKnownFigures() throws {
    // Anscombe, "Graphs in Statistical Analysis", 1973: r = 0.816420516, slope 0.500090909, intercept 3.000090909.
    let x: [Double] = [10, 8, 13, 9, 11, 14, 6, 4, 12, 7, 5]
    let y: [Double] = [8.04, 6.95, 7.58, 8.81, 8.33, 9.96, 7.24, 4.26, 10.84, 4.82, 5.68]
    let fit = try #require(LinearFit(x: x, y: y))
    #expect(abs(fit.slope - 0.500090909) < 1e-9)
    #expect(abs(fit.intercept - 3.000090909) < 1e-9)
    #expect(abs((fit.correlation ?? 0) - 0.816420516) < 1e-9)
  }

  @Test func whatCannotBeFittedIsUndefined() {
    #expect(LinearFit(x: [1, 2], y: [1, 2]) == nil)
    #expect(LinearFit(x: [1, 1, 1], y: [1, 2, 3]) == nil)
    #expect(LinearFit(x: [1, 2, 3], y: [1, 2]) == nil)
    #expect(LinearFit(x: [1, 2, .nan], y: [1, 2, 3]) == nil)
    #expect(LinearFit(x: [1, 2, 3], y: [4, 4, 4])?.correlation == nil)
    #expect(LinearFit(x: [1, 2, 3], y: [4, 4, 4])?.slope == 0)
  }

  @Test func theMedianIsTheMiddleOrTheMeanOfTwo() {
    #expect(median([3, 1, 2]) == 2)
    #expect(median([4, 1, 2, 3]) == 2.5)
    #expect(median([]) == nil)
    #expect(median([1, .nan]) == nil)
  }
}
