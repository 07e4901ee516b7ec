// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

/// Tables of models as `nfschurn models` prints them: cells in, aligned lines out.
public enum ModelsText {
  /// The lines of a table whose columns are all set to the left, but for those named in `right`.
  ///
  /// - Parameters:
  ///   - header: headings.
  ///   - rows: cells.
  ///   - right: columns of numbers.
  ///   - indent: blanks in front of a line.
  /// - Returns: one line for the header and one for each row.
  public static func table(_ header: [String], _ rows: [[String]], right: Set<Int> = [], indent: Int = 0) -> [String] {
    var table = TextTable(header, left: Set(header.indices).subtracting(right))
    for row in rows { table.add(row) }
    return table.lines(indent: indent)
  }
}
