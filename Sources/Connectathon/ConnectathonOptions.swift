// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

/// How the programs are run: what `runtests` and the programs take as arguments.
public struct ConnectathonOptions: Sendable {
  /// `-t` or `-f`.
  public enum Variant: String, Sendable {
    /// `-t`: everything, with times.
    case timed = "-t"
    /// `-f`: the quick functional form, without times.
    case functional = "-f"
  }

  /// `-t` or `-f`.
  public var variant: Variant
  /// `-N`: how many passes; 1 or more.
  public var passes: Int
  /// Leave the test directory after the last pass.
  public var keep: Bool
  /// NFSTESTDIR, absolute; nil for `nfschurn.test` in the mount point of each file system.
  ///
  /// With several clients the later ones get a number behind it.
  public var testDirectory: String?

  /// Puts options together.
  public init(variant: Variant = .timed, passes: Int = 1, keep: Bool = false, testDirectory: String? = nil) {
    self.variant = variant
    self.passes = passes
    self.keep = keep
    self.testDirectory = testDirectory
  }
}
