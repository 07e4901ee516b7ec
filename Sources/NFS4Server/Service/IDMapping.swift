// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

/// Which owner strings stand for which numbers: the server's /etc/idmapd.conf and passwd file in one (RFC 7530 section 5.9).
///
/// A string of decimal digits without a leading zero stands for its number, `name@domain` for an entry, and `nobody` without a domain for
/// the entry of that name. Everything else answers NFS4ERR_BADOWNER.
public struct IDMapping: Sendable, Equatable {
  /// A name and its number.
  public struct Entry: Sendable, Equatable {
    /// The part in front of the `@`; exact, as in a passwd file.
    public var name: String
    /// User or group number.
    public var number: UInt32

    /// Makes an entry.
    public init(_ name: String, _ number: UInt32) {
      self.name = name
      self.number = number
    }
  }

  /// The domain behind the `@`; compared without regard to case, as DNS has it.
  public var domain = "localdomain"
  /// Users.
  public var users = [Entry("root", 0), Entry("nobody", Principal.nobody)]
  /// Groups; the first entry with a number names it.
  public var groups = [
    Entry("wheel", 0), Entry("root", 0), Entry("nogroup", Principal.nobody), Entry("nobody", Principal.nobody),
  ]
  /// Whether GETATTR tells `name@domain` for numbers that have an entry; false tells numbers alone, which Linux takes with AUTH_SYS
  /// (nfsd.nfs4_disable_idmapping, the default of its server since 3.3; recollection).
  public var sendsNames = false
  /// Whether strings of digits are taken; RFC 7530 section 5.9 lets a server refuse them.
  public var acceptsNumbers = true

  /// root and nobody in the domain `localdomain`.
  public init() {}
}
