// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

extension VMem {
  /// Checks that segments tile their spans, that free ones are merged and listed by size, and the counts.
  ///
  /// - Throws: the first violation, with its values.
  public func checkInvariants() throws(InvariantViolation) {
    let (free, inUse, imported) = try checkSegments()
    try checkLists(expecting: free)
    guard inUse == self.inUse, inUse <= highWater else {
      throw InvariantViolation("\(name): \(inUse) quanta busy, counted \(self.inUse), at most \(highWater)")
    }
    if let source {
      guard source.inUse >= imported else {
        throw InvariantViolation("\(name): \(imported) quanta imported, \(source.inUse) taken from \(source.name)")
      }
    }
  }

  /// Walks the row of segments.
  ///
  /// - Returns: the number of free segments, the quanta of busy ones, and the quanta of imported spans.
  private func checkSegments() throws(InvariantViolation) -> (free: Int, inUse: Int, imported: Int) {
    var imported = 0
    var free = 0
    var inUse = 0
    var spans = 0
    var expected: Int32 = 0
    var end: Int32 = 0
    var previous: Int32 = 0
    var tag = tags[0].nextSegment
    while tag != 0 {
      let record = tags[Int(tag)]
      guard record.previousSegment == previous, record.size > 0 else {
        throw InvariantViolation("\(name): segment \(tag) follows \(record.previousSegment), not \(previous)")
      }
      if record.kind == .span {
        guard expected == end else { throw InvariantViolation("\(name): a span ends at \(expected), not at \(end)") }
        spans += Int(record.size)
        if record.isImported { imported += Int(record.size) }
        expected = record.first
        end = record.first + record.size
      } else {
        guard record.first == expected, record.first + record.size <= end else {
          throw InvariantViolation("\(name): a segment begins at \(record.first), expected \(expected), span to \(end)")
        }
        expected = record.first + record.size
        switch record.kind {
        case .free:
          free += 1
          guard tags[Int(previous)].kind != .free else {
            throw InvariantViolation("\(name): free segments at \(record.first) are not merged")
          }
        case .busy:
          inUse += Int(record.size)
          guard busy[Int(record.first)] == tag else {
            throw InvariantViolation("\(name): busy segment at \(record.first) is not found")
          }
        case .span, .unused: throw InvariantViolation("\(name): tag \(tag) is unused, in the row of segments")
        }
      }
      previous = tag
      tag = record.nextSegment
    }
    guard expected == end, tags[0].previousSegment == previous, spans == size else {
      throw InvariantViolation("\(name): spans of \(spans) quanta, counted \(size); the last ends at \(expected)")
    }
    return (free, inUse, imported)
  }

  private func checkLists(expecting free: Int) throws(InvariantViolation) {
    var listed = 0
    for order in 0..<Self.orderCount {
      let isMarked = state.pointee.nonEmpty >> UInt64(order) & 1 != 0
      guard isMarked == (heads[order] != 0) else {
        throw InvariantViolation("\(name): list \(order) is \(isMarked ? "marked and empty" : "not marked")")
      }
      var previous: Int32 = 0
      var tag = heads[order]
      while tag != 0 {
        let record = tags[Int(tag)]
        guard record.kind == .free, record.previousFree == previous, Self.order(ofSize: Int(record.size)) == order
        else {
          throw InvariantViolation("\(name): tag \(tag) of \(record.size) quanta is on list \(order)")
        }
        listed += 1
        previous = tag
        tag = record.nextFree
      }
    }
    guard listed == free else { throw InvariantViolation("\(name): \(free) free segments, \(listed) listed") }
  }
}
