// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import KernelMemory

/// How a server is set up.
public struct ServerConfiguration: Sendable {
  /// Whose habits the server has.
  public var era = Era.macklem2007
  /// Lease time, seconds, 1 to 86,400 (NFSRV_LEASE is 120).
  public var leaseSeconds = 120
  /// Seconds that a client whose lease has run out keeps its state as a courtesy, 0 to 31,536,000; nil for the habit of the era: a week,
  /// or five leases for a client without state, and nothing is freed before the next compound.
  ///
  /// With 0 a client's state is gone 15 seconds (NFSRV_LEASEDELTA) after its lease.
  public var courtesySeconds: Int? = nil
  /// Length of the grace period that a restart begins, seconds, 0 to 86,400; 0 for none, which refuses every reclaim.
  ///
  /// Clients need at least the lease time of the instance before (RFC 7530 section 9.6.2).
  public var graceSeconds = 0
  /// Where the records of clients that have state are kept over a restart; nil for a storage of the server's own.
  ///
  /// A storage that holds records when a server starts makes it start with a grace period.
  public var stableStorage: StableStorage? = nil
  /// Whether delegations are issued, to clients that ``callbackTransport`` can reach (nfsrv_issuedelegs).
  public var delegations = false
  /// The way to the clients' callback services; nil for none, and then no delegation is issued.
  public var callbackTransport: (any CallbackTransport)? = nil
  /// Whether root becomes nobody.
  public var rootSquash = false
  /// Owner strings and the numbers behind them.
  public var idMapping = IDMapping()
  /// Whether AUTH_NONE is served, as nobody; where it is not, filehandles answer NFS4ERR_WRONGSEC (RFC 7530 section 16.31.5).
  public var allowsAuthNone = true
  /// Whether changes are refused with NFS4ERR_ROFS; ``NFSService/setReadOnly(_:)`` changes it later.
  public var readOnly = false
  /// Largest READ, bytes, 512 to 16 MiB.
  public var maximumRead = 1 << 20
  /// Largest WRITE, bytes, 512 to 16 MiB.
  public var maximumWrite = 1 << 20
  /// Bytes that file data may take, at least 64 KiB.
  public var spaceLimit = 1 << 30
  /// Bytes of file data that a user may own before NFS4ERR_DQUOT, at least 4,096, nil for no quotas; the superuser has none.
  ///
  /// With quotas the attributes quota_avail_hard, quota_avail_soft and quota_used are supported.
  public var userQuota: Int? = nil
  /// Most files.
  public var fileLimit = 1_000_000
  /// Largest file, bytes.
  public var maximumFileSize = 1 << 40
  /// Most state structures before NFS4ERR_RESOURCE (NFSRV_V4STATELIMIT).
  public var stateLimit = 500_000
  /// Most saved replies before NFS4ERR_RESOURCE (NFSRVCACHE_FLOODLEVEL).
  public var replyCacheFloodLevel = 16_384
  /// Most operations of a compound; a longer one answers NFS4ERR_RESOURCE and none of it is carried out.
  public var compoundLimit = 128
  /// Bytes of the host's memory that kept replies may take.
  public var keptReplyBytes = 256 << 20
  /// Seconds since 1970 at which the virtual clock stands at zero: 1 May 2007, 00:00 UTC.
  public var baseTime: Int64 = 1_177_977_600
  /// Tells one run of a server from another in client ids, stateids, filehandles and verifiers.
  ///
  /// A server for real clients passes its start time in seconds since 1970. A restart of the service takes a later number for all of
  /// them but filehandles.
  public var bootTime: UInt32 = 1_177_977_600
  /// Called once, behind the server's lock, when the modelled kernel has failed; must not call the service.
  public var onKernelFailure: (@Sendable (KernelFailure) -> Void)? = nil

  /// The defaults.
  public init() {}

  /// Checks every number against its range.
  func validate() throws(ServerError) {
    try check("leaseSeconds", leaseSeconds, 1...86_400)
    if let courtesySeconds { try check("courtesySeconds", courtesySeconds, 0...31_536_000) }
    try check("graceSeconds", graceSeconds, 0...86_400)
    try check("maximumRead", maximumRead, 512...(16 << 20))
    try check("maximumWrite", maximumWrite, 512...(16 << 20))
    try check("spaceLimit", spaceLimit, (64 << 10)...(1 << 40))
    if let userQuota { try check("userQuota", userQuota, 4096...(1 << 40)) }
    try check("fileLimit", fileLimit, 1...100_000_000)
    try check("maximumFileSize", maximumFileSize, 0...(1 << 50))
    try check("stateLimit", stateLimit, 1...10_000_000)
    try check("replyCacheFloodLevel", replyCacheFloodLevel, 0...10_000_000)
    try check("compoundLimit", compoundLimit, 1...100_000)
    try check("keptReplyBytes", keptReplyBytes, 0...(1 << 40))
  }

  private func check(_ name: String, _ value: Int, _ allowed: ClosedRange<Int>) throws(ServerError) {
    guard allowed.contains(value) else { throw .outOfRange(name: name, value: value, allowed: allowed) }
  }
}
