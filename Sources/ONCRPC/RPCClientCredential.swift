// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

/// The identity that a client presents with every call.
public enum RPCClientCredential: Equatable, Sendable {
  /// AUTH_NONE.
  case none
  /// AUTH_SYS: at most ``RPCCredential/maximumGroups`` groups and a machine name of at most 255 bytes without NUL.
  case sys(uid: UInt32, gid: UInt32, groups: [UInt32] = [], machine: String = "localhost")

  /// The longest machine name in bytes (RFC 5531 appendix A).
  public static let maximumMachineNameBytes = 255

  /// Gives the view of this identity that a service would see, for calling a service without a transport.
  ///
  /// - Parameter body: what to do with the view.
  /// - Returns: what `body` returns.
  /// - Throws: what `body` throws.
  public func withServerView<Result, Failure: Error>(
    _ body: (borrowing RPCCredential) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    switch self {
    case .none:
      let view = RPCCredential(
        flavor: .none, uid: RPCCredential.nobody, gid: RPCCredential.nobody,
        groups: UnsafeBufferPointer(start: nil, count: 0))
      return try body(view)
    case .sys(let uid, let gid, let groups, let machine):
      let name = machine.utf8CString
      return try name.withUnsafeBufferPointer { (name) throws(Failure) -> Result in
        try groups.withUnsafeBufferPointer { (groups) throws(Failure) -> Result in
          let view = RPCCredential(flavor: .sys, uid: uid, gid: gid, groups: groups, machine: name.baseAddress)
          return try body(view)
        }
      }
    }
  }

  /// Checks the limits that AUTH_SYS sets.
  ///
  /// - Throws: ``RPCError/invalidCredential(reason:)``.
  func validate() throws(RPCError) {
    guard case .sys(_, _, let groups, let machine) = self else { return }
    if groups.count > RPCCredential.maximumGroups {
      throw .invalidCredential(
        reason: "\(groups.count) groups; AUTH_SYS carries at most \(RPCCredential.maximumGroups)")
    }
    let bytes = machine.utf8.count
    if bytes > Self.maximumMachineNameBytes {
      throw .invalidCredential(
        reason: "machine name of \(bytes) bytes; AUTH_SYS carries at most \(Self.maximumMachineNameBytes)")
    }
    if machine.utf8.contains(0) {
      throw .invalidCredential(reason: "machine name with a NUL byte")
    }
  }
}
