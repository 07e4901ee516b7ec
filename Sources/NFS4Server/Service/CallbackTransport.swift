// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

/// A callback that the server wants to be made.
public struct CallbackCall: Equatable, Sendable {
  /// IPv4 address of the client's callback service in dotted decimals.
  public var host: String
  /// Its TCP port, not 0.
  public var port: UInt16
  /// Its RPC program; the version is `NFS4Callback.version`.
  public var program: UInt32
  /// The procedure: CB_NULL or CB_COMPOUND.
  public var procedure: UInt32
  /// The argument body, empty for CB_NULL.
  public var arguments: [UInt8]
  /// How long the client may take, milliseconds of real time.
  public var timeoutMilliseconds: Int
}

/// What became of a callback.
public enum CallbackOutcome: Equatable, Sendable {
  /// The client replied with this result body.
  case replied([UInt8])
  /// The client could not be reached, did not reply in time, or refused the call.
  case failed
}

/// The way from a server to its clients' callback services.
///
/// The server hands calls over outside of its lock, and takes the outcomes behind it: a slow client holds nobody up. Without a transport
/// there are no delegations.
public protocol CallbackTransport: AnyObject, Sendable {
  /// Makes a call.
  ///
  /// - Parameters:
  ///   - call: what to call.
  ///   - completion: to be called exactly once, from any thread, also before this returns.
  func send(_ call: CallbackCall, completion: @escaping @Sendable (CallbackOutcome) -> Void)

  /// How long a request that waits for a callback is held before it is answered with NFS4ERR_DELAY, milliseconds of real time; 0 in
  /// experiments, where nothing may depend on real time.
  ///
  /// Linux knfsd waits 30 ms for a delegation to be returned (fs/nfsd/nfs4state.c, recollection): most clients return it sooner than the
  /// other client would come again.
  var holdMilliseconds: Int { get }
}
