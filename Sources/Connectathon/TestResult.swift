// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

/// How one run of one test program ended.
public struct TestResult: Sendable, Equatable {
  /// The program, for instance `test4`.
  public var name: String
  /// Which client ran it, from 0.
  public var client: Int
  /// True if it printed the line that ends in "ok.".
  ///
  /// This decides: a failing chmod in test4 exits 0 without it.
  public var ok: Bool
  /// Exit status, 0 or 1; what the script looks at.
  public var status: Int32
  /// What endtime() measured, nanoseconds; of test5 the two loops together.
  public var timedNanoseconds: UInt64
  /// The first line written to the standard error, without its tab and end.
  public var error: String?
}

/// A pass that ended early, as the scripts end it.
public struct ConnectathonFailure: Error, Sendable, Equatable, CustomStringConvertible {
  /// The suite: `basic`.
  public var suite: String
  /// Which pass, from 1.
  public var pass: Int
  /// The program that failed, nil if the script itself did.
  public var test: String?
  /// Which client, from 0.
  public var client: Int
  /// What went wrong, one line.
  public var message: String

  /// One line with the values.
  public var description: String {
    let program = test.map { " \($0)" } ?? ""
    return "\(suite) tests failed in pass \(pass),\(program) (client \(client)): \(message)"
  }
}
