// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

/// The malloc tables of `vmstat -m` as FreeBSD 4, OpenBSD and NetBSD print them.
///
/// usr.bin/vmstat/vmstat.c of the three, domem(), the generation with 32-bit counters. FreeBSD 4 writes sizes from 1024
/// on in K, the others as plain numbers.
struct BucketVMStat {
  /// The heading of the table by size; its first column is as wide as ``sizeWidth``.
  var sizeHeading: String
  /// Width of a size, characters.
  var sizeWidth: Int
  /// Sizes from 1024 on are in K.
  var shortensSizes = false
  /// Width of the name of a type, characters.
  var nameWidth: Int
  /// Column at which the list of types wraps.
  var lineLength: Int
  /// The two heading lines of the table by type.
  var typeHeading: String
  /// The heading of the totals.
  var totalsHeading: String
  /// What follows the totals.
  var ending: String
  /// What is printed where nothing was ever allocated; NetBSD's goes to the standard error, FreeBSD prints empty
  /// tables.
  var nothingGathered: String?

  /// FreeBSD 4.
  static let freeBSD = BucketVMStat(
    sizeHeading: "Size", sizeWidth: 4, shortensSizes: true, nameWidth: 13, lineLength: 79,
    typeHeading: "\nMemory statistics by type                          Type  Kern\n"
      + "        Type  InUse MemUse HighUse  Limit Requests Limit Limit Size(s)\n",
    totalsHeading: "\nMemory Totals:  In Use    Free    Requests\n", ending: "", nothingGathered: nil)
  /// OpenBSD.
  static let openBSD = BucketVMStat(
    sizeHeading: "    Size", sizeWidth: 8, nameWidth: 14, lineLength: 80,
    typeHeading: "\nMemory statistics by type                           Type  Kern\n"
      + "          Type InUse MemUse HighUse  Limit Requests Limit Limit Size(s)\n",
    totalsHeading: "\nMemory Totals:  In Use    Free    Requests\n", ending: "",
    nothingGathered: "Kmem statistics are not being gathered by the kernel.\n")
  /// NetBSD.
  static let netBSD = BucketVMStat(
    sizeHeading: "    Size", sizeWidth: 8, nameWidth: 14, lineLength: 80,
    typeHeading: "\nMemory statistics by type                        Type  Kern\n"
      + "         Type  InUse MemUse HighUse  Limit Requests Limit Limit Size(s)\n",
    totalsHeading: "\nMemory totals:  In Use    Free    Requests\n", ending: "\n",
    nothingGathered: "vmstat: Kmem statistics are not being gathered by the kernel.\n")

  /// The three tables and the totals, or what is printed where nothing was ever allocated.
  ///
  /// - Parameters:
  ///   - malloc: the allocator.
  ///   - order: indices of the types in the order of the system; types without calls are left out.
  /// - Returns: the lines.
  func text(_ malloc: BucketMalloc, order: [Int]) -> String {
    let rows = malloc.bucketStatistics().filter { $0.requests > 0 }
    if rows.isEmpty, let nothingGathered { return nothingGathered }
    let types = order.filter { malloc.requests(type: $0) > 0 }
    var text = "Memory statistics by bucket size\n"
    text += "\(sizeHeading)   In Use   Free   Requests  HighWater  Couldfree\n"
    for row in rows {
      text += "\(sizeColumn(row.size)) \(pad(row.used, 8)) \(pad(row.free, 6)) \(pad(row.requests, 10))"
      text += " \(pad(row.highWater, 7)) \(pad(row.couldFree, 10))\n"
    }
    text += "\nMemory usage type by bucket size\n\(sizeHeading)  Type(s)\n"
    for row in rows { text += typesLine(row.size, types, malloc) }

    text += typeHeading
    var used = 0
    var requests = 0
    for index in types {
      let type = malloc.types[index].pointee
      let calls = malloc.requests(type: index)
      text += pad(malloc.typeNames[index], nameWidth)
      text += "\(pad(type.inUse, 6))\(pad(kilobytes(type.bytes), 6))K\(pad(kilobytes(type.highUse), 7))K"
      text += "\(pad(kilobytes(malloc.typeLimit), 6))K\(pad(calls, 9))"
      text += "\(pad(type.limitBlocks, 5))\(pad(0, 6))\(sizesList(malloc.sizes(type: index)))\n"
      used += type.bytes
      requests += calls
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
    for index in types where malloc.sizes(type: index) & UInt64(size / 16) != 0 {
      let name = malloc.typeNames[index]
      length += 2 + name.utf8.count
      line += isFirst ? "\(sizeColumn(size))  \(name)" : ","
      if length >= lineLength {
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
      text += (text.isEmpty ? "  " : ",") + sizeText(16 << index)
    }
    return text
  }

  private func sizeText(_ size: Int) -> String { shortensSizes && size >= 1024 ? "\(size >> 10)K" : "\(size)" }

  private func sizeColumn(_ size: Int) -> String { pad(sizeText(size), sizeWidth) }

  private func kilobytes(_ bytes: Int) -> Int { TextColumn.kilobytes(bytes) }

  private func pad(_ value: some CustomStringConvertible, _ width: Int) -> String { TextColumn.right(value, width) }
}
