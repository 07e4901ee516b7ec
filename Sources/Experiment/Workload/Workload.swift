// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import KernelMemory
import KernelModel

/// What a run does: the client's side, the server, the kernel, the clock and the faults (design page "interface").
public struct Workload: Sendable {
  /// The test programs that the client runs.
  public struct Client: Sendable {
    /// `-t` or `-f`.
    public enum Variant: String, Sendable, CaseIterable {
      /// Timed, the long form.
      case timed
      /// Functional, the quick form.
      case functional
    }

    /// Whose compounds and open-owners the client sends.
    public enum Flavour: String, Sendable, CaseIterable {
      /// Macklem's client.
      case bsd
      /// The Linux 6.1 kernel client.
      case linux
    }

    /// `-t` or `-f`.
    public var variant = Variant.timed
    /// Whose client.
    public var flavour = Flavour.bsd
    /// Clients, each with a connection and a test directory of its own.
    public var clients = 1
    /// Passes of every client.
    public var passes: UInt64 = 1000
  }

  /// The modelled length of things.
  public struct Clock: Sendable {
    /// Length of a pass, nanoseconds; nil where RPCs alone move the clock.
    public var pass: UInt64? = nil
    /// Length of an RPC, nanoseconds.
    public var rpc: UInt64 = Workload.defaultRPC
    /// Pause between passes, nanoseconds.
    public var idle: UInt64 = 0
  }

  /// Length of an RPC where none is given: 200 µs of round trip and 150 µs of service (reference page "connectathon", section 8, inferred).
  public static let defaultRPC: UInt64 = 350_000

  /// Name.
  public var name: String
  /// What it is for.
  public var description = ""
  /// The client's side.
  public var client = Client()
  /// Which MALLOC/FREE and zone calls each operation makes.
  public var era = "macklem-2007"
  /// Lease, seconds.
  public var leaseSeconds = 120
  /// Allocator model.
  public var model = "freebsd-6"
  /// Architecture.
  public var architecture = Architecture.i386
  /// Physical memory, bytes.
  public var memoryBytes = 512 << 20
  /// Kernel map, bytes; nil for the model's own formula.
  public var mapBytes: Int? = nil
  /// Processors.
  public var cpus = 1
  /// The clock.
  public var clock = Clock()
  /// Injected faults.
  public var faults: [Fault] = []
  /// Where a key's value comes from, for messages about values that only the kernel can judge; keys as `kernel.map`.
  public var origins: [String: ValueOrigin] = [:]

  /// A workload of defaults with a name.
  public init(name: String) { self.name = name }
}
