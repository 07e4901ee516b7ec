// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import Glibc
import ONCRPC
import Testing

/// What a peer could do to the process as a whole, each in a process of its own.
@Suite("The process around a server")
struct ProcessTests {
  @Test("A malformed credential writes nothing on standard output")
  func standardOutputIsQuiet() async {
    let result = await #expect(processExitsWith: .success, observing: [\.standardOutputContent]) {
      let served = try Served()
      let bodies: [[UInt8]] = [words(1, 0, 7, 8, 3, 1, 2), words(1, 8, 7, 8, 0), [], words(1, .max, 7, 8, 0)]
      for body in bodies {
        let peer = RawPeer(port: served.server.port)
        peer.send(record(HandMadeCall(flavor: 1, credential: body).bytes))
        guard peer.receiveRecord() == words(77, 1, 1, 1, 1) else { exit(1) }
      }
      served.server.stop()
      exit(0)
    }
    // The test library itself puts a few bytes there; libtirpc's authenticator would print "bad auth_len gid 3 ...".
    let output = result.map { String(decoding: $0.standardOutputContent, as: UTF8.self) }
    #expect(output?.contains("auth") == false)
  }

  @Test("A write to a connection that the peer closed does not end the process")
  func brokenPipe() async {
    await #expect(processExitsWith: .success) {
      signal(SIGPIPE, SIG_DFL)
      let server = try TCPServer(host: "127.0.0.1", port: 0, service: RecordingService())
      var ends: [Int32] = [0, 0]
      guard pipe(&ends) == 0 else { exit(1) }
      close(ends[0])
      var byte: UInt8 = 0
      guard write(ends[1], &byte, 1) < 0, errno == EPIPE else { exit(2) }
      server.stop()
      exit(0)
    }
  }

  @Test("Connections that come and go leave no descriptor, no thread and no memory behind")
  func churn() async {
    await #expect(processExitsWith: .success) {
      let served = try Served()
      for _ in 0..<5 { try served.expectAlive() }
      Eventually.holds { served.service.closed.count == 5 }
      let descriptors = ProcessFigures.openDescriptors
      let pages = ProcessFigures.virtualPages
      for _ in 0..<200 { try served.expectAlive() }
      guard Eventually.holds({ served.service.closed.count == 205 }) else { exit(1) }
      // The last thread closes its descriptor after it told the service.
      guard Eventually.holds({ ProcessFigures.openDescriptors <= descriptors }) else { exit(2) }
      // A thread that nobody joins keeps its stack, 8 MiB as a rule: 200 of them would be 1.6 GB.
      guard (ProcessFigures.virtualPages - pages) * Int(getpagesize()) < 400 << 20 else { exit(3) }
      served.server.stop()
      exit(0)
    }
  }
}

/// What the process holds of the system.
private enum ProcessFigures {
  static var openDescriptors: Int {
    (0..<1024 as Range<Int32>).count { fcntl($0, F_GETFD) >= 0 }
  }

  /// The size of the address space, the first number of /proc/self/statm.
  static var virtualPages: Int {
    guard let file = fopen("/proc/self/statm", "r") else { return 0 }
    defer { fclose(file) }
    var bytes = [UInt8](repeating: 0, count: 64)
    let count = fread(&bytes, 1, bytes.count, file)
    return Int(String(decoding: bytes.prefix(count).prefix { $0 != 0x20 }, as: UTF8.self)) ?? 0
  }
}
