// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

/// The text of vmstat(8) of 4.x (usr.bin/vmstat/vmstat.c domem and dozmem).
extension FreeBSD4 {
  /// Types that vmstat reads (MAX_KMSTATS).
  private static let typesShown = 200

  /// `vmstat -m`: three tables and the totals.
  ///
  /// Types come newest first, as the kernel links them; those without calls are left out.
  public func vmstatM() -> String {
    BucketVMStat.freeBSD.text(buckets, order: Array(buckets.typeNames.indices.reversed().prefix(Self.typesShown)))
  }

  /// The zones of kernel_map, newest first; mbufs are not among them (netstat -m shows those).
  public func vmstatZ() -> String { ZoneVMStat.text(zones.names.indices.reversed().map(zones.statistics)) }
}
