// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

/// The text of vmstat(8) of 4.x (usr.bin/vmstat/vmstat.c domem and dozmem, sys/vm/vm_zone.c sysctl_vm_zone).
extension FreeBSD4 {
  /// Types that vmstat reads (MAX_KMSTATS).
  private static let typesShown = 200
  /// Column at which the list of types wraps.
  private static let lineLength = 79

  /// `vmstat -m`: three tables and the totals.
  ///
  /// Types come newest first, as the kernel links them; those without calls are left out.
  public func vmstatM() -> String {
    // The counters themselves, which are signed as in the kernel.
    let types = buckets.typeNames.indices.reversed().prefix(Self.typesShown).filter { buckets.types[$0].calls > 0 }
    let rows = bucketStatistics().filter { $0.requests > 0 }
    var text = "Memory statistics by bucket size\n"
    text += "Size   In Use   Free   Requests  HighWater  Couldfree\n"
    for row in rows {
      text += sizeColumn(row.size)
      text += " \(pad(row.used, 8)) \(pad(row.free, 6)) \(pad(row.requests, 10)) \(pad(row.highWater, 7))"
      text += " \(pad(row.couldFree, 10))\n"
    }

    text += "\nMemory usage type by bucket size\nSize  Type(s)\n"
    for row in rows { text += typesLine(row.size, types) }

    text += "\nMemory statistics by type                          Type  Kern\n"
    text += "        Type  InUse MemUse HighUse  Limit Requests Limit Limit Size(s)\n"
    var totalUsed = 0
    var totalRequests: UInt64 = 0
    for index in types {
      let type = buckets.types[index]
      text += pad(buckets.typeNames[index], 13)
      text += "\(pad(type.inUse, 6))\(pad(kilobytes(type.bytes), 6))K\(pad(kilobytes(type.highUse), 7))K"
      text += "\(pad(kilobytes(buckets.typeLimit), 6))K\(pad(type.calls, 9))"
      text += "\(pad(type.limitBlocks, 5))\(pad(type.mapBlocks, 6))\(sizesList(type.sizes))\n"
      totalUsed += type.bytes
      totalRequests += type.calls
    }
    let totalFree = rows.reduce(0) { $0 + $1.size * $1.free }
    text += "\nMemory Totals:  In Use    Free    Requests\n"
    text +=
      "              \(pad(kilobytes(totalUsed), 7))K \(pad(kilobytes(totalFree), 6))K    \(pad(totalRequests, 8))\n"
    return text
  }

  /// The zones of kernel_map, newest first; mbufs are not among them (netstat -m shows those).
  public func vmstatZ() -> String {
    var text = "\nITEM            SIZE     LIMIT    USED    FREE  REQUESTS\n\n"
    for index in zones.names.indices.reversed() {
      let zone = zones.statistics(index)
      // "%-12.12s  ", then a colon is written over the blank behind the name.
      var name = String(zone.name.prefix(12)) + ":"
      while name.utf8.count < 14 { name += " " }
      text += "\(name)\(pad(zone.size, 6)), \(pad(zone.limit, 8)), \(pad(zone.used, 6)), \(pad(zone.free, 6)),"
      text += " \(pad(zone.requests, 8))\n"
    }
    return text + "\n\n"
  }

  /// One row of the second table, wrapped as vmstat does, which counts a name before it writes it.
  private func typesLine(_ size: Int, _ types: [Int]) -> String {
    var line = ""
    var length = 8
    var isFirst = true
    for index in types where buckets.types[index].sizes & UInt64(size / 16) != 0 {
      let name = buckets.typeNames[index]
      length += 2 + name.utf8.count
      line += isFirst ? "\(sizeColumn(size))  \(name)" : ","
      if length >= Self.lineLength {
        line += "\n\t "
        length = 10 + name.utf8.count
      }
      if !isFirst { line += " \(name)" }
      isFirst = false
    }
    return line + "\n"
  }

  private func sizesList(_ sizes: UInt64) -> String {
    var text = ""
    for index in 0..<BucketMalloc.classCount where sizes >> UInt64(index) & 1 != 0 {
      let size = 16 << index
      text += text.isEmpty ? "  " : ","
      text += size < 1024 ? "\(size)" : "\(size >> 10)K"
    }
    return text
  }

  private func sizeColumn(_ size: Int) -> String { size < 1024 ? pad(size, 4) : pad(size >> 10, 3) + "K" }

  /// Rounded up, as vmstat's (x + 1023) / 1024.
  private func kilobytes(_ bytes: Int) -> Int { (bytes + 1023) / 1024 }

  private func pad(_ value: some CustomStringConvertible, _ width: Int) -> String {
    let text = value.description
    return String(repeating: " ", count: max(0, width - text.utf8.count)) + text
  }
}
