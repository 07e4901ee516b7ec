// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

extension SlabAllocator {
  /// Why the last ``malloc(_:_:_:)`` returned null.
  public var refusal: Refusal { state.pointee.refusal }
  /// Why the last ``free(_:_:)`` did nothing.
  public var freeError: FreeError { state.pointee.freeError }
  /// Requests that were not allowed to sleep and got nothing.
  public var noWaitFailures: UInt64 { state.pointee.noWaitFailures }
  /// Zones that serve a class.
  public var liveZones: Int { state.pointee.liveZones }
  /// Zones on the lists of free zones of all processors.
  public var freeZones: Int { state.pointee.freeZones }
  /// Zones that came from the map so far.
  public var zonesMade: UInt64 { state.pointee.zonesMade }
  /// Zones that went back to the map so far.
  public var zonesReturned: UInt64 { state.pointee.zonesReturned }
  /// Frees that went to another processor so far.
  public var messagesSent: UInt64 { state.pointee.messagesSent }
  /// Frees on their way.
  public var freesInTransit: Int { state.pointee.transitCount }

  /// Adds the bytes of zones and large allocations to a ledger.
  ///
  /// Chunks whose free is on its way count as `cpuBuckets`, wholly free zones as `zoneBuckets`.
  func add(to ledger: inout Ledger) {
    let now = state.pointee
    let live = now.bytesAskedFor - now.bytesGivenBack
    // What the types hold is chunks, those on their way included, and large allocations.
    var liveChunks = -now.largeBytes - now.transitBytes
    for index in 0..<now.typeCount { liveChunks += now.types[index].bytes }
    ledger.live += live
    ledger.rounding += liveChunks - live
    ledger.slabFree += now.capacityBytes - liveChunks - now.transitBytes
    ledger.cpuBuckets += now.transitBytes
    ledger.zoneBuckets += now.freeZones * zoneSize
    ledger.slabOverhead += now.liveZones * zoneSize - now.capacityBytes
    ledger.large += now.largeBytes
  }

  /// struct malloc_type of a type.
  func record(ofType index: Int) -> MallocTypeRecord { state.pointee.types[index].record }

  /// Statistics by type, in the order of registration.
  ///
  /// The kernel's counters are signed: a free under another type than the allocation's can make them negative. Here
  /// such a row shows 0.
  public func typeStatistics() -> [MallocTypeStatistics] {
    typeNames.indices.map { record(ofType: $0).statistics(name: typeNames[$0], limit: typeLimit) }
  }
}
