// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import Connectathon
import Glibc
import NFS4
import NFS4Client
import ONCRPC

/// What `nfschurn cthon` runs its tests on: a real server or a local directory.
public final class CthonSession {
  /// The file system under test.
  public let fileSystem: any FileSystemUnderTest
  private let client: NFSClient?

  /// Opens a local directory.
  ///
  /// - Throws: ``CthonSessionError`` where there is no such directory.
  public init(local path: String) throws(CthonSessionError) {
    do { fileSystem = try LocalFileSystem(path: path) } catch { throw .local(path: path, error) }
    client = nil
  }

  /// Mounts a directory of a server as the user who runs the program.
  ///
  /// - Throws: ``CthonSessionError`` where the address is none, nobody answers, or the server refuses.
  public init(url text: String, flavour: Workload.Client.Flavour, seed: UInt64) throws(CthonSessionError) {
    let url: NFSURL
    do { url = try NFSURL(text) } catch { throw .url(error) }
    let transport: TCPTransport
    do {
      transport = try TCPTransport(
        host: url.host, port: url.port, program: NFS4Protocol.program, version: NFS4Protocol.version,
        credential: .sys(uid: getuid(), gid: getgid(), groups: [getgid()], machine: "nfschurn"))
    } catch { throw .transport(error) }
    // Two programs at once are two clients: the process id tells them apart, and the time a program from one that had its id before.
    let mounted = NFSClient(
      transport: transport, clock: MonotonicClock(),
      configuration: NFSClientConfiguration(
        flavour: flavour.clientFlavour, exportPath: url.path, clientNumber: UInt32(truncatingIfNeeded: getpid()),
        seed: seed &+ UInt64(truncatingIfNeeded: time(nil))))
    do { try mounted.mount() } catch { throw .mount(url: text, error) }
    fileSystem = mounted
    client = mounted
  }

  /// RPCs sent, by the kinds of /proc/self/mountstats; none for a local directory.
  public var rpcCounts: [String: UInt64] { client.map { ClientSet.counts([$0]) } ?? [:] }

  /// What stood behind an error that its errno does not explain; nil if there was none.
  public var lastFailure: String? { client?.lastFailure.map { "\($0)" } }

  /// Unmounts.
  public func close() { client?.unmount() }
}

/// Why the tests cannot begin.
public enum CthonSessionError: Error, CustomStringConvertible, Sendable {
  /// The address is none.
  case url(NFSURLError)
  /// Nobody answers.
  case transport(RPCError)
  /// The server refuses the mount.
  case mount(url: String, NFSClientFailure)
  /// There is no such directory.
  case local(path: String, SystemCallError)

  /// One line.
  public var description: String {
    switch self {
    case .url(let error): "\(error)"
    case .transport(let error): "\(error)"
    case .mount(let url, let failure): "cannot mount \(url): \(failure)"
    case .local(let path, let error): "\(path): \(error)"
    }
  }
}
