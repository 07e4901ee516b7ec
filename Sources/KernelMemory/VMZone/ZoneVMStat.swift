// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

/// The text of `vmstat -z` of FreeBSD 4.x and of DragonFly (sys/vm/vm_zone.c, sysctl_vm_zone).
enum ZoneVMStat {
  /// The table, one line a zone in the order given.
  static func text(_ rows: [ZoneStatistics]) -> String {
    var text = "\nITEM            SIZE     LIMIT    USED    FREE  REQUESTS\n\n"
    for row in rows {
      // "%-12.12s  ", then a colon is written over the blank behind the name.
      text += TextColumn.left(row.name.prefix(12) + ":", 14) + TextColumn.right(row.size, 6) + ", "
      text += TextColumn.right(row.limit, 8) + ", " + TextColumn.right(row.used, 6) + ", "
      text += TextColumn.right(row.free, 6) + ", " + TextColumn.right(row.requests, 8) + "\n"
    }
    return text + "\n\n"
  }
}
