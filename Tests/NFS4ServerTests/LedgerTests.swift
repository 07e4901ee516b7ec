// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import KernelModel
import NFS4
import Testing

@testable import NFS4Server

/// What the server has taken from the kernel is given back when the state is gone.
@Suite struct LedgerTests {
  private static let serverTypes = [
    "NFSD V4state", "NFSD lckfile", "NFSD V4client", "NFSD srvcache", "NFSV3 srvdesc", "cred", "temp", "soname",
    "NFS req",
  ]

  /// Allocations less frees of the server's malloc types, and the items in use of the zones that it touches.
  private func level(_ server: TestServer) -> [String: Int] {
    var level: [String: Int] = [:]
    for row in server.kernel.heap.allocator.mallocTypeStatistics() where Self.serverTypes.contains(row.name) {
      level[row.name] = Int(row.requests) - Int(row.frees)
    }
    for row in server.kernel.heap.allocator.zoneStatistics() {
      if ["NAMEI", "mbuf", "mbuf_cluster", "VNODE", "FFS inode", "FFS2 dinode", "VM OBJECT"].contains(row.name) {
        level[row.name] = row.used
      }
    }
    return level
  }

  @Test(arguments: ["freebsd-6", "freebsd-4"])
  func everythingIsGivenBack(model: String) throws {
    let server = try TestServer(model: model)
    _ = try server.call(CompoundBuilder().root())
    let before = level(server)
    #expect(server.service.snapshot.files == 1)
    do {
      let client = try TestClient(server, program: 1)
      let root = try server.rootHandle()
      for round in 0..<5 {
        let owner = TestOwner("process \(round)")
        var files: [TestClient.OpenFile] = []
        for index in 0..<20 { files.append(try client.open("f\(index)", in: root, owner: owner)) }
        for file in files {
          _ = try server.call(
            CompoundBuilder().handle(file.handle).write(
              file.stateid, offset: 0, data: [UInt8](repeating: 1, count: 9000)))
          _ = try server.call(CompoundBuilder().handle(file.handle).read(file.stateid, offset: 0, count: 9000))
        }
        _ = try server.makeDirectory("d")
        _ = try server.call(CompoundBuilder().root().readDirectory(mask: .known))
        _ = try server.call(CompoundBuilder().root().makeLink("l", to: "elsewhere"))
        _ = try server.call(CompoundBuilder().root().save().root().rename("l", "m"))
        for file in files { try client.close(file, owner: owner) }
        for index in 0..<20 { #expect(try server.call(CompoundBuilder().root().remove("f\(index)")).status == .ok) }
        #expect(try server.call(CompoundBuilder().root().remove("d")).status == .ok)
        #expect(try server.call(CompoundBuilder().root().remove("m")).status == .ok)
      }
    }
    #expect(server.service.snapshot.openOwners == 5)
    // The first compound after two minutes throws the owners away, and one after the lease is long past frees the client.
    server.advance(seconds: 1000)
    _ = try server.call(CompoundBuilder().root())
    server.advance(seconds: 2)
    _ = try server.call(CompoundBuilder().root())
    var expected = ServerSnapshot()
    expected.connections = 1
    expected.files = 1
    #expect(server.service.snapshot == expected)
    #expect(level(server) == before)
    try server.kernel.heap.allocator.checkInvariants()
  }

  @Test func aRunIsReproducible() throws {
    func run() throws -> String {
      let server = try TestServer(checksInvariants: false)
      let client = try TestClient(server)
      let root = try server.rootHandle()
      let owners = (0..<3).map { TestOwner("owner \($0)") }
      for index in 0..<50 {
        let file = try client.open("f\(index % 7)", in: root, owner: owners[index % 3])
        _ = try server.call(CompoundBuilder().root().readDirectory(mask: .known))
        if index % 4 == 0 { try client.close(file, owner: owners[index % 3]) }
      }
      return server.kernel.heap.digest.hexadecimal
    }
    #expect(try run() == run())
  }
}
