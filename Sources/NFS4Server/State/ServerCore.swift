// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import KernelMemory
import KernelModel
import NFS4

/// Everything of the server that lies behind its one lock.
///
/// Structures of clients, owners, opens, lock files and the reply cache live in modelled memory; the hash heads are static in the
/// kernel and so lie here. Scalars that change are kept behind one pointer, which keeps the hot path free of checks and counts.
final class ServerCore {
  /// Chains of clients, of lock files and of the reply cache (FreeBSD 8.1 sys/fs/nfs/nfs.h: NFSCLIENTHASHSIZE, NFSLOCKHASHSIZE,
  /// NFSRVCACHE_HASHSIZE).
  static let chains = 20

  struct Variables {
    /// The kernel has failed: nothing is touched any more.
    var dead = false
    /// The embedder knows of it.
    var failureReported = false
    /// Which instance of the service this is: in client ids, stateids and verifiers; a restart takes the next number.
    var boot: UInt32
    /// End of the grace period, virtual seconds since boot; 0 for none.
    var graceEnd: UInt32 = 0
    /// A compound is carried out: the timer frees nothing below its feet.
    var isServing = false
    /// Clients, owners and opens that exist (nfsrv_openpluslock).
    var stateCount = 0
    var clientCount = 0
    var ownerCount = 0
    var openCount = 0
    var lockFileCount = 0
    /// Index of the next client id.
    var nextClientIndex: UInt32 = 1
    /// Index of the next stateid.
    var nextStateIndex: UInt32 = 1
    var nextConfirmation: UInt64 = 1
    /// The timer saw owners without opens for long enough (NFSNSF_NOOPENS).
    var hasIdleOwners = false
    /// The timer saw a client whose lease is long past (NFSNSF_EXPIREDCLIENT).
    var hasExpiredClients = false
    var replies: ReplyStore
    var cacheEntries = 0
    /// Entries that hold a reply (nfsrc_tcpsavedreplies).
    var savedReplies = 0
    var orphanHead: KernelLink = 0
    var orphanTail: KernelLink = 0
    var counters = ServerCounters()
    /// The callback address of the client that a refused SETCLIENTID met: the first words of a struct sockaddr_in.
    var inUseAddress: UInt64 = 0
    /// The kept reply that an owner's sequence number found for the compound under way, 0 for none.
    var replay: KernelLink = 0
    var delegations = DelegationVariables()
  }

  let kernel: Kernel
  let vfs: VFSModel
  let files: MemoryFileSystem
  let owners: OwnerTable
  let configuration: ServerConfiguration
  let era: Era
  let layout: StateLayout
  let types: ServerMallocTypes
  /// Tells this file system from that of another process in filehandles.
  let fileSystemID: UInt32
  let stable: StableStorage
  let clientHeads: UnsafeMutablePointer<UInt32>
  let lockFileHeads: UnsafeMutablePointer<UInt32>
  let cacheHeads: UnsafeMutablePointer<UInt32>
  let variables: UnsafeMutablePointer<Variables>
  let connections: ConnectionTable
  /// Attributes that are the same for every file.
  let attributeTemplate: UnsafeMutablePointer<FileAttributes>
  /// Room for the attributes that VERIFY compares.
  let scratch: UnsafeMutableRawBufferPointer
  static let scratchBytes = 8192

  init(kernel: Kernel, configuration: ServerConfiguration) throws(ServerError) {
    try configuration.validate()
    if let failure = kernel.failure { throw .kernelFailed("\(failure)") }
    self.kernel = kernel
    self.configuration = configuration
    vfs = kernel.vfs
    era = configuration.era
    layout = era.layout(kernel.architecture)
    types = ServerMallocTypes(kernel, era.types)
    fileSystemID = configuration.bootTime
    stable = configuration.stableStorage ?? StableStorage()
    files = MemoryFileSystem(
      spaceLimit: configuration.spaceLimit, fileLimit: configuration.fileLimit,
      maximumFileSize: UInt64(configuration.maximumFileSize), userQuota: configuration.userQuota)
    owners = OwnerTable(configuration.idMapping)
    files.isReadOnly = configuration.readOnly
    clientHeads = Self.heads()
    lockFileHeads = Self.heads()
    cacheHeads = Self.heads()
    variables = .allocate(capacity: 1)
    variables.initialize(
      to: Variables(boot: configuration.bootTime, replies: ReplyStore(limit: configuration.keptReplyBytes)))
    connections = ConnectionTable()
    attributeTemplate = .allocate(capacity: 1)
    attributeTemplate.initialize(to: FileAttributes())
    scratch = .allocate(byteCount: Self.scratchBytes, alignment: 8)
    fillTemplate()
    beginInstance()
    kernel.addCallout(every: 1_000_000_000) { [weak self] _ in self?.timerTick() }
  }

  deinit {
    owners.deallocate()
    clientHeads.deallocate()
    lockFileHeads.deallocate()
    cacheHeads.deallocate()
    variables.pointee.replies.deallocate()
    variables.deinitialize(count: 1).deallocate()
    attributeTemplate.deinitialize(count: 1).deallocate()
    scratch.deallocate()
  }

