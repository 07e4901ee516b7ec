// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

/// How much of a server one peer can take.
public struct RPCLimits: Equatable, Sendable {
  /// The default for ``maximumRecordBytes``: 1 MiB of data, the most that NFS clients send, and 64 KiB around it.
  public static let defaultMaximumRecordBytes = (1 << 20) + (64 << 10)
  /// The default for ``maximumConnections``.
  public static let defaultMaximumConnections = 2048
  /// The default for ``idlePeerMilliseconds``: six minutes, as FreeBSD's and Linux's servers have it (recollection).
  public static let defaultIdlePeerMilliseconds = 360_000
  /// The default for ``stalledPeerMilliseconds``.
  public static let defaultStalledPeerMilliseconds = 30_000
  /// The smallest sensible ``maximumRecordBytes``; lower values are raised to it.
  public static let leastMaximumRecordBytes = 4096
  /// The largest ``maximumRecordBytes``; higher values are lowered to it.
  public static let greatestMaximumRecordBytes = 1 << 30

  /// The longest record in bytes, header included, in either direction; a longer one ends the connection.
  public let maximumRecordBytes: Int
  /// The most connections at one time; one more is accepted and closed at once.
  public let maximumConnections: Int
  /// How long in milliseconds a peer may take over one record that it began, or over taking in one reply.
  public let stalledPeerMilliseconds: Int
  /// How long in milliseconds a peer may say nothing between two records; then the connection ends.
  ///
  /// Clients that hold a lease are heard of within it; a client without one connects again when it has something to say. It is
  /// noticed at the next multiple of ``stalledPeerMilliseconds``.
  public let idlePeerMilliseconds: Int

  /// Makes a set of limits.
  ///
  /// - Parameters:
  ///   - maximumRecordBytes: the longest record in bytes.
  ///   - maximumConnections: the most connections at one time, at least 1.
  ///   - stalledPeerMilliseconds: the time for one record in milliseconds, at least 1.
  ///   - idlePeerMilliseconds: the time between two records in milliseconds, at least 1.
  public init(
    maximumRecordBytes: Int = Self.defaultMaximumRecordBytes,
    maximumConnections: Int = Self.defaultMaximumConnections,
    stalledPeerMilliseconds: Int = Self.defaultStalledPeerMilliseconds,
    idlePeerMilliseconds: Int = Self.defaultIdlePeerMilliseconds
  ) {
    self.maximumRecordBytes = min(
      max(maximumRecordBytes, Self.leastMaximumRecordBytes), Self.greatestMaximumRecordBytes)
    self.maximumConnections = max(maximumConnections, 1)
    self.stalledPeerMilliseconds = max(stalledPeerMilliseconds, 1)
    self.idlePeerMilliseconds = max(idlePeerMilliseconds, 1)
  }
}
