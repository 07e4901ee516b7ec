// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

/// What the original basic tests print (measured with the programs of cthon04), with marks in place of what differs from run to run.
enum CthonText {
  /// The expected output.
  ///
  /// - Parameters:
  ///   - variant: `-t` or `-f`.
  ///   - passes: what `-N` says; each pass has a heading unless there is one only.
  /// - Returns: all lines, up to `All tests completed`.
  static func basic(_ variant: Variant, passes: Int = 1) -> String {
    let timed = variant == .timed
    let time = timed ? " in TIME seconds" : ""
    let rate = timed ? " (RATE bytes/sec)" : ""
    let tree = timed ? "155 files 62 directories 5 levels deep" : "6 files 6 directories 2 levels deep"
    let tests: [(before: String, title: String, results: [String])] = [
      ("", "File and directory creation test", ["created \(tree)\(time)"]),
      ("", "File and directory removal test", ["removed \(tree)\(time)"]),
      ("", "lookups across mount point", ["\(timed ? 500 : 2) getcwd and stat calls\(time)"]),
      ("", "setattr, getattr, and lookup", ["\(timed ? 1000 : 20) chmods and stats on 10 files\(time)"]),
      (
        "", "read and write",
        ["wrote", "read"].map { "\($0) 1048576 byte file \(timed ? 10 : 1) times\(time)\(rate)" }
      ),
      ("TESTARG=\(variant.option)", "readdir", ["\(timed ? 20500 : 202) entries read, 200 files\(time)"]),
      ("", "link and rename", ["\(timed ? 200 : 20) renames and links on 10 files\(time)"]),
      ("", "symlink and readlink", ["\(timed ? 400 : 20) symlinks and readlinks on 10 files\(time)"]),
      ("", "statfs", ["\(timed ? 1500 : 1) statfs calls\(time)"]),
    ]
    var lines: [String] = []
    for pass in 1...passes {
      if passes > 1 { lines.append("... Pass \(pass) ...") }
      lines += ["", "Starting BASIC tests: test directory DIR (arg: \(variant.option))"]
      for (index, test) in tests.enumerated() {
        lines += [test.before, "./test\(index + 1): \(test.title)"] + test.results.map { "\t" + $0 }
        lines.append("\t./test\(index + 1) ok.")
      }
      lines += ["", "Congratulations, you passed the basic tests!"]
    }
    lines += ["", "All tests completed"]
    return lines.joined(separator: "\n") + "\n"
  }

  /// An output with marks in place of the directory, the times and the rates, each only where it has the form of the originals.
  static func normalised(_ output: String) -> String {
    // Seconds, a dot, hundredths that are not padded with zeros but to two columns with blanks on the right.
    output.replacing(/in \d+\.(?:\d{2}|\d\ ) seconds/, with: "in TIME seconds")
      .replacing(/\((?:-2147483648|\d+|> \d+) bytes\/sec\)/, with: "(RATE bytes/sec)")
      .replacing(/test directory \S+ \(arg/, with: "test directory DIR (arg")
  }
}