  private static func heads() -> UnsafeMutablePointer<UInt32> {
    let heads = UnsafeMutablePointer<UInt32>.allocate(capacity: chains)
    heads.initialize(repeating: 0, count: chains)
    return heads
  }

  /// The head of a chain as the list functions want it.
  @inline(__always)
  static func head(_ heads: UnsafeMutablePointer<UInt32>, _ key: UInt32) -> UnsafeMutableRawPointer {
    UnsafeMutableRawPointer(heads + Int(key % UInt32(chains)))
  }

  /// Which instance of the service this is.
  @inline(__always) var boot: UInt32 { variables.pointee.boot }

  /// Virtual seconds since boot (NFSD_MONOSEC).
  var seconds: UInt32 { UInt32(truncatingIfNeeded: kernel.now / 1_000_000_000) }

  // MARK: modelled memory

  @inline(__always)
  func bytes(_ link: KernelLink) -> UnsafeMutableRawPointer { kernel.pointer(KernelAddress(link: link)) }
  @inline(__always)
  func client(_ link: KernelLink) -> ClientRecord { ClientRecord(link: link, bytes: bytes(link)) }
  @inline(__always)
  func state(_ link: KernelLink) -> StateRecord { StateRecord(link: link, bytes: bytes(link)) }
  @inline(__always)
  func lockFile(_ link: KernelLink) -> LockFileRecord { LockFileRecord(link: link, bytes: bytes(link)) }
  @inline(__always)
  func reply(_ link: KernelLink) -> ReplyRecord { ReplyRecord(link: link, bytes: bytes(link)) }

  /// MALLOC with M_WAITOK.
  ///
  /// - Throws: NFS4ERR_SERVERFAULT where the kernel has failed, which the caller of the compound never gets to see.
  @inline(__always)
  func malloc(_ size: Int, _ type: MallocType) throws(NFSStatus) -> KernelLink {
    let address = kernel.malloc(size, type)
    guard address != .null else {
      variables.pointee.dead = true
      throw .serverFault
    }
    return address.link
  }

  /// MALLOC with M_WAITOK of a structure that starts as zeros.
  @inline(__always)
  func mallocZeroed(_ size: Int, _ type: MallocType) throws(NFSStatus) -> KernelLink {
    let link = try malloc(size, type)
    bytes(link).initializeMemory(as: UInt8.self, repeating: 0, count: size)
    return link
  }

  /// FREE.
  @inline(__always)
  func free(_ link: KernelLink, _ type: MallocType) { kernel.free(KernelAddress(link: link), type) }

  /// A M_TEMP allocation of an operation, to be given back with ``free(_:_:)``.
  @inline(__always)
  func temporary(_ size: Int) throws(NFSStatus) -> KernelLink { try malloc(max(size, 1), types.temporary) }

  // MARK: lists

  /// LIST_INSERT_HEAD; both links of an element lie at `offset`: next, then previous, which is 0 for the first.
  @inline(__always)
  func insert(_ element: KernelLink, at head: UnsafeMutableRawPointer, offset: Int) {
    let first = head[word: 0]
    let bytes = self.bytes(element)
    bytes[word: offset] = first
    bytes[word: offset &+ 4] = 0
    if first != 0 { self.bytes(first)[word: offset &+ 4] = element }
    head[word: 0] = element
  }

  /// LIST_REMOVE.
  @inline(__always)
  func remove(_ element: KernelLink, from head: UnsafeMutableRawPointer, offset: Int) {
    let bytes = self.bytes(element)
    let next = bytes[word: offset]
    let previous = bytes[word: offset &+ 4]
    if previous != 0 { self.bytes(previous)[word: offset] = next } else { head[word: 0] = next }
    if next != 0 { self.bytes(next)[word: offset &+ 4] = previous }
  }

  /// LIST_NEXT.
  @inline(__always)
  func next(_ element: KernelLink, offset: Int) -> KernelLink { bytes(element)[word: offset] }
}

/// Handles of the malloc types that the server makes.
struct ServerMallocTypes {
  let client: MallocType
  let state: MallocType
  let lockFile: MallocType
  let lock: MallocType
  let replyCache: MallocType
  let descriptor: MallocType
  let temporary: MallocType
  let socketName: MallocType
  let callbackRequest: MallocType

  init(_ kernel: Kernel, _ names: EraMallocNames) {
    client = kernel.mallocType(names.client)
    state = kernel.mallocType(names.state)
    lockFile = kernel.mallocType(names.lockFile)
    lock = kernel.mallocType(names.lock)
    replyCache = kernel.mallocType(names.replyCache)
    descriptor = kernel.mallocType(names.descriptor)
    temporary = kernel.mallocType(names.temporary)
    socketName = kernel.mallocType(names.socketName)
    callbackRequest = kernel.mallocType(names.callbackRequest)
  }
}
