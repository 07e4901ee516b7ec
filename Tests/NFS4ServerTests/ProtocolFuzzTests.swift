// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import Foundation
import NFS4
import Testing

@Suite struct ProtocolFuzzTests {
  /// Compounds of one case.
  private static let compounds = 3000
  /// Compounds between two looks at every invariant.
  private static let stride = 50

  @Test(
    "Nonsense brings no error that the RFC does not name, and breaks no invariant",
    arguments: 1...4 as ClosedRange<UInt64>)
  func nonsense(seed: UInt64) throws {
    let stage = try ConformanceStage { $0.spaceLimit = 4 << 20 }
    stage.server.checksInvariants = false
    var generator = NonsenseGenerator(seed: seed, root: stage.root)
    var allowed: [NFSOperation: Set<NFSStatus>] = [:]
    for row in ErrorTable.rows { allowed[row.operation] = Set(row.errors) }
    var answered: [NFSStatus: Int] = [:]
    for round in 0..<Self.compounds {
      if round % Self.stride == 0 { try refill(&generator, stage, round) }
      let (builder, operations) = generator.compound()
      let reply = try stage.server.call(builder, connection: UInt64(1 + round % 3), uid: UInt32(round % 2))
      answered[reply.status, default: 0] += 1
      #expect(reply.count >= 1 && reply.count <= operations.count, "seed \(seed), round \(round): \(operations)")
      if reply.status != .ok, reply.count >= 1, reply.count <= operations.count {
        let last = operations[reply.count - 1]
        #expect(
          allowed[last]?.contains(reply.status) == true,
          "seed \(seed), round \(round): \(last.name) answered \(reply.status.name)")
      }
      if round % Self.stride == 0 { try stage.server.service.checkInvariants() }
      if round % 400 == 399 { stage.server.advance(seconds: 200) }
    }
    try stage.server.service.checkInvariants()
    #expect(stage.server.service.failure == nil)
    // The nonsense is not so wild that it all ends at the first check.
    #expect(answered.count > 15, "\(answered)")
    // A week and more later nothing of it is left.
    stage.server.advance(seconds: 700_000)
    _ = try stage.server.call(CompoundBuilder().root())
    stage.server.advance(seconds: 700_000)
    _ = try stage.server.call(CompoundBuilder().root())
    try stage.server.service.checkInvariants()
    #expect(stage.server.service.snapshot.stateStructures == 0)
  }

  /// Gives the generator state that is good at this moment.
  private func refill(_ generator: inout NonsenseGenerator, _ stage: ConformanceStage, _ round: Int) throws {
    let client = try TestClient(stage.server, name: "known \(round)", verifier: UInt64(round))
    let owner = TestOwner("owner one")
    let file = try client.open("a\(round % 3)", in: stage.root, owner: owner)
    generator.learn(client: client.id, confirmation: 0)
    generator.learn(handle: file.handle)
    generator.learn(stateid: file.stateid)
    generator.learn(handle: stage.directory)
    generator.learn(handle: stage.link)
  }
}
