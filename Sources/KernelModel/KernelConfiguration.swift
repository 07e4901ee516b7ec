// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import KernelMemory

/// How a modelled kernel is set up.
public struct KernelConfiguration: Sendable {
  /// Identifier of the allocator model, for instance `freebsd-6`.
  public var model: String
  /// Machine architecture.
  public var architecture: Architecture = .i386
  /// Physical memory, bytes.
  public var memoryBytes: Int = 512 << 20
  /// Size of the kernel map, bytes; nil takes the model's own formula.
  public var mapBytes: Int? = nil
  /// Processors, 1 to 16.
  public var cpus: Int = 1
  /// Trash patterns and verification on.
  public var checked = false
  /// Modelled length of one RPC, virtual nanoseconds: 200 µs round trip and 150 µs service on machines of 2007 (inferred).
  public var rpcNanoseconds: UInt64 = 350_000
  /// Seed of the choice of processors.
  public var seed: UInt64 = 1
  /// Soft limit on vnodes; nil takes the model's own formula.
  public var desiredVnodes: Int? = nil
  /// Keeps a record of every allocation event: see ``EventRecording``.
  public var recordsEvents = false
  /// No bytes behind the kernel's addresses: enough for who plays a trace.
  var addressesOnly = false
  /// The defaults with a model.
  public init(model: String) { self.model = model }
}

/// Why a kernel cannot be set up.
public enum KernelError: Error, CustomStringConvertible, Sendable {
  /// No allocator model has this identifier.
  case unknownModel(String, known: [String])
  /// The model refuses the configuration.
  case model(ModelConfigurationError)
  /// The host has no address space for the kernel's.
  case noAddressSpace(bytes: Int, errno: Int32)

  /// One line with the values.
  public var description: String {
    switch self {
    case .unknownModel(let name, let known):
      "unknown allocator model '\(name)': expected one of \(known.joined(separator: ", "))"
    case .model(let error): "\(error)"
    case .noAddressSpace(let bytes, let code): "cannot reserve \(bytes) bytes of address space (errno \(code))"
    }
  }
}
