// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import NFS4
import ONCRPC

/// Callbacks over TCP to the address that a client gave in SETCLIENTID, with the credential of root.
public final class TCPCallbackTransport: CallbackTransport {
  /// The default for ``holdMilliseconds``.
  public static let defaultHoldMilliseconds = 50

  /// How long a request waits for a callback, milliseconds.
  public let holdMilliseconds: Int
  private let caller: OutboundCaller

  /// A transport without connections.
  ///
  /// - Parameters:
  ///   - machine: name of the host in the credential of the calls, at most 255 bytes.
  ///   - holdMilliseconds: how long a request waits for a callback before it is answered with NFS4ERR_DELAY, at least 0.
  public init(
    machine: String = "nfschurn", holdMilliseconds: Int = TCPCallbackTransport.defaultHoldMilliseconds
  ) {
    // The Linux client takes CB_COMPOUND with AUTH_SYS, not with AUTH_NONE (fs/nfs/callback.c, nfs_callback_authenticate).
    caller = OutboundCaller(credential: .sys(uid: 0, gid: 0, groups: [], machine: machine))
    self.holdMilliseconds = max(holdMilliseconds, 0)
  }

  /// Makes a call from a thread of the client's own.
  public func send(_ call: CallbackCall, completion: @escaping @Sendable (CallbackOutcome) -> Void) {
    let destination = RPCDestination(
      host: call.host, port: call.port, program: call.program, version: NFS4Callback.version)
    caller.call(
      destination, procedure: call.procedure, arguments: call.arguments, timeoutMilliseconds: call.timeoutMilliseconds
    ) { result in
      switch result {
      case .success(let body): completion(.replied(body))
      case .failure: completion(.failed)
      }
    }
  }

  /// Makes no more calls; those under way end by themselves.
  public func stop() { caller.stop() }
}
