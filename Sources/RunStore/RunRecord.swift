// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

/// What is recorded of a run as a whole: the part of `run --json` that was measured.
///
/// It says how the run was set up as far as an observer of a real machine could know it. Injected faults are not in it, so that a verdict
/// cannot see them.
public struct RunRecord: Codable, Equatable, Sendable {
  /// The workload by name.
  public struct Workload: Codable, Equatable, Sendable {
    /// Its name.
    public var name: String
    /// Passes that were asked for; nil where the run went on until it panicked or its time was over.
    public var passes: UInt64?

    /// Puts the part together.
    public init(name: String, passes: UInt64?) {
      self.name = name
      self.passes = passes
    }
  }

  /// The machine and its kernel.
  public struct Kernel: Codable, Equatable, Sendable {
    /// Allocator model.
    public var model: String
    /// Architecture.
    public var arch: String
    /// Size of the kernel map, bytes.
    public var mapBytes: Int
    /// Physical memory, bytes.
    public var memoryBytes: Int
    /// Processors.
    public var cpus: Int

    enum CodingKeys: String, CodingKey {
      case model, arch, cpus
      case mapBytes = "map_bytes"
      case memoryBytes = "memory_bytes"
    }

    /// Puts the part together.
    public init(model: String, arch: String, mapBytes: Int, memoryBytes: Int, cpus: Int) {
      self.model = model
      self.arch = arch
      self.mapBytes = mapBytes
      self.memoryBytes = memoryBytes
      self.cpus = cpus
    }
  }

  /// Totals over the whole run.
  public struct Totals: Codable, Equatable, Sendable {
    /// Passes finished.
    public var passes: UInt64 = 0
    /// RPCs answered.
    public var rpcs: UInt64 = 0
    /// NFS operations by name; operations that never came are left out.
    public var nfsOps: [String: UInt64] = [:]
    /// RPCs as the client counts them: the kinds of /proc/self/mountstats, where STATFS and SYMLINK are apart.
    public var clientRPCs: [String: UInt64] = [:]
    /// Operations that touch clients, owners, opens or locks.
    public var stateOps: UInt64 = 0
    /// Calls of malloc(9).
    public var mallocCalls: UInt64 = 0
    /// Calls of free(9).
    public var freeCalls: UInt64 = 0
    /// Items taken from zones.
    public var zoneAllocs: UInt64 = 0
    /// Calls that give an item back to its zone; what an injected fault forgets is among them, since the caller made the call.
    public var zoneFrees: UInt64 = 0
    /// malloc(9) calls by type.
    public var mallocCallsByType: [String: UInt64] = [:]
    /// Virtual seconds.
    public var virtualSeconds = 0.0
    /// Seconds on the wall clock, for information: no result depends on it.
    public var wallSeconds = 0.0

    enum CodingKeys: String, CodingKey {
      case passes, rpcs
      case nfsOps = "nfs_ops"
      case clientRPCs = "client_rpcs"
      case stateOps = "state_ops"
      case mallocCalls = "malloc_calls"
      case freeCalls = "free_calls"
      case zoneAllocs = "zone_allocs"
      case zoneFrees = "zone_frees"
      case mallocCallsByType = "malloc_calls_by_type"
      case virtualSeconds = "virtual_seconds"
      case wallSeconds = "wall_seconds"
    }

    /// All zero.
    public init() {}
  }

  /// How the modelled kernel ended.
  public struct Panic: Codable, Equatable, Sendable {
    /// The kernel's words, or what it would wait for without end.
    public var message: String
    /// `panic`, or `stuck` where a call would sleep for ever.
    public var outcome: String
    /// The pass in which it happened, from 1.
    public var pass: UInt64
    /// malloc(9) and zone calls before it.
    public var call: UInt64
    /// Virtual seconds at the end.
    public var virtualSeconds: Double
    /// The rounded size of the request that found no room.
    public var requestBytes: Int

    enum CodingKeys: String, CodingKey {
      case message, outcome, pass, call
      case virtualSeconds = "virtual_seconds"
      case requestBytes = "request_bytes"
    }

    /// Puts the part together.
    public init(
      message: String, outcome: String, pass: UInt64, call: UInt64, virtualSeconds: Double, requestBytes: Int
    ) {
      self.message = message
      self.outcome = outcome
      self.pass = pass
      self.call = call
      self.virtualSeconds = virtualSeconds
      self.requestBytes = requestBytes
    }
  }

  /// Seed of the run.
  public var seed: UInt64
  /// Digest of the allocator events, sixteen hexadecimal digits.
  public var digest: String
  /// Tier: `memory`, `tcp`, or `server` for a real server.
  public var transport: String
  /// The workload.
  public var workload: Workload
  /// The kernel.
  public var kernel: Kernel
  /// Totals.
  public var totals: Totals
  /// The map at the end.
  public var map: MapReading
  /// The ledger at the end.
  public var ledger: LedgerReading
  /// How the kernel ended; nil where it lives.
  public var panic: Panic?

  /// Puts a record together.
  public init(
    seed: UInt64, digest: String, transport: String, workload: Workload, kernel: Kernel, totals: Totals,
    map: MapReading, ledger: LedgerReading, panic: Panic?
  ) {
    self.seed = seed
    self.digest = digest
    self.transport = transport
    self.workload = workload
    self.kernel = kernel
    self.totals = totals
    self.map = map
    self.ledger = ledger
    self.panic = panic
  }
}
