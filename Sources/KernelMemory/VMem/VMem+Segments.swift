// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

extension VMem {
  /// Gives the arena a span of its own; spans never merge with each other (vmem_add).
  ///
  /// - Parameters:
  ///   - first: its first quantum.
  ///   - quanta: its length; the whole span lies in the range of the arena and overlaps no other.
  public func addSpan(first: Int, quanta: Int) { addSpan(first, quanta, isImported: false) }

  func addSpan(_ first: Int, _ quanta: Int, isImported: Bool) {
    precondition(
      first >= 0 && quanta > 0 && quanta <= capacity - first, "\(name): a span of \(quanta) quanta at \(first)")
    let span = newTag(first, quanta, .span)
    tags[Int(span)].isImported = isImported
    insertSegment(span, after: tags[0].previousSegment)
    let free = newTag(first, quanta, .free)
    insertSegment(free, after: span)
    insertFree(free)
    state.pointee.size &+= quanta
  }

  /// Takes a wholly free imported span out, and gives it back to the source (vm_releasefn).
  ///
  /// - Parameters:
  ///   - span: the tag of the span.
  ///   - segment: the tag of its only segment, which is on no list.
  func releaseSpan(_ span: Int32, _ segment: Int32) {
    let record = tags[Int(span)]
    removeSegment(segment)
    removeSegment(span)
    dropTag(segment)
    dropTag(span)
    state.pointee.size &-= Int(record.size)
    state.pointee.releases &+= 1
    source?.free(Int(record.first), quanta: Int(record.size))
  }

  // MARK: Tags

  @inline(__always)
  var tags: UnsafeMutablePointer<Tag> { state.pointee.tags }

  @inline(__always)
  func newTag(_ first: Int, _ size: Int, _ kind: Kind) -> Int32 {
    let unused = state.pointee.unusedTag
    let index: Int32
    if unused != 0 {
      index = unused
      state.pointee.unusedTag = tags[Int(unused)].nextFree
    } else {
      if state.pointee.tagCount == state.pointee.tagCapacity { growTags() }
      index = Int32(truncatingIfNeeded: state.pointee.tagCount)
      state.pointee.tagCount &+= 1
    }
    (tags + Int(index)).initialize(
      to: Tag(first: Int32(truncatingIfNeeded: first), size: Int32(truncatingIfNeeded: size), kind: kind))
    return index
  }

  @inline(__always)
  func dropTag(_ tag: Int32) {
    tags[Int(tag)].kind = .unused
    tags[Int(tag)].nextFree = state.pointee.unusedTag
    state.pointee.unusedTag = tag
  }

  @inline(never)
  private func growTags() {
    let larger = UnsafeMutablePointer<Tag>.allocate(capacity: state.pointee.tagCapacity * 2)
    larger.moveInitialize(from: tags, count: state.pointee.tagCount)
    tags.deallocate()
    state.pointee.tags = larger
    state.pointee.tagCapacity *= 2
  }

  // MARK: The row of segments

  /// Tag 0 closes the row to a ring.
  @inline(__always)
  func insertSegment(_ tag: Int32, after previous: Int32) {
    let next = tags[Int(previous)].nextSegment
    tags[Int(tag)].previousSegment = previous
    tags[Int(tag)].nextSegment = next
    tags[Int(previous)].nextSegment = tag
    tags[Int(next)].previousSegment = tag
  }

  @inline(__always)
  func removeSegment(_ tag: Int32) {
    let record = tags[Int(tag)]
    tags[Int(record.previousSegment)].nextSegment = record.nextSegment
    tags[Int(record.nextSegment)].previousSegment = record.previousSegment
  }

  // MARK: Lists of free segments

  /// bt_insfree: at the head of the list of its size.
  @inline(__always)
  func insertFree(_ tag: Int32) {
    let order = Self.order(ofSize: Int(tags[Int(tag)].size))
    let next = heads[order]
    tags[Int(tag)].previousFree = 0
    tags[Int(tag)].nextFree = next
    if next != 0 { tags[Int(next)].previousFree = tag }
    heads[order] = tag
    state.pointee.nonEmpty |= 1 &<< UInt64(truncatingIfNeeded: order)
  }

  /// bt_remfree; the size of the segment is still the one it was listed under.
  @inline(__always)
  func removeFree(_ tag: Int32) {
    let record = tags[Int(tag)]
    if record.nextFree != 0 { tags[Int(record.nextFree)].previousFree = record.previousFree }
    if record.previousFree != 0 {
      tags[Int(record.previousFree)].nextFree = record.nextFree
      return
    }
    let order = Self.order(ofSize: Int(record.size))
    heads[order] = record.nextFree
    if record.nextFree == 0 { state.pointee.nonEmpty &= ~(1 &<< UInt64(truncatingIfNeeded: order)) }
  }
}
