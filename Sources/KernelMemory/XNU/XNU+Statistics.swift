// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

extension XNU {
  /// Every byte of zone_map; large allocations and mbufs lie in other maps and are not among them.
  public func ledger() -> Ledger {
    var ledger = Ledger()
    zones.add(to: &ledger)
    ledger.lost = lostBytes
    return ledger
  }

  /// Statistics by malloc type (struct kmemstats), in the order of registration.
  public func mallocTypeStatistics() -> [MallocTypeStatistics] {
    typeNames.indices.map { zones.state.pointee.types[$0].record.statistics(name: typeNames[$0]) }
  }

  /// Statistics of mbuf and mbuf_cluster, then of the zones of zone_map in the order of creation.
  public func zoneStatistics() -> [ZoneStatistics] {
    (0..<Self.mbufZones).map(mbufs.statistics) + zones.names.indices.map(zones.statistics)
  }

  /// The table of zprint(1), the one view of this system: zones that hold pages, in the order of creation, and the
  /// large allocations.
  ///
  /// The columns are those of printed samples (recollection). The maximum of kalloc.large is its present size.
  public func vmstatM() -> String {
    var text = "                      elem     cur     max     cur     max     cur alloc   alloc\n"
    text += "zone name             size    size    size   #elts   #elts   inuse  size   count\n"
    text += String(repeating: "-", count: 82) + "\n"
    for index in zones.names.indices where zones.zones[index].pages > 0 {
      let zone = zones.zones[index]
      let chunk = Int(zone.chunkPages) * kernelPageSize
      text += row(
        zones.names[index], size: zone.size, bytes: zone.pages * kernelPageSize, maximum: zone.maximumBytes,
        elements: zone.used + zone.free, used: zone.used, chunk: chunk, isCollectable: zone.isCollectable)
    }
    if large.count > 0 {
      let average = large.bytes / large.count
      text += row(
        "kalloc.large", size: average, bytes: large.bytes, maximum: large.bytes, elements: large.count,
        used: large.count, chunk: average, isCollectable: true)
    }
    return text
  }

  private func row(
    _ name: String, size: Int, bytes: Int, maximum: Int, elements: Int, used: Int, chunk: Int, isCollectable: Bool
  ) -> String {
    var text = String(name.prefix(19))
    while text.utf8.count < 20 { text += " " }
    text +=
      "\(TextColumn.right(size, 6))\(TextColumn.right(bytes >> 10, 7))K\(TextColumn.right(maximum >> 10, 7))K\(TextColumn.right(elements, 8))"
    text +=
      "\(TextColumn.right(maximum / size, 8))\(TextColumn.right(used, 8))\(TextColumn.right(chunk >> 10, 5))K\(TextColumn.right(chunk / size, 8))"
    return text + (isCollectable ? " C\n" : "\n")
  }

  /// Empty: zprint(1) is the one view.
  public func vmstatZ() -> String { "" }

  // MARK: Invariants

  /// Checks the ledger identity alone.
  ///
  /// - Throws: the violation, with its values.
  public func checkLedger() throws(InvariantViolation) {
    try ledger().check(mapUsedBytes: mapUsedBytes, of: "zone_map")
  }

  /// Checks the ledger, every zone, the malloc types and every map.
  ///
  /// - Throws: the first violation, with its values.
  public func checkInvariants() throws(InvariantViolation) {
    try checkLedger()
    try zones.checkInvariants()
    try zones.map.space.checkInvariants(name: "zone_map")
    try mbufs.checkInvariants()
    try mbufs.map.space.checkInvariants(name: "mb_map")
    try large.checkInvariants()
    for (index, name) in typeNames.enumerated() {
      let row = zones.state.pointee.types[index].record
      guard row.highUse >= row.bytes else {
        throw InvariantViolation("malloc type \"\(name)\": \(row.bytes) bytes, high use \(row.highUse)")
      }
    }
  }
}
