// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

/// How much a server holds at one moment.
public struct ServerSnapshot: Equatable, Sendable {
  /// Clients, confirmed or not.
  public var clients = 0
  /// Open-owners.
  public var openOwners = 0
  /// Opens.
  public var opens = 0
  /// Delegations.
  public var delegations = 0
  /// Callbacks under way.
  public var callbacks = 0
  /// Files with state, or with a lock file left behind by a failed OPEN.
  public var lockFiles = 0
  /// Clients, open-owners, opens and delegations together: what the state limit counts.
  public var stateStructures = 0
  /// Entries of the duplicate request cache.
  public var cacheEntries = 0
  /// Entries that keep a reply.
  public var savedReplies = 0
  /// Connections.
  public var connections = 0
  /// Files, directories and links.
  public var files = 0
  /// Bytes of file data and its tables.
  public var spaceUsed = 0
}

extension ServerCore {
  var snapshot: ServerSnapshot {
    let variables = variables.pointee
    return ServerSnapshot(
      clients: variables.clientCount, openOwners: variables.ownerCount, opens: variables.openCount,
      delegations: variables.delegations.count, callbacks: variables.delegations.callbackCount,
      lockFiles: variables.lockFileCount, stateStructures: variables.stateCount,
      cacheEntries: variables.cacheEntries, savedReplies: variables.savedReplies,
      connections: connections.openCount, files: files.fileCount, spaceUsed: files.pool.used)
  }
}
