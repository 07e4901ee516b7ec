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
    typeNames.indices.map { index in
      let type = types[index]
      return MallocTypeStatistics(
        name: typeNames[index], inUse: UInt64(max(0, type.inUse)), bytes: UInt64(max(0, type.bytes)),
        requests: type.calls, frees: type.frees, highUse: UInt64(type.highUse), sizes: type.sizes)
    }
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
      let chunk = zone.chunkPages * kernelPageSize
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
    text += "\(pad(size, 6))\(pad(bytes >> 10, 7))K\(pad(maximum >> 10, 7))K\(pad(elements, 8))"
    text += "\(pad(maximum / size, 8))\(pad(used, 8))\(pad(chunk >> 10, 5))K\(pad(chunk / size, 8))"
    return text + (isCollectable ? " C\n" : "\n")
  }

  private func pad(_ value: Int, _ width: Int) -> String {
    let text = String(value)
    return String(repeating: " ", count: max(0, width - text.utf8.count)) + text
  }

  /// Empty: zprint(1) is the one view.
  public func vmstatZ() -> String { "" }

  // MARK: Invariants

  /// Checks the ledger identity alone.
  ///
  /// - Throws: the violation, with its values.
  public func checkLedger() throws(InvariantViolation) {
    let ledger = ledger()
    guard ledger.total == mapUsedBytes else {
      throw InvariantViolation("ledger: \(ledger.total) bytes accounted, \(mapUsedBytes) of zone_map in use: \(ledger)")
    }
    guard ledger.rounding >= 0, ledger.slabFree >= 0, ledger.slabOverhead >= 0 else {
      throw InvariantViolation("ledger: an account is negative: \(ledger)")
    }
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
      let type = types[index]
      guard UInt64(bitPattern: Int64(type.inUse)) == type.calls &- type.frees, type.highUse >= type.bytes else {
        throw InvariantViolation(
          "malloc type \"\(name)\": \(type.inUse) in use, \(type.calls) calls, \(type.frees) frees, \(type.bytes) bytes,"
            + " high use \(type.highUse)")
      }
    }
  }
}
