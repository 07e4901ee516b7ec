// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

extension UMAKernel {
  /// Every byte of kmem_map in use, by account.
  public final func ledger() -> Ledger { uma.ledger() }

  /// Statistics by malloc type, in the order of registration.
  public final func mallocTypeStatistics() -> [MallocTypeStatistics] {
    uma.typeNames.indices.map { uma.typeStatistics($0, withHighUse: profile.statistics == .sysctl) }
  }

  /// Statistics by zone, in the order of creation.
  public final func zoneStatistics() -> [ZoneStatistics] { uma.zoneNames.indices.map { uma.zoneStatistics($0) } }

  /// Checks every invariant of the model.
  ///
  /// - Throws: the first violation, with its values.
  public final func checkInvariants() throws(InvariantViolation) { try uma.checkInvariants() }

  /// `vmstat -m` as this kernel prints it; types without calls are left out, the order is that of registration.
  public final func vmstatM() -> String {
    switch profile.statistics {
    case .sysctl: sysctlMalloc()
    case .libmemstat, .libmemstatWithFailures: memstatMalloc()
    }
  }

  /// `vmstat -z` as this kernel prints it; the order is that of creation.
  public final func vmstatZ() -> String {
    switch profile.statistics {
    case .sysctl: sysctlZone()
    case .libmemstat: memstatZone()
    case .libmemstatWithFailures: memstatZoneWithFailures()
    }
  }
}

/// The texts (reference page "kernel-allocators", chapter 20).
extension UMAKernel {
  /// 6.x and later, through libmemstat (usr.bin/vmstat/vmstat.c, domemstat_malloc): HighUse is always "-".
  private final func memstatMalloc() -> String {
    var text = "\(right("Type", 13)) \(right("InUse", 5)) \(right("MemUse", 6)) \(right("HighUse", 7)) "
    text += "\(right("Requests", 8))  Size(s)\n"
    for row in mallocTypeStatistics() where row.requests != 0 || row.inUse != 0 {
      text += "\(right(row.name, 13)) \(right(row.inUse, 5)) \(right(kilobytes(row.bytes), 5))K \(right("-", 7)) "
      text += "\(right(row.requests, 8))  \(sizes(row.sizes))\n"
    }
    return text
  }

  /// 6.x, through libmemstat (usr.bin/vmstat/vmstat.c, domemstat_zone).
  ///
  /// USED is allocations less frees; FREE counts items in slabs, full buckets and per-CPU buckets.
  private final func memstatZone() -> String {
    var text = "\(left("ITEM", 15)) \(left("SIZE", 8)) \(left("LIMIT", 9)) \(left("USED", 7)) "
    text += "\(left("FREE", 5)) \(left("REQUESTS", 8))\n\n"
    for row in zoneStatistics() {
      text += "\(left(row.name + ":", 15)) \(right(row.size, 4)), \(right(row.limit, 8)), "
      text += "\(right(row.requests &- row.frees, 7)), \(right(row.free, 6)), \(right(row.requests, 8))\n"
    }
    return text
  }

  /// 8.x and 9.x: plain commas behind LIMIT, columns for failures and for sleeps at the zone's limit, and a blank line
  /// at the end.
  private final func memstatZoneWithFailures() -> String {
    var text = "\(left("ITEM", 20)) \(right("SIZE", 6)) \(right("LIMIT", 6)) \(right("USED", 8)) "
    text += "\(right("FREE", 8)) \(right("REQ", 8)) \(right("FAIL", 4)) \(right("SLEEP", 4))\n\n"
    for (index, row) in zoneStatistics().enumerated() {
      text += "\(left(row.name + ":", 20)) \(right(row.size, 6)), \(right(row.limit, 6)),"
      text += "\(right(row.requests &- row.frees, 8)),\(right(row.free, 8)),\(right(row.requests, 8)),"
      text += "\(right(row.failures, 4)),\(right(uma.zones[index].sleeps, 4))\n"
    }
    return text + "\n"
  }

  /// 5.x, sysctl kern.malloc: HighUse is a number, and Requests counts calls that got nothing, too (recollection).
  private final func sysctlMalloc() -> String {
    var text = "\n        Type  InUse MemUse HighUse Requests  Size(s)\n"
    for (index, row) in mallocTypeStatistics().enumerated() {
      let calls = row.requests &+ uma.types[index].misses
      guard calls != 0 else { continue }
      text += "\(right(row.name, 13))\(right(row.inUse, 6))\(right(kilobytes(row.bytes), 6))K"
      text += "\(right(kilobytes(row.highUse ?? 0), 7))K\(right(calls, 9))"
      let sizes = sizes(row.sizes)
      text += sizes.isEmpty ? "\n" : "  \(sizes)\n"
    }
    return text
  }

  /// 5.x, sysctl vm.zone: `%-12.12s  %6.6u, %8.8u, %6.6u, %6.6u, %8.8llu`, with a colon right behind the name.
  ///
  /// The kernel's printf ignores the precision of integers. USED is what slabs hold and is not free.
  private final func sysctlZone() -> String {
    var text = "\nITEM            SIZE     LIMIT     USED    FREE  REQUESTS\n\n"
    for row in zoneStatistics() {
      text += "\(left(row.name.prefix(12) + ":", 14))\(right(row.size, 6)), \(right(row.limit, 8)), "
      text += "\(right(row.used, 6)), \(right(row.free, 6)), \(right(row.requests, 8))\n"
    }
    return text
  }

  /// The size classes of a mask, with commas between them.
  private final func sizes(_ mask: UInt64) -> String {
    (0..<32).filter { mask & (1 << UInt64($0)) != 0 }.map { "\(16 << $0)" }.joined(separator: ",")
  }

  /// Rounded up.
  private final func kilobytes(_ bytes: UInt64) -> UInt64 { (bytes + 1023) / 1024 }

  /// `%*s` of printf.
  private final func right(_ value: some CustomStringConvertible, _ width: Int) -> String {
    let text = value.description
    return String(repeating: " ", count: max(0, width - text.utf8.count)) + text
  }

  /// `%-*s` of printf.
  private final func left(_ text: some StringProtocol, _ width: Int) -> String {
    text + String(repeating: " ", count: max(0, width - text.utf8.count))
  }
}
