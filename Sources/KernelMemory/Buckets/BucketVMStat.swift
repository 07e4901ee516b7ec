// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

/// The malloc tables of `vmstat -m` as OpenBSD and NetBSD print them: sizes as plain numbers.
///
/// usr.bin/vmstat/vmstat.c of both, domem(), the generation with 32-bit counters.
struct BucketVMStat {
  /// The two heading lines of the table by type.
  var typeHeading: String
  /// The heading of the totals.
  var totalsHeading: String
  /// What follows the totals.
  var ending: String
  /// What is printed where nothing was ever allocated; NetBSD's goes to the standard error.
  var nothingGathered: String

  /// OpenBSD.
  static let openBSD = BucketVMStat(
    typeHeading: "\nMemory statistics by type                           Type  Kern\n"
      + "          Type InUse MemUse HighUse  Limit Requests Limit Limit Size(s)\n",
    totalsHeading: "\nMemory Totals:  In Use    Free    Requests\n", ending: "",
    nothingGathered: "Kmem statistics are not being gathered by the kernel.\n")
  /// NetBSD.
  static let netBSD = BucketVMStat(
    typeHeading: "\nMemory statistics by type                        Type  Kern\n"
      + "         Type  InUse MemUse HighUse  Limit Requests Limit Limit Size(s)\n",
    totalsHeading: "\nMemory totals:  In Use    Free    Requests\n", ending: "\n",
    nothingGathered: "vmstat: Kmem statistics are not being gathered by the kernel.\n")

  /// Column at which the list of types wraps.
  private static let lineLength = 80

  /// The three tables and the totals, or what is printed where nothing was ever allocated.
  ///
  /// - Parameters:
  ///   - malloc: the allocator.
  ///   - order: indices of the types in the order of the system; types without calls are left out.
  /// - Returns: the lines.
  func text(_ malloc: BucketMalloc, order: [Int]) -> String {
    let rows = malloc.bucketStatistics().filter { $0.requests > 0 }
    guard !rows.isEmpty else { return nothingGathered }
    let types = order.filter { malloc.types[$0].calls > 0 }
    var text = "Memory statistics by bucket size\n"
    text += "    Size   In Use   Free   Requests  HighWater  Couldfree\n"
    for row in rows {
      text += "\(pad(row.size, 8)) \(pad(row.used, 8)) \(pad(row.free, 6)) \(pad(row.requests, 10))"
      text += " \(pad(row.highWater, 7)) \(pad(row.couldFree, 10))\n"
    }
    text += "\nMemory usage type by bucket size\n    Size  Type(s)\n"
    for row in rows { text += typesLine(row.size, types, malloc) }

    text += typeHeading
    var used = 0
    var requests: UInt64 = 0
    for index in types {
      let type = malloc.types[index]
      text += pad(malloc.typeNames[index], 14)
      text += "\(pad(type.inUse, 6))\(pad(kilobytes(type.bytes), 6))K\(pad(kilobytes(type.highUse), 7))K"
      text += "\(pad(kilobytes(malloc.typeLimit), 6))K\(pad(type.calls, 9))"
      text += "\(pad(type.limitBlocks, 5))\(pad(type.mapBlocks, 6))\(sizesList(type.sizes))\n"
      used += type.bytes
      requests += type.calls
    }
    let free = rows.reduce(0) { $0 + $1.size * $1.free }
    text += totalsHeading
    text += "              \(pad(kilobytes(used), 7))K \(pad(kilobytes(free), 6))K    \(pad(requests, 8))\n"
    return text + ending
  }

  /// One row of the second table, wrapped as vmstat does, which counts a name before it writes it.
  private func typesLine(_ size: Int, _ types: [Int], _ malloc: BucketMalloc) -> String {
    var line = ""
    var length = 8
    var isFirst = true
    for index in types where malloc.types[index].sizes & UInt64(size / 16) != 0 {
      let name = malloc.typeNames[index]
      length += 2 + name.utf8.count
      line += isFirst ? "\(pad(size, 8))  \(name)" : ","
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
      text += (text.isEmpty ? "  " : ",") + String(16 << index)
    }
    return text
  }

  /// Rounded up, as vmstat's (x + 1023) / 1024.
  private func kilobytes(_ bytes: Int) -> Int { (bytes + 1023) / 1024 }

  private func pad(_ value: some CustomStringConvertible, _ width: Int) -> String {
    let text = value.description
    return String(repeating: " ", count: max(0, width - text.utf8.count)) + text
  }
}
