// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import NFS4
import ONCRPC

/// A user-space NFSv4.0 client with POSIX-like calls: one mount and one process at a time.
///
/// It sends the compounds of the kernel client that its flavour names and keeps the caches of that client, so that a
/// program causes the RPCs that it causes there: Linux 6.1 (fs/nfs/dir.c, inode.c, nfs4proc.c) or Rick Macklem's BSD
/// client of 2010 (fs/nfsclient). Paths are bytes; the mounted directory is `/`. Not for more than one thread. No call
/// allocates memory in the steady state.
public final class NFSClient {
  /// What the client is and mounts.
  public let configuration: NFSClientConfiguration
  /// What stood behind the last failure that an errno does not explain; nil if there was none.
  public internal(set) var lastFailure: NFSClientFailure?
  /// The lease of the server, seconds; 0 before the mount.
  public internal(set) var leaseSeconds: UInt32 = 0
  /// The client id that the server gave; 0 before the mount.
  public internal(set) var clientID: UInt64 = 0

  let transport: any RPCTransport
  let clock: any ClientClock
  let argumentBuffer: UnsafeMutableRawBufferPointer
  let isLinux: Bool

  let nodeTable: NodeTable
  let nodes: UnsafeMutablePointer<Node>
  let nameTable: NameTable
  let entries: UnsafeMutablePointer<NameEntry>
  let listings: ListingTable
  /// Made at mount, when the transfer sizes are known.
  var blockTable: BlockTable?
  var readSize: Int
  var writeSize: Int

  /// Compounds sent, by ``RPCKind``; operations sent, by number.
  let kindCounts: UnsafeMutablePointer<UInt64>
  let operationCounters: UnsafeMutablePointer<UInt64>

  /// Number of the system call in progress.
  var callNumber: UInt64 = 0
  /// The mounted directory's node, -1 before the mount.
  var root = -1
  /// Attributes that the server has.
  var supported: AttributeMask = []
  /// When a RENEW is due, nanoseconds.
  var renewNanoseconds: UInt64 = .max
  /// The server has forgotten the client: SETCLIENTID comes before the next OPEN.
  var clientIsStale = false
  var exclusiveCounter: UInt64 = 0
  var silliness: UInt32 = 0

  // The process.
  var workingDirectory = -1
  var creationMask: UInt32 = 0o022
  var programNumber: UInt32 = 0
  var owner = OpenOwner()
  let files: UnsafeMutablePointer<OpenFile>
  let states: UnsafeMutablePointer<OpenState>
  let directories: UnsafeMutablePointer<OpenDirectory>
  /// Node of each mapping, -1 for none.
  let mappings: UnsafeMutablePointer<Int32>
  var statesInUse: UInt64 = 0
  /// Names of files that were removed while open, to be removed at the last close.
  var sillyNames: [(directory: Int, node: Int, name: ByteName)] = []

  /// Most descriptors, directories and mappings of a process, each.
  static let descriptorLimit = 1024
  /// Descriptors begin behind the three standard streams.
  static let firstDescriptor = 3

  /// Makes a client that is not mounted yet.
  ///
  /// - Parameters:
  ///   - transport: the connection; closed by ``unmount()``.
  ///   - clock: its time, which all time-outs of the caches and of the lease are measured in.
  ///   - configuration: flavour, export, identity.
  public init(transport: any RPCTransport, clock: any ClientClock, configuration: NFSClientConfiguration) {
    self.transport = transport
    self.clock = clock
    self.configuration = configuration
    argumentBuffer = transport.argumentBuffer
    isLinux = configuration.flavour == .linux
    let limit = max(configuration.nameCacheLimit, 256)
    nodeTable = NodeTable(capacity: limit)
    nodes = nodeTable.nodes
    nameTable = NameTable(capacity: limit)
    entries = nameTable.entries
    listings = ListingTable()
    readSize = configuration.readSize
    writeSize = configuration.writeSize
    kindCounts = .allocate(capacity: 64)
    kindCounts.initialize(repeating: 0, count: 64)
    operationCounters = .allocate(capacity: NFSOperation.countedLimit)
    operationCounters.initialize(repeating: 0, count: NFSOperation.countedLimit)
    files = .allocate(capacity: Self.descriptorLimit)
    files.initialize(repeating: OpenFile(), count: Self.descriptorLimit)
    states = .allocate(capacity: Self.descriptorLimit)
    states.initialize(
      repeating: OpenState(node: -1, stateid: .anonymous, access: 0), count: Self.descriptorLimit)
    directories = .allocate(capacity: Self.descriptorLimit)
    directories.initialize(repeating: OpenDirectory(), count: Self.descriptorLimit)
    mappings = .allocate(capacity: Self.descriptorLimit)
    mappings.initialize(repeating: -1, count: Self.descriptorLimit)
  }

  deinit {
    kindCounts.deallocate()
    operationCounters.deallocate()
    files.deallocate()
    states.deallocate()
    directories.deallocate()
    mappings.deallocate()
  }

  /// Compounds sent since the client was made, by kind.
  public var rpcCounts: RPCCounts { RPCCounts(kindCounts) }

  /// Operations of one kind sent since the client was made.
  public func operationCount(_ operation: NFSOperation) -> UInt64 {
    let number = Int(operation.rawValue)
    return number < NFSOperation.countedLimit ? operationCounters[number] : 0
  }

  /// RPCs sent since the client was made.
  public var rpcTotal: UInt64 {
    var total: UInt64 = 0
    for kind in 0..<RPCKind.allCases.count { total &+= kindCounts[kind] }
    return total
  }

  /// Runs one system call; turns what went wrong into its errno.
  @inline(__always)
  func systemCall<Value>(
    _ body: () throws(NFSClientFailure) -> Value
  ) throws(SystemCallError) -> Value {
    callNumber &+= 1
    do throws(NFSClientFailure) {
      guard root >= 0 else { throw .local(.inputOutput) }
      return try body()
    } catch {
      if !error.isOrdinary { lastFailure = error }
      throw error.systemCallError
    }
  }
}
