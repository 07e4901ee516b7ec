// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import Foundation
import Testing

@Suite("Options and signals of serve")
struct ServeOptionTests {
  let scratch: ScratchDirectory

  init() throws { scratch = try ScratchDirectory() }

  private func cthon(_ server: ServeProcess) throws -> Execution {
    try Execution.nfschurn(["cthon", "basic", "--server", server.url, "-f"], in: scratch)
  }

  @Test("A client outside of every exported network is refused, one inside is served")
  func export() throws {
    let closed = try ServeProcess(["--export", "192.0.2.0/24", "--export", "2001:db8::/32"], in: scratch)
    let refused = try cthon(closed)
    #expect(refused.termination == .exited(2))
    #expect(refused.errors.contains("AUTH_TOOWEAK"), "\(refused.errors)")
    try closed.expectCleanEnd()
    let open = try ServeProcess(["--export", "192.0.2.0/24", "--export", "127.0.0.0/8"], in: scratch)
    try open.expectServes(after: "a start with two networks")
    try open.expectCleanEnd()
  }

  @Test(
    "Text that is no network or no flavour is bad input",
    arguments: [
      ["--export", "127.0.0.1/8"], ["--export", "everybody"], ["--sec", "krb5"], ["--sec", ""], ["--stats-every", "0"],
    ])
  func badOptions(_ options: [String]) throws {
    let done = try Execution.nfschurn(["serve", "--listen", "127.0.0.1:0"] + options, in: scratch)
    #expect(done.termination == .exited(2))
    #expect(done.errorLines.count == 1 && done.errors.contains(options[0]), "\(done.errors)")
  }

  @Test("Lines of figures come as often as asked for")
  func statistics() throws {
    let server = try ServeProcess(["--stats-every", "1"], in: scratch)
    try server.child.waitUntil("two lines") { server.child.output.split(separator: "\n").count >= 3 }
    let lines = server.child.output.split(separator: "\n").dropFirst()
    for line in lines.prefix(2) {
      #expect(line.hasPrefix("up "))
      for word in ["connections 0", "clients 0", "opens 0", "locks 0", "delegations 0", "rpcs 0", "map "] {
        #expect(line.contains(word), "\(line)")
      }
    }
    server.child.send(SIGTERM)
    #expect(try server.child.wait() == .exited(0))
  }

  @Test("The state of a client that was killed is gone after its lease, though nobody calls any more")
  func killedClient() throws {
    let server = try ServeProcess(["--lease", "1", "--stats-every", "1"], in: scratch)
    let script = try scratch.write(
      "killed.py",
      """
      import os
      from nfs_rs import Client
      c = Client.connect("nfs://127.0.0.1:\(server.port)/?version=4.0&noresvport=true", connect_timeout=60, operation_timeout=60)
      f = c.open("/held", "wb")
      f.write(b"x")
      os.kill(os.getpid(), 9)
      """)
    let done = try Execution.of(try Installation.peerPython(), [script], in: scratch)
    #expect(done.termination == .signalled(SIGKILL), "\(done.errors)")
    let held = { (line: Substring) in line.contains("clients 1 ") && line.contains("opens 1 ") }
    try server.child.waitUntil("a line with the open") {
      server.child.output.split(separator: "\n").contains(where: held)
    }
    // One second of lease, and 15 that the server adds (NFSRV_LEASEDELTA).
    try server.child.waitUntil("a line without it", seconds: 120) {
      let lines = server.child.output.split(separator: "\n")
      guard let last = lines.lastIndex(where: held) else { return false }
      return lines[lines.index(after: last)...].contains { $0.contains("clients 0 ") && $0.contains("opens 0 ") }
    }
    server.child.send(SIGTERM)
    #expect(try server.child.wait() == .exited(0))
  }

  @Test("SIGHUP drops connections and keeps files, and the server serves on")
  func restart() throws {
    let server = try ServeProcess(["--lease", "1", "--log-level", "notice"], in: scratch)
    let small = try scratch.write("small", "kept across the restart")
    let copy = try Execution.successful(
      try Installation.tool("nfs-cp", package: "libnfs-utils"), [small, server.libnfsURL("kept")], in: scratch)
    #expect(copy.errors == "")
    let idle = try RawConnection(port: server.port)
    server.child.send(SIGHUP)
    try server.child.waitUntil("restart") { server.child.errors.contains("restarted") }
    #expect(idle.receiveRecord() == .closed)
    // Until the grace period is over the server opens nothing for clients that have nothing to reclaim.
    let reader = try Installation.tool("nfs-cat", package: "libnfs-utils")
    try server.child.waitUntil("the end of the grace period") {
      try Execution.of(reader, [server.libnfsURL("kept")], in: scratch).output == "kept across the restart"
    }
    server.child.send(SIGTERM)
    #expect(try server.child.wait() == .exited(0))
  }
}
