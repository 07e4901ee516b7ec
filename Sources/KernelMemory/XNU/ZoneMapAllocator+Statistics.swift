// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

extension ZoneMapAllocator {
  /// Why the last ``allocate(_:_:asked:)`` returned null.
  public var refusal: Refusal { state.pointee.refusal }
  /// Why the last ``free(_:_:)`` did nothing.
  public var freeError: FreeError { state.pointee.freeError }
  /// Runs of zone_gc() so far.
  public var collections: UInt64 { state.pointee.collections }
  /// Second and third tries of growths so far.
  public var retries: UInt64 { state.pointee.retries }
  /// Zones that wait for a thread call.
  public var pendingGrowths: Int { state.pointee.pendingGrowths }

  /// Adds every byte of zone_map to a ledger.
  func add(to ledger: inout Ledger) {
    let now = state.pointee
    let live = now.bytesAskedFor - now.bytesGivenBack
    var liveElements = 0
    for index in 0..<now.zoneCount { liveElements += now.zones[index].used * now.zones[index].size }
    ledger.live += live
    ledger.rounding += liveElements - live
    ledger.slabFree += now.elementBytes - liveElements
    ledger.slabOverhead += now.usedPages * kernelPageSize - now.elementBytes
    ledger.bucketStructures += metadataPages * kernelPageSize
  }

  /// Statistics of one zone; all free elements count as those of slabs, for there is no other place.
  public func statistics(_ index: Int) -> ZoneStatistics {
    let zone = zones[index]
    var row = ZoneStatistics(name: names[index], size: zone.size, isInMap: true)
    row.used = zone.used
    row.free = zone.free
    row.kegFree = zone.free
    row.requests = zone.requests
    row.frees = zone.frees
    row.failures = zone.failures
    row.pages = zone.pages
    row.pagesReturned = zone.pagesReturned
    return row
  }
}
