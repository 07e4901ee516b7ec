// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

/// A straight line through points, by ordinary least squares.
public struct LinearFit: Equatable, Sendable {
  /// Units of y per unit of x.
  public let slope: Double
  /// y at x = 0.
  public let intercept: Double
  /// Pearson's correlation coefficient of x and y, −1 to 1; nil where y does not vary.
  public let correlation: Double?

  /// Fits a line to `x` and `y` of equal length.
  ///
  /// The sums are centred on the means (two passes), so that large counters keep their digits. Nil where there are fewer than three points, where
  /// the lengths differ, where a value is not finite, or where x does not vary.
  public init?(x: [Double], y: [Double]) {
    guard x.count == y.count, x.count >= 3, (x + y).allSatisfy(\.isFinite) else { return nil }
    let count = Double(x.count)
    let meanX = x.reduce(0, +) / count
    let meanY = y.reduce(0, +) / count
    var sumXX = 0.0
    var sumXY = 0.0
    var sumYY = 0.0
    for index in x.indices {
      let dx = x[index] - meanX
      let dy = y[index] - meanY
      sumXX += dx * dx
      sumXY += dx * dy
      sumYY += dy * dy
    }
    guard sumXX > 0, sumXX.isFinite, sumXY.isFinite, sumYY.isFinite else { return nil }
    slope = sumXY / sumXX
    intercept = meanY - slope * meanX
    correlation = sumYY > 0 ? max(-1, min(1, sumXY / (sumXX * sumYY).squareRoot())) : nil
  }
}
