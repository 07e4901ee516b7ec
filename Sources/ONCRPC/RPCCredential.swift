// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

/// An authentication flavor that is served (RFC 5531 section 8.2).
public enum RPCFlavor: UInt32, Sendable {
  /// AUTH_NONE: the caller does not say who it is.
  case none = 0
  /// AUTH_SYS: user and group numbers as the client states them.
  case sys = 1
}

/// Who makes a call, as libtirpc's authenticator decoded it.
///
/// A view of the transport's own storage: it is made per call without allocation, cannot be copied, and is valid
/// during the call only. Take out the numbers that must live longer.
public struct RPCCredential: ~Copyable {
  /// The most groups that AUTH_SYS carries beside the main one (RFC 5531 appendix A).
  public static let maximumGroups = 16
  /// The user number that stands for a caller who does not say who it is, `nobody`.
  public static let nobody: UInt32 = 65534

  /// The flavor of the call.
  public let flavor: RPCFlavor
  /// The caller's user number; ``nobody`` with AUTH_NONE.
  public let uid: UInt32
  /// The caller's main group number; ``nobody`` with AUTH_NONE.
  public let gid: UInt32
  /// The caller's other groups, at most ``maximumGroups``; valid during the call only.
  public let groups: UnsafeBufferPointer<UInt32>
  private let machine: UnsafePointer<CChar>?

  /// The client's machine name, made when asked for; empty with AUTH_NONE.
  public var machineName: String {
    guard let machine else { return "" }
    return String(cString: machine)
  }

  /// Makes a view of numbers that the caller keeps alive.
  ///
  /// - Parameters:
  ///   - flavor: the flavor of the call.
  ///   - uid: the user number.
  ///   - gid: the main group number.
  ///   - groups: the other groups; those past ``maximumGroups`` are left out.
  ///   - machine: the NUL-terminated machine name, or nil.
  public init(
    flavor: RPCFlavor, uid: UInt32, gid: UInt32, groups: UnsafeBufferPointer<UInt32>,
    machine: UnsafePointer<CChar>? = nil
  ) {
    self.flavor = flavor
    self.uid = uid
    self.gid = gid
    self.groups = UnsafeBufferPointer(rebasing: groups.prefix(Self.maximumGroups))
    self.machine = machine
  }

  /// Whether the caller belongs to a group, as main group or as one of the others.
  ///
  /// - Parameter group: the group number.
  /// - Returns: true if it does.
  @inlinable
  public func isMember(of group: UInt32) -> Bool {
    gid == group || groups.contains(group)
  }
}
