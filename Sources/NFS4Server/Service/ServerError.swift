// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

/// Why a server cannot be set up.
public enum ServerError: Error, Equatable, CustomStringConvertible, Sendable {
  /// No era has this name.
  case unknownEra(String, known: [String])
  /// The era exists but this version does not serve it.
  case eraNotServed(String, served: [String])
  /// A number is out of range.
  case outOfRange(name: String, value: Int, allowed: ClosedRange<Int>)
  /// The kernel had failed before the server started.
  case kernelFailed(String)

  /// One line with the values and what was expected.
  public var description: String {
    switch self {
    case .unknownEra(let name, let known): "unknown era '\(name)': expected \(known.joined(separator: ", "))"
    case .eraNotServed(let name, let served):
      "era '\(name)' is not served by this version: expected \(served.joined(separator: ", "))"
    case .outOfRange(let name, let value, let allowed):
      "\(name) is \(value): expected \(allowed.lowerBound) to \(allowed.upperBound)"
    case .kernelFailed(let reason): "the server cannot start: the kernel had failed before (\(reason))"
    }
  }
}
