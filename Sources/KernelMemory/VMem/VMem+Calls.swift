// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

extension VMem {
  /// Takes a segment (vmem_xalloc, without its sleep).
  ///
  /// - Parameters:
  ///   - quanta: its length.
  ///   - strategy: which free segment serves.
  ///   - alignment: its first quantum is a multiple of this power of two.
  /// - Returns: its first quantum; -1 where neither the arena nor its source has one, or `quanta` is below 1.
  public func allocate(_ quanta: Int, _ strategy: Strategy, alignment: Int = 1) -> Int {
    guard quanta > 0, quanta <= capacity else { return -1 }
    let first = find(quanta, strategy, alignment)
    if first >= 0 { return first }
    // Any strategy takes what was imported for it.
    guard importSpan(quanta, alignment) else { return -1 }
    return find(quanta, .bestFit, alignment)
  }

  /// Gives a segment back; it merges with free neighbours of its span (vmem_xfree).
  ///
  /// The segment must be one that ``allocate(_:_:alignment:)`` gave, with the same length: anything else is an error of
  /// the model.
  public func free(_ first: Int, quanta: Int) {
    precondition(first >= 0 && first < capacity && busy[first] != 0, "\(name): free of \(quanta) quanta at \(first)")
    let tag = busy[first]
    precondition(Int(tags[Int(tag)].size) == quanta, "\(name): free of \(quanta) quanta of \(tags[Int(tag)].size)")
    busy[first] = 0
    state.pointee.inUse &-= quanta
    tags[Int(tag)].kind = .free
    let next = tags[Int(tag)].nextSegment
    if tags[Int(next)].kind == .free {
      removeFree(next)
      tags[Int(tag)].size &+= tags[Int(next)].size
      removeSegment(next)
      dropTag(next)
    }
    var previous = tags[Int(tag)].previousSegment
    if tags[Int(previous)].kind == .free {
      removeFree(previous)
      tags[Int(tag)].size &+= tags[Int(previous)].size
      tags[Int(tag)].first = tags[Int(previous)].first
      removeSegment(previous)
      dropTag(previous)
      previous = tags[Int(tag)].previousSegment
    }
    let owner = tags[Int(previous)]
    if releasesSpans, owner.kind == .span, owner.isImported, owner.size == tags[Int(tag)].size {
      releaseSpan(previous, tag)
    } else {
      insertFree(tag)
    }
  }

  /// Whether a segment of this length begins here and is busy.
  public func isBusy(_ first: Int, quanta: Int) -> Bool {
    guard first >= 0, first < capacity, busy[first] != 0 else { return false }
    return Int(tags[Int(busy[first])].size) == quanta
  }

  // MARK: Search

  private func find(_ quanta: Int, _ strategy: Strategy, _ alignment: Int) -> Int {
    if strategy != .bestFit {
      var order = Self.order(ofSize: quanta)
      // The lists above the exact ones hold sizes below the request, too.
      if quanta > Self.exactOrders, quanta & (quanta &- 1) != 0 { order &+= 1 }
      var lists = state.pointee.nonEmpty >> UInt64(truncatingIfNeeded: order)
      while lists != 0 {
        let step = lists.trailingZeroBitCount
        order &+= step
        let first = clip(heads[order], quanta, alignment)
        if first >= 0 { return first }
        lists = lists &>> UInt64(truncatingIfNeeded: step) & ~1
      }
      if strategy == .instantFit { return -1 }
    }
    var order = Self.order(ofSize: quanta)
    var lists = state.pointee.nonEmpty >> UInt64(truncatingIfNeeded: order)
    while lists != 0 {
      let step = lists.trailingZeroBitCount
      order &+= step
      var tag = heads[order]
      while tag != 0 {
        let first = clip(tag, quanta, alignment)
        if first >= 0 { return first }
        tag = tags[Int(tag)].nextFree
      }
      lists = lists &>> UInt64(truncatingIfNeeded: step) & ~1
    }
    return -1
  }

  /// vmem_fit and vmem_clip: the lowest part of a free segment that fits; what is left on both sides stays free.
  ///
  /// - Returns: the first quantum, -1 where the segment is too short.
  private func clip(_ tag: Int32, _ quanta: Int, _ alignment: Int) -> Int {
    let record = tags[Int(tag)]
    let first = (Int(record.first) &+ alignment &- 1) & ~(alignment &- 1)
    let before = first &- Int(record.first)
    guard before &+ quanta <= Int(record.size) else { return -1 }
    removeFree(tag)
    if before > 0 {
      let left = newTag(Int(record.first), before, .free)
      insertFree(left)
      insertSegment(left, after: record.previousSegment)
      tags[Int(tag)].first = Int32(truncatingIfNeeded: first)
      tags[Int(tag)].size &-= Int32(truncatingIfNeeded: before)
    }
    var taken = tag
    if Int(tags[Int(tag)].size) > quanta {
      taken = newTag(first, quanta, .busy)
      insertSegment(taken, after: tags[Int(tag)].previousSegment)
      tags[Int(tag)].first &+= Int32(truncatingIfNeeded: quanta)
      tags[Int(tag)].size &-= Int32(truncatingIfNeeded: quanta)
      insertFree(tag)
    } else {
      tags[Int(tag)].kind = .busy
    }
    busy[first] = taken
    let used = state.pointee.inUse &+ quanta
    state.pointee.inUse = used
    if used > state.pointee.highWater { state.pointee.highWater = used }
    return first
  }

  /// vmem_import: a span from the source, long enough for one more request.
  ///
  /// A request with an alignment of its own is over-estimated by twice the alignment, as in the kernel.
  private func importSpan(_ quanta: Int, _ alignment: Int) -> Bool {
    guard let source else { return false }
    let wanted = alignment > 1 ? quanta &+ 2 &* alignment : quanta
    let rounded = (wanted &+ importQuantum &- 1) / importQuantum &* importQuantum
    let first = source.allocate(rounded, .bestFit, alignment: importQuantum)
    guard first >= 0 else { return false }
    state.pointee.imports &+= 1
    addSpan(first, rounded, isImported: true)
    return true
  }
}
