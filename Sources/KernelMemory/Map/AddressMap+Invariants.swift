// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

extension AddressMap {
  /// Checks the tree, the page count and the run count against the bits.
  ///
  /// - Parameter name: the map's name, for the text of a violation.
  /// - Throws: the first violation, with its values.
  public func checkInvariants(name: String) throws(InvariantViolation) {
    var free = 0
    var counted = 0
    var longest = 0
    var run = 0
    for leaf in 0..<leafCount {
      let word = bits[leaf]
      let valid = min(64, max(0, capacityPages - leaf * 64))
      guard valid == 64 || word >> UInt64(valid) == 0 else {
        throw InvariantViolation("\(name): a page past the capacity of \(capacityPages) is free")
      }
      free += word.nonzeroBitCount
      // Whole words at once: most of a map is either full or empty.
      if word == 0 || word == .max {
        if word == .max && run == 0 { counted += 1 }
        run = word == 0 ? 0 : run + 64
        longest = max(longest, run)
        continue
      }
      for bit in 0..<64 {
        let isFree = word >> UInt64(bit) & 1 != 0
        if isFree && run == 0 { counted += 1 }
        run = isFree ? run + 1 : 0
        longest = max(longest, run)
      }
    }
    guard free + usedPages == capacityPages else {
      throw InvariantViolation("\(name): \(usedPages) pages used + \(free) free, capacity \(capacityPages)")
    }
    guard usedPages <= highWaterPages else {
      throw InvariantViolation("\(name): \(usedPages) pages used, high water \(highWaterPages)")
    }
    guard counted == freeRunCount() else {
      throw InvariantViolation("\(name): \(counted) free runs, \(freeRunCount()) counted")
    }
    guard longest == largestFreeRun else {
      throw InvariantViolation("\(name): the longest free run is \(longest), the tree says \(largestFreeRun)")
    }
    for leaf in 0..<leafCount where nodes[leafCount + leaf] != Self.summary(ofLeaf: bits[leaf]) {
      throw InvariantViolation("\(name): leaf \(leaf) is not what its bits say: \(nodes[leafCount + leaf])")
    }
    var span: Int32 = 64
    var first = leafCount / 2
    while first > 0 {
      for node in first..<2 * first
      where nodes[node] != Self.join(nodes[2 * node], nodes[2 * node + 1], childSpan: span) {
        throw InvariantViolation("\(name): tree node \(node) is not what its children say: \(nodes[node])")
      }
      span *= 2
      first /= 2
    }
  }
}
