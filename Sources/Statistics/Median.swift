// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

/// The median of values: the middle one, or the mean of the two middle ones; nil for none or where one is not a number.
public func median(_ values: [Double]) -> Double? {
  guard !values.isEmpty, !values.contains(where: \.isNaN) else { return nil }
  let sorted = values.sorted()
  let middle = sorted.count / 2
  return sorted.count.isMultiple(of: 2) ? (sorted[middle - 1] + sorted[middle]) / 2 : sorted[middle]
}
