// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import Foundation
import Testing

/// The NFSv4.0 client of a Linux kernel on `nfschurn serve`.
@Suite("A Linux kernel client")
struct KernelClientTests {
  let scratch: ScratchDirectory

  init() throws { scratch = try ScratchDirectory() }

  @Test(
    "It mounts, works on files, locks and many names through a restart of the service, and unmounts",
    arguments: [false, true])
  func worksThroughARestart(delegations: Bool) throws {
    let namespace = try NetworkNamespace(in: scratch)
    let server = try ServeProcess(
      ["--lease", "8", "--log-level", "notice"] + (delegations ? ["--delegations"] : []), in: scratch,
      namespace: namespace)
    let kernel = try KernelClient(in: namespace, port: server.port, job: "job.sh", scratch: scratch)
    try kernel.child.waitUntil("the middle of the job") { kernel.has("halfway") || !kernel.failures.isEmpty }
    #expect(kernel.has("halfway"), "\(kernel.report)")
    server.child.send(SIGHUP)
    try server.child.waitUntil("restart") { server.child.errors.contains("restarted") }
    kernel.tell("restarted")
    _ = try kernel.child.wait()
    #expect(kernel.failures == [], "\(kernel.report)")
    #expect(kernel.file("steps") == "mount 0\njob 0\numount 0\n", "\(kernel.report)")
    server.child.send(SIGTERM)
    #expect(try server.child.wait() == .exited(0), "\(server.child.errors)")
  }
}
