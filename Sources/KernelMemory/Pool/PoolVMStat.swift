// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

/// The pool table of `vmstat -m` (OpenBSD and NetBSD usr.bin/vmstat/vmstat.c, dopool), older generation.
enum PoolVMStat {
  private static let header = "Name        Size Requests Fail Releases Pgreq Pgrel Npage Hiwat Minpg Maxpg Idle\n"

  /// Heading, rows of pools that were ever used, and the line of totals.
  ///
  /// - Parameters:
  ///   - pools: in the order of the system.
  ///   - extraBytes: what the system adds to the bytes allocated.
  /// - Returns: the lines.
  static func text(_ pools: [PoolStatistics], extraBytes: Int) -> String {
    var text = "Memory resource pool statistics\n" + header
    var inUse = 0
    var total = extraBytes / 1024 * 1024
    for pool in pools {
      inUse += Int(truncatingIfNeeded: pool.requests &- pool.releases) * pool.size
      total += pool.pages * kernelPageSize
      if pool.requests > 0 { text += row(pool) }
    }
    let used = inUse / 1024
    let allocated = total / 1024
    text += "\nIn use \(used)K, total allocated \(allocated)K; utilization \(percent(used, allocated))%\n"
    return text
  }

  /// PRWORD: a word that is too wide takes from the padding of the following ones.
  private static func row(_ pool: PoolStatistics) -> String {
    let limit = pool.maximumPages == PoolAllocator.unlimited ? "inf" : String(pool.maximumPages)
    let words: [(String, Int)] = [
      (String(pool.size), 5), (String(pool.requests), 9), (String(pool.failures), 5), (String(pool.releases), 9),
      (String(pool.pageRequests), 6), (String(pool.pageReleases), 6), (String(pool.pages), 6),
      (String(pool.highWaterPages), 6), (String(pool.minimumPages), 6), (limit, 6), (String(pool.idlePages), 5),
    ]
    var line = pool.name + String(repeating: " ", count: max(0, 11 - pool.name.utf8.count))
    var overflow = line.utf8.count - 11
    for (index, (word, width)) in words.enumerated() {
      let field = max(0, width - 1 - overflow)
      let padded = " " + String(repeating: " ", count: max(0, field - word.utf8.count)) + word
      line += padded
      // The last format ends in a newline, which printf counts too; it changes nothing any more.
      overflow = max(0, overflow + padded.utf8.count - width)
      if index == words.count - 1 { line += "\n" }
    }
    return line
  }

  /// "%.1f" of 100 × part / whole.
  static func percent(_ part: Int, _ whole: Int) -> String {
    guard whole != 0 else { return "nan" }
    let value = Double(100 * part) / Double(whole)
    // The product with 10 as a sum of two numbers, so that it is rounded as printf does: once, ties to even.
    let scaled = value * 10
    let error = (-scaled).addingProduct(value, 10)
    let floor = scaled.rounded(.down)
    let rest = (scaled - floor - 0.5) + error
    var tenths = Int(floor)
    if rest > 0 || (rest == 0 && tenths % 2 != 0) { tenths += 1 }
    return "\(tenths / 10).\(tenths % 10)"
  }
}
