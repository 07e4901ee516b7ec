// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import NFS4
import ONCRPC

/// What stood behind the last failed call where an errno does not say it.
public enum NFSClientFailure: Error, Equatable, Sendable, CustomStringConvertible {
  /// The client itself refuses the call: a path that is wrong, a descriptor that is not open, a table that is full.
  case local(SystemCallError)
  /// The RPC itself failed.
  case transport(RPCError, RPCKind)
  /// The server refused an operation.
  case status(NFSStatus, RPCKind)
  /// A status that no version of NFSv4 knows.
  case unknownStatus(UInt32, RPCKind)
  /// The reply's bytes are not what the operation returns.
  case malformedReply(XDRError, RPCKind)
  /// The reply has another operation at a place than the request.
  case unexpectedOperation(UInt32, RPCKind)
  /// The request did not fit into the argument buffer.
  case requestTooLong(RPCKind)
  /// NFS4ERR_DELAY or NFS4ERR_GRACE was answered too often.
  case delayedTooOften(Int, RPCKind)
  /// The write verifier changed again and again: the server loses data that was not committed.
  case unstableData

  /// One line for a person.
  public var description: String {
    switch self {
    case .local(let error): "\(error)"
    case .transport(let error, let kind): "\(kind.name): \(error)"
    case .status(let status, let kind): "\(kind.name): the server answered \(status.name)"
    case .unknownStatus(let number, let kind): "\(kind.name): the server answered status \(number)"
    case .malformedReply(let error, let kind): "\(kind.name): malformed reply: \(error)"
    case .unexpectedOperation(let number, let kind): "\(kind.name): operation \(number) at the wrong place of the reply"
    case .requestTooLong(let kind): "\(kind.name): the request does not fit into one record"
    case .delayedTooOften(let count, let kind): "\(kind.name): the server asked to wait \(count) times"
    case .unstableData: "COMMIT: the server's write verifier changes all the time"
    }
  }

  /// The errno that a program gets.
  var systemCallError: SystemCallError {
    switch self {
    case .local(let error): error
    case .status(let status, _): SystemCallError(status)
    case .transport, .unknownStatus, .malformedReply, .unexpectedOperation, .requestTooLong, .delayedTooOften,
      .unstableData:
      .inputOutput
    }
  }

  /// True for NFS4ERR_NOENT and ENOENT.
  var isNoEntry: Bool {
    switch self {
    case .status(.noEntry, _): true
    case .local(let error): error == .noEntry
    default: false
    }
  }

  /// True if it is a thing that happens to programs: not worth being remembered as a trouble.
  var isOrdinary: Bool {
    switch self {
    case .local: true
    case .status(let status, _):
      switch status {
      case .noEntry, .exists, .notEmpty, .notDirectory, .isDirectory, .accessDenied, .notOwner, .nameTooLong,
        .notSupported, .crossDevice:
        true
      default: false
      }
    default: false
    }
  }
}
