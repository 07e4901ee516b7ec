// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

/// Quantum caches in front of an arena: small requests come from slabs of the arena, one kind of slab for each length.
///
/// A slab is the smallest power of two above three times the longest cached request (illumos
/// usr/src/uts/common/os/vmem.c, VMEM_QCACHE_SLABSIZE; recollection) and is one segment of the arena. An item comes from
/// the slab that was last partly freed, at its lowest free place; a slab that is wholly free goes back to the arena at
/// once. What systems put on top of that, magazines, pool caches or UMA's buckets, is their own and not here.
public final class VMemQuantumCaches {
  /// VMEM_QCACHE_IDX_MAX: the longest request that may be cached, quanta.
  public static let greatestMaximum = 16

  /// The arena behind the caches.
  public let arena: VMem
  /// Requests of up to this many quanta are served by a cache (vm_qcache_max).
  public let maximum: Int
  /// Quanta of a slab.
  public let slabQuanta: Int

  private let state: UnsafeMutablePointer<State>
  /// By length less one: the slabs with free and with taken items; 0 for none.
  private let partial: UnsafeMutablePointer<Int32>
  /// By quantum: the slab whose item begins there and is taken; 0 for none.
  private let owners: UnsafeMutablePointer<Int32>

  private struct Slab {
    var first: Int32 = 0
    var next: Int32 = 0
    var previous: Int32 = 0
    /// Quanta of an item; 0 for a record that is not in use.
    var quanta: Int32 = 0
    var free: UInt64 = 0
  }

  private struct State {
    var slabs: UnsafeMutablePointer<Slab>
    var capacity = 64
    var count = 1
    var unused: Int32 = 0
    var takenQuanta = 0
    var slabCount = 0
  }

  /// Caches for requests of 1 to `maximum` quanta, at most ``greatestMaximum``.
  public init(arena: VMem, maximum: Int) {
    precondition((1...Self.greatestMaximum).contains(maximum), "VMemQuantumCaches: up to \(maximum) quanta")
    self.arena = arena
    self.maximum = maximum
    var quanta = 1
    while quanta <= 3 * maximum { quanta *= 2 }
    slabQuanta = quanta
    state = .allocate(capacity: 1)
    let slabs = UnsafeMutablePointer<Slab>.allocate(capacity: 64)
    slabs.initialize(to: Slab())
    state.initialize(to: State(slabs: slabs))
    partial = .allocate(capacity: maximum)
    partial.initialize(repeating: 0, count: maximum)
    owners = .allocate(capacity: arena.capacity)
    owners.initialize(repeating: 0, count: arena.capacity)
  }

  deinit {
    state.pointee.slabs.deallocate()
    state.deallocate()
    partial.deallocate()
    owners.deallocate()
  }

  /// Slabs that the caches hold.
  public var slabCount: Int { state.pointee.slabCount }
  /// Quanta of these slabs that no request has.
  public var freeQuanta: Int { slabCount * slabQuanta - state.pointee.takenQuanta }

  /// vmem_alloc: from a cache, or from the arena where the request is longer.
  ///
  /// - Returns: the first quantum, -1 where the arena has no room or `quanta` is below 1.
  public func allocate(_ quanta: Int, _ strategy: VMem.Strategy) -> Int {
    guard quanta > 0, quanta <= maximum else { return arena.allocate(quanta, strategy) }
    var slab = partial[quanta - 1]
    if slab == 0 {
      let first = arena.allocate(slabQuanta, strategy)
      guard first >= 0 else { return -1 }
      slab = newSlab(first, quanta)
      link(slab)
    }
    let record = slabs + Int(slab)
    let place = record.pointee.free.trailingZeroBitCount
    record.pointee.free &= record.pointee.free &- 1
    if record.pointee.free == 0 { unlink(slab) }
    state.pointee.takenQuanta &+= quanta
    let first = Int(record.pointee.first) &+ place &* quanta
    owners[first] = slab
    return first
  }

