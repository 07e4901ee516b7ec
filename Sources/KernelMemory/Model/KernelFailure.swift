// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

/// How a modelled kernel ended, or what it would wait for without end.
public enum KernelFailure: Equatable, Sendable, CustomStringConvertible {
  /// The kernel panicked.
  ///
  /// - `message`: the kernel's words, without the console's prefix.
  /// - `requestBytes`: the rounded size of the request that found no room, 0 where the panic has no request.
  case panic(message: String, requestBytes: Int)
  /// A call would sleep for ever.
  ///
  /// - `reason`: what it waits for, in the words of the kernel's wait channel where there is one.
  /// - `requestBytes`: the size of the request.
  case stuck(reason: String, requestBytes: Int)

  /// The message or the reason.
  public var description: String {
    switch self {
    case .panic(let message, _): "panic: \(message)"
    case .stuck(let reason, _): "stuck: \(reason)"
    }
  }
}

/// An invariant of a model that does not hold: an error of nfschurn itself.
public struct InvariantViolation: Error, Equatable, CustomStringConvertible, Sendable {
  /// What was violated, with the values.
  public let description: String

  /// A violation with its text.
  public init(_ description: String) { self.description = description }
}

/// Why a model refuses a configuration.
public enum ModelConfigurationError: Error, Equatable, CustomStringConvertible, Sendable {
  /// The model does not exist on this architecture.
  case architecture(Architecture, model: String, supported: [Architecture])
  /// The number of processors is out of range.
  case processors(Int, allowed: ClosedRange<Int>)
  /// The map size is out of range, bytes.
  case mapSize(Int, allowed: ClosedRange<Int>)
  /// The physical memory is out of range, bytes.
  case physicalMemory(Int, allowed: ClosedRange<Int>)

  /// One line with the values and what was expected.
  public var description: String {
    switch self {
    case .architecture(let given, let model, let supported):
      "model \(model) is not built for \(given.rawValue): expected \(supported.map(\.rawValue).joined(separator: " or "))"
    case .processors(let given, let allowed):
      "\(given) processors: expected \(allowed.lowerBound) to \(allowed.upperBound)"
    case .mapSize(let given, let allowed):
      "a kernel map of \(given) bytes: expected \(allowed.lowerBound) to \(allowed.upperBound)"
    case .physicalMemory(let given, let allowed):
      "physical memory of \(given) bytes: expected \(allowed.lowerBound) to \(allowed.upperBound)"
    }
  }
}
