// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

extension FreeBSD6 {
  /// `vmstat -m` of 6.x, through libmemstat (usr.bin/vmstat/vmstat.c, domemstat_malloc): HighUse is always "-".
  ///
  /// Types without allocations are left out. The order is that of registration.
  public func vmstatM() -> String {
    var text = "\(right("Type", 13)) \(right("InUse", 5)) \(right("MemUse", 6)) \(right("HighUse", 7)) "
    text += "\(right("Requests", 8))  Size(s)\n"
    for row in mallocTypeStatistics() where row.requests != 0 || row.inUse != 0 {
      let kilobytes = (row.bytes + 1023) / 1024
      text += "\(right(row.name, 13)) \(right("\(row.inUse)", 5)) \(right("\(kilobytes)", 5))K \(right("-", 7)) "
      text += "\(right("\(row.requests)", 8))  "
      let sizes = (0..<32).filter { row.sizes & (1 << UInt64($0)) != 0 }.map { "\(16 << $0)" }
      text += sizes.joined(separator: ",") + "\n"
    }
    return text
  }

  /// `vmstat -z` of 6.x, through libmemstat (usr.bin/vmstat/vmstat.c, domemstat_zone).
  ///
  /// USED is allocations less frees; FREE counts items in slabs, full buckets and per-CPU buckets. The order is that of
  /// creation.
  public func vmstatZ() -> String {
    var text = "\(left("ITEM", 15)) \(left("SIZE", 8)) \(left("LIMIT", 9)) \(left("USED", 7)) "
    text += "\(left("FREE", 5)) \(left("REQUESTS", 8))\n\n"
    for row in zoneStatistics() {
      text += "\(left(row.name + ":", 15)) \(right("\(row.size)", 4)), \(right("\(row.limit)", 8)), "
      text += "\(right("\(row.requests &- row.frees)", 7)), \(right("\(row.free)", 6)), "
      text += "\(right("\(row.requests)", 8))\n"
    }
    return text
  }

  /// `%*s` of printf.
  private func right(_ text: String, _ width: Int) -> String {
    String(repeating: " ", count: max(0, width - text.utf8.count)) + text
  }

  /// `%-*s` of printf.
  private func left(_ text: String, _ width: Int) -> String {
    text + String(repeating: " ", count: max(0, width - text.utf8.count))
  }
}