  /// vmem_free of what ``allocate(_:_:)`` gave, with the same length.
  public func free(_ first: Int, quanta: Int) {
    guard quanta <= maximum else { return arena.free(first, quanta: quanta) }
    precondition(first >= 0 && first < arena.capacity && owners[first] != 0, "\(arena.name): cache free at \(first)")
    let slab = owners[first]
    let record = slabs + Int(slab)
    precondition(Int(record.pointee.quanta) == quanta, "\(arena.name): cache free of \(quanta) quanta")
    owners[first] = 0
    state.pointee.takenQuanta &-= quanta
    if record.pointee.free == 0 { link(slab) }
    let place = (first &- Int(record.pointee.first)) / quanta
    record.pointee.free |= 1 &<< UInt64(truncatingIfNeeded: place)
    guard record.pointee.free == allFree(quanta) else { return }
    unlink(slab)
    let start = Int(record.pointee.first)
    record.pointee.quanta = 0
    record.pointee.next = state.pointee.unused
    state.pointee.unused = slab
    state.pointee.slabCount &-= 1
    arena.free(start, quanta: slabQuanta)
  }

  private var slabs: UnsafeMutablePointer<Slab> { state.pointee.slabs }

  /// The bits of a slab without a taken item; at most 64 items fit in one.
  private func allFree(_ quanta: Int) -> UInt64 {
    let items = slabQuanta / quanta
    return .max >> UInt64(64 - items)
  }

  private func newSlab(_ first: Int, _ quanta: Int) -> Int32 {
    var index = state.pointee.unused
    if index != 0 {
      state.pointee.unused = slabs[Int(index)].next
    } else {
      if state.pointee.count == state.pointee.capacity {
        let larger = UnsafeMutablePointer<Slab>.allocate(capacity: state.pointee.capacity * 2)
        larger.moveInitialize(from: slabs, count: state.pointee.count)
        slabs.deallocate()
        state.pointee.slabs = larger
        state.pointee.capacity *= 2
      }
      index = Int32(state.pointee.count)
      state.pointee.count += 1
    }
    (slabs + Int(index)).initialize(
      to: Slab(first: Int32(first), quanta: Int32(quanta), free: allFree(quanta)))
    state.pointee.slabCount &+= 1
    return index
  }

  private func link(_ slab: Int32) {
    let length = Int(slabs[Int(slab)].quanta) - 1
    let next = partial[length]
    slabs[Int(slab)].previous = 0
    slabs[Int(slab)].next = next
    if next != 0 { slabs[Int(next)].previous = slab }
    partial[length] = slab
  }

  private func unlink(_ slab: Int32) {
    let record = slabs[Int(slab)]
    if record.next != 0 { slabs[Int(record.next)].previous = record.previous }
    if record.previous != 0 {
      slabs[Int(record.previous)].next = record.next
    } else {
      partial[Int(record.quanta) - 1] = record.next
    }
  }

  /// Checks slabs, lists and counts, and the arena.
  ///
  /// - Throws: the first violation, with its values.
  public func checkInvariants() throws(InvariantViolation) {
    var taken = 0
    var count = 0
    var partly = 0
    for index in 1..<state.pointee.count where slabs[index].quanta != 0 {
      let slab = slabs[index]
      let quanta = Int(slab.quanta)
      count += 1
      if slab.free != 0 { partly += 1 }
      taken += (slabQuanta / quanta - slab.free.nonzeroBitCount) * quanta
      guard arena.isBusy(Int(slab.first), quanta: slabQuanta), slab.free & ~allFree(quanta) == 0,
        slab.free != allFree(quanta)
      else {
        throw InvariantViolation("\(arena.name): slab at \(slab.first) of \(quanta) quanta has \(slab.free) free")
      }
    }
    var listed = 0
    for length in 0..<maximum {
      var slab = partial[length]
      while slab != 0, listed <= partly {
        guard slabs[Int(slab)].free != 0, Int(slabs[Int(slab)].quanta) == length + 1 else {
          throw InvariantViolation("\(arena.name): slab \(slab) is on the list of \(length + 1) quanta")
        }
        listed += 1
        slab = slabs[Int(slab)].next
      }
    }
    guard taken == state.pointee.takenQuanta, count == slabCount, listed == partly else {
      throw InvariantViolation(
        "\(arena.name): \(count) slabs with \(taken) quanta taken, \(listed) listed of \(partly); counted \(slabCount)")
    }
    try arena.checkInvariants()
  }
}
