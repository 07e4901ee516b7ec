// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

/// A fault that a run injects into the kernel (grammar: design page "interface", section Faults).
public enum Fault: Equatable, Sendable {
  /// The n-th, 2n-th … free of this malloc type is forgotten.
  case leakMalloc(type: String, every: UInt64)
  /// The n-th, 2n-th … free of this zone's item is forgotten; zones by their FreeBSD 6 names.
  case leakZone(zone: String, every: UInt64)
  /// Pages of address space vanish after every n calls: a call is one malloc(9) or one free(9).
  case losePerCalls(pages: Int, every: UInt64)
  /// Pages of address space vanish every so many virtual nanoseconds.
  case losePerTime(pages: Int, every: UInt64)
}

/// Why a fault cannot be injected.
public enum FaultError: Error, Equatable, CustomStringConvertible, Sendable {
  /// Nobody allocates from a malloc type of this name.
  case unknownType(String, known: [String])
  /// No kernel object comes from a zone of this name.
  case unknownZone(String, known: [String])
  /// The count, size or period is zero.
  case zero(String)

  /// One line with the values.
  public var description: String {
    switch self {
    case .unknownType(let name, let known):
      "nobody allocates from malloc type '\(name)'; known: \(known.joined(separator: ", "))"
    case .unknownZone(let name, let known):
      "no kernel object comes from zone '\(name)'; known: \(known.joined(separator: ", "))"
    case .zero(let what): "fault: \(what) must be at least 1"
    }
  }
}
