// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import Foundation
import Testing

/// Clients that nobody of this project wrote, and a dissector that nobody of this project wrote, on `nfschurn serve`.
@Suite("Real clients")
struct RealClientTests {
  let scratch: ScratchDirectory

  init() throws { scratch = try ScratchDirectory() }

  /// Numbers of NFSv4.0 operations (RFC 7530 section 16).
  private enum Operation {
    static let close = 4
    static let open = 18
    static let read = 25
    static let readdir = 26
    static let write = 38
  }

  /// Bytes without a pattern that a wrong offset would leave intact.
  private static func bytes(_ count: Int, seed: UInt64) -> Data {
    var generator = SeededGenerator(seed: seed)
    let words = (0..<(count + 7) / 8).map { _ in generator.next() }
    return words.withUnsafeBytes { Data($0.prefix(count)) }
  }

  /// Runs a Python script with nfs-rs connected as `c`; the arguments are `a`.
  private func nfsrs(_ server: ServeProcess, _ body: String, _ arguments: [String] = []) throws -> Execution {
    let indented = body.split(separator: "\n").map { "    " + $0 }.joined(separator: "\n")
    let script = """
      import sys
      try:
          from nfs_rs import Client
      except ImportError:
          sys.exit("nfs-rs is missing in this Python environment: scripts/test installs it")
      a = sys.argv[1:]
      with Client.connect("nfs://127.0.0.1:\(server.port)/?version=4.0&noresvport=true",
                          connect_timeout=60, operation_timeout=60) as c:
      \(indented)
      """
    let file = try scratch.write("script-\(scratch.nextSerial()).py", script)
    return try Execution.successful(try Installation.peerPython(), [file] + arguments, in: scratch)
  }

  private func libnfs(_ tool: String, _ arguments: [String]) throws -> Execution {
    try Execution.successful(try Installation.tool(tool, package: "libnfs-utils"), arguments, in: scratch)
  }

  @Test("A file that nfs-rs wrote is what nfs-cat reads, nfs-cp writes, and no packet is malformed")
  func filesOfRealClients() throws {
    let size = 10 << 20
    let big = Self.bytes(size, seed: 2007)
    // nfs-cp of libnfs 4.0.0 cannot write more than one piece of some 3.9 kB: a limit of that client.
    let small = Self.bytes(3000, seed: 3000)
    let bigFile = try scratch.write("big", big)
    let smallFile = try scratch.write("small", small)
    let server = try ServeProcess(in: scratch)
    let capture = try PacketCapture(port: server.port, in: scratch)

    _ = try nfsrs(
      server,
      """
      with open(a[0], "rb") as f: data = f.read()
      with c.open("/big", "wb") as f: f.write(data)
      print(c.stat("/big").size)
      """, [bigFile])
    let read = try libnfs("nfs-cat", [server.libnfsURL("big")])
    let isSame = read.outputBytes == big
    #expect(isSame, "\(read.outputBytes.count) bytes of \(size)")

    _ = try libnfs("nfs-cp", [smallFile, server.libnfsURL("small")])
    #expect(try libnfs("nfs-cat", [server.libnfsURL("small")]).outputBytes == small)

    let listing = try libnfs("nfs-ls", [server.libnfsURL()]).outputLines.map { $0.split(separator: " ") }
    let sizes = Dictionary(listing.map { (String($0.last ?? ""), $0.dropLast().last.map(String.init)) }) { first, _ in
      first
    }
    #expect(sizes["big"] == "\(size)")
    #expect(sizes["small"] == "3000")
    #expect(listing.count == 2)
    try capture.stop()
    try server.expectCleanEnd()

    let dissection = try capture.dissect()
    #expect(dissection.malformed == [])
    // 10 MiB written and read in pieces of at most 1 MiB, a call and a reply each.
    #expect(dissection.nfsFrames >= 40)
    let operations = dissection.operations
    for number in [Operation.open, Operation.close, Operation.read, Operation.readdir, Operation.write] {
      #expect(operations[number, default: 0] > 0, "operation \(number) in the capture")
    }
  }

