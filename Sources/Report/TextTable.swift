// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

/// A table in plain text: columns as wide as their widest cell, numbers to the right.
public struct TextTable {
  private let header: [String]
  private let leftColumns: Set<Int>
  private var rows: [[String]] = []

  /// A table with these headings; the columns named in `left` are set to the left.
  public init(_ header: [String], left: Set<Int> = [0]) {
    self.header = header
    leftColumns = left
  }

  /// Adds a row.
  public mutating func add(_ row: [String]) { rows.append(row) }

  /// The lines, each with `indent` blanks in front.
  public func lines(indent: Int = 2) -> [String] {
    var widths = header.map(\.count)
    for row in rows {
      for (column, cell) in row.enumerated() where column < widths.count {
        widths[column] = max(widths[column], cell.count)
      }
    }
    return ([header] + rows).map { row in
      var line = String(repeating: " ", count: indent)
      for (column, cell) in row.enumerated() where column < widths.count {
        let padding = String(repeating: " ", count: widths[column] - cell.count)
        line += leftColumns.contains(column) ? cell + padding : padding + cell
        if column < row.count - 1 { line += "  " }
      }
      while line.last == " " { line.removeLast() }
      return line
    }
  }
}
