// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import Foundation

/// A network namespace with one tap device, for a virtual machine and the server that it talks to; nothing leads out of it.
///
/// Making one takes root. It goes away with the object.
final class NetworkNamespace: Sendable {
  let name: String
  private let scratch: ScratchDirectory

  /// Address of the server's side of the tap.
  static let serverAddress = "10.99.7.1"
  /// Address of the machine's side, with the length of the prefix.
  static let machineAddress = "10.99.7.2/30"
  static let device = "tap0"

  init(in scratch: ScratchDirectory) throws {
    guard geteuid() == 0 else { throw EndToEndFailure("a network namespace takes root: run the tests as root") }
    self.scratch = scratch
    // The scratch directory's name is nobody else's.
    name = (scratch.root as NSString).lastPathComponent
    try ip("netns", "add", name)
    try ip("-n", name, "link", "set", "lo", "up")
    try ip("-n", name, "tuntap", "add", "dev", Self.device, "mode", "tap")
    try ip("-n", name, "addr", "add", "\(Self.serverAddress)/30", "dev", Self.device)
    try ip("-n", name, "link", "set", Self.device, "up")
  }

  deinit { _ = try? ip("netns", "del", name) }

  /// What stands in front of a program that is to run inside.
  func command(_ executable: String, _ arguments: [String]) throws -> (executable: String, arguments: [String]) {
    (try Installation.tool("ip", package: "iproute2"), ["netns", "exec", name, executable] + arguments)
  }

  @discardableResult
  private func ip(_ arguments: String...) throws -> Execution {
    try Execution.successful(try Installation.tool("ip", package: "iproute2"), arguments, in: scratch)
  }
}
