// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

extension DragonFly {
  /// Every byte that the allocator has taken from kernel_map: chunks, slab zones, large allocations, vm_zone zones and
  /// the kmemusage array (`bucketStructures`).
  public func ledger() -> Ledger {
    var ledger = Ledger()
    slabs.add(to: &ledger)
    for index in zones.names.indices {
      let zone = zones.zones[index]
      let used = zone.total - zone.freeCount
      ledger.live += used * zone.requestedSize
      ledger.rounding += used * (zone.size - zone.requestedSize)
      ledger.slabFree += zone.freeCount * zone.size
      ledger.slabOverhead += zone.pages * kernelPageSize - zone.total * zone.size
    }
    ledger.bucketStructures = kmemusagePages * kernelPageSize
    ledger.lost = lostBytes
    return ledger
  }

  /// Statistics by malloc type, in the order of registration.
  public func mallocTypeStatistics() -> [MallocTypeStatistics] { slabs.typeStatistics() }

  /// Statistics of the vm_zone zones, in the order of creation.
  public func zoneStatistics() -> [ZoneStatistics] {
    zones.names.indices.map { index in
      var row = zones.statistics(index)
      row.isInMap = true
      return row
    }
  }

  /// `vmstat -m`: the table by type of 4.x without the buckets, which DragonFly does not have.
  ///
  /// The columns are those of FreeBSD 4's usr.bin/vmstat; that DragonFly kept them, and that it prints no sizes, is
  /// recollection. Types come newest first, those without calls are left out.
  public func vmstatM() -> String {
    var text = "\nMemory statistics by type                          Type  Kern\n"
    text += "        Type  InUse MemUse HighUse  Limit Requests Limit Limit\n"
    var bytes = 0
    var calls: UInt64 = 0
    for index in slabs.typeNames.indices.reversed() where slabs.record(ofType: index).calls > 0 {
      let type = slabs.record(ofType: index)
      text += pad(slabs.typeNames[index], 13)
      text += "\(pad(type.inUse, 6))\(pad(kilobytes(type.bytes), 6))K\(pad(kilobytes(type.highUse), 7))K"
      text += "\(pad(kilobytes(slabs.typeLimit), 6))K\(pad(type.calls, 9))"
      text += "\(pad(type.limitBlocks, 5))\(pad(type.mapBlocks, 6))\n"
      bytes += type.bytes
      calls += type.calls
    }
    text += "\nMemory Totals:  In Use    Free    Requests\n"
    return text + "              \(pad(kilobytes(bytes), 7))K \(pad(0, 6))K    \(pad(calls, 8))\n"
  }

  /// `vmstat -z`: the vm_zone zones, newest first, in the format of 4.x (sys/vm/vm_zone.c, sysctl_vm_zone).
  public func vmstatZ() -> String { ZoneVMStat.text(zoneStatistics().reversed()) }

  private func kilobytes(_ bytes: Int) -> Int { TextColumn.kilobytes(bytes) }

  private func pad(_ value: some CustomStringConvertible, _ width: Int) -> String { TextColumn.right(value, width) }
}