  @Test("The dissector does find a malformed packet where there is one")
  func malformedPacket() throws {
    let server = try ServeProcess(in: scratch)
    let capture = try PacketCapture(port: server.port, in: scratch)
    let peer = try RawConnection(port: server.port)
    // A LOOKUP whose name is longer than the call.
    let arguments = RPCBytes.compound(count: 2, operations: [24, 15, 200, 0x6161_6161])
    peer.send(RPCBytes.record(RPCBytes.call(xid: 1, arguments: arguments)))
    #expect(peer.receiveRecord() != .silence)
    try capture.stop()
    try server.expectCleanEnd()
    #expect(try !capture.dissect().malformed.isEmpty)
  }

  @Test("nfs-rs finds what it made: directories, links, renames, attributes, removals")
  func operationsOfNFSRS() throws {
    let server = try ServeProcess(in: scratch)
    let done = try nfsrs(
      server,
      """
      c.mkdir("/d")
      with c.open("/d/f", "wb") as f: f.write(b"0123456789" * 7000)
      with c.open("/d/f", "rb") as f: print(f.read() == b"0123456789" * 7000)
      c.chmod("/d/f", 0o640)
      print(oct(c.stat("/d/f").mode & 0o7777), c.stat("/d/f").size)
      c.symlink("/d/f", "/d/s")
      print(c.readlink("/d/s"))
      c.link("/d/f", "/d/l")
      c.rename("/d/f", "/d/g")
      print(sorted(e.name for e in c.scandir("/d")))
      c.truncate("/d/g", 5)
      with c.open("/d/l", "rb") as f: print(f.read())
      for n in ("g", "l", "s"): c.unlink("/d/" + n)
      print(c.exists("/d/g"))
      print([e.name for e in c.scandir("/d")])
      c.rmdir("/d")
      print(c.exists("/d"))
      """)
    #expect(
      done.outputLines == ["True", "0o640 70000", "/d/f", "['g', 'l', 's']", "b'01234'", "False", "[]", "False"],
      "\(done.errors)")
    try server.expectCleanEnd()
  }

  @Test("Clients at the same time, in directories of their own, do not disturb one another")
  func clientsAtOnce() throws {
    let server = try ServeProcess(in: scratch)
    _ = try nfsrs(server, "for n in a: c.mkdir('/' + n)", ["bsd", "linux"])
    let children = try Flavour.allCases.map { flavour in
      try ChildProcess(
        Installation.binary,
        ["cthon", "basic", "-t", "-N", "3", "--flavour", flavour.rawValue, "--server", server.url + flavour.rawValue],
        outputsIn: scratch)
    }
    let done = try nfsrs(
      server,
      """
      for i in range(100):
          with c.open("/churn", "wb") as f: f.write(bytes(str(i), "ascii"))
          with c.open("/churn", "rb") as f: assert f.read() == bytes(str(i), "ascii")
          c.unlink("/churn")
      print("done")
      """)
    #expect(done.outputLines == ["done"])
    for child in children {
      #expect(try child.wait() == .exited(0), "\(child.errors)")
      #expect(CthonText.normalised(child.output) == CthonText.basic(.timed, passes: 3))
    }
    try server.expectCleanEnd()
  }

  @Test("tshark reads every packet of a pass of our own client", arguments: Flavour.allCases)
  func packetsOfOurClient(flavour: Flavour) throws {
    let server = try ServeProcess(in: scratch)
    let capture = try PacketCapture(port: server.port, in: scratch)
    let done = try Execution.nfschurn(
      ["cthon", "basic", "-f", "--flavour", flavour.rawValue, "--server", server.url], in: scratch)
    #expect(done.termination == .exited(0), "\(done.errors)")
    try capture.stop()
    try server.expectCleanEnd()
    let dissection = try capture.dissect()
    #expect(dissection.malformed == [])
    #expect(dissection.nfsFrames > 0)
    let operations = dissection.operations
    // Each operation stands in a call and in its reply.
    let forced = BasicCountTests.forcedOperations(flavour, .functional)
    #expect(operations[Operation.open] == forced["OPEN"].map { 2 * Int($0) })
    #expect(operations[Operation.close] == forced["CLOSE"].map { 2 * Int($0) })
    #expect(operations[Operation.readdir, default: 0] > 0)
  }
}
