// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import NFS4
import Testing

@testable import NFS4Server

/// Random clients that open, conflict, answer, forget and die: whatever they do, no invariant breaks and nothing is left over.
@Suite struct DelegationChurnTests {
  private struct Holding {
    var client: Int
    var opened: DelegatedClient.Opened
  }

  @Test(arguments: 1...6 as ClosedRange<UInt64>)
  func delegationsAreAlwaysInOrder(seed: UInt64) throws {
    var random = SeededRandom(seed: seed)
    let stage = try DelegationStage { $0.leaseSeconds = 20 }
    let types = ["NFSD V4state", "NFSD lckfile", "NFSD V4client", "NFS req"]
    func level() -> [Int] {
      let counts = stage.server.mallocCounts()
      return types.map { Int(counts[$0]?.mallocs ?? 0) - Int(counts[$0]?.frees ?? 0) }
    }
    let before = level()
    let clients = try (1...4 as ClosedRange<UInt64>).map { try stage.client($0) }
    var holdings: [Holding] = []
    for _ in 0..<600 {
      let index = Int.random(in: 0..<clients.count, using: &random)
      let client = clients[index]
      let name = "f\(Int.random(in: 0..<5, using: &random))"
      switch Int.random(in: 0..<12, using: &random) {
      case 0...3:
        let opened = try client.open(name, access: UInt32.random(in: 1...3, using: &random))
        if opened.status == .ok { holdings.append(Holding(client: index, opened: opened)) }
      case 4:
        guard let holding = holdings.indices.randomElement(using: &random) else { continue }
        let (holder, opened) = (clients[holdings[holding].client], holdings.remove(at: holding).opened)
        if opened.delegation != nil { _ = try holder.giveBack(opened) }
        _ = try holder.call(
          CompoundBuilder().handle(opened.handle).close(opened.stateid, sequence: holder.owner.next()))
      case 5:
        // A client that gives back what it is asked for.
        guard let holding = holdings.indices.randomElement(using: &random),
          holdings[holding].opened.delegation != nil
        else { continue }
        _ = try clients[holdings[holding].client].giveBack(holdings[holding].opened)
        holdings[holding].opened.delegation = nil
      case 6: _ = try client.call(CompoundBuilder().root().remove(name))
      case 7:
        _ = try client.call(
          CompoundBuilder().root().save().root().rename(name, "f\(Int.random(in: 0..<5, using: &random))"))
      case 8: _ = try client.call(CompoundBuilder().root().lookup(name).getAttributes(.known))
      case 9:
        guard stage.callbacks.waiting > 0 else { continue }
        let outcomes: [CallbackOutcome] = [
          .failed, .replied([]), .replied([UInt8](repeating: 0, count: 12)),
          .replied(CallbackDouble.body(CallbackResult(status: .badHandle), NFS4Callback.recall)),
          .replied(CallbackDouble.body(CallbackResult(status: .ok), NFS4Callback.recall)),
          .replied(CallbackDouble.body(CallbackResult(status: .ok, size: 9, change: 9), NFS4Callback.getAttributes)),
        ]
        if let outcome = outcomes.randomElement(using: &random) { try stage.callbacks.answer(outcome) }
      case 10: _ = try client.call(CompoundBuilder().renew(client.client.id))
      default: stage.server.advance(seconds: UInt64.random(in: 0...8, using: &random))
      }
      try stage.server.service.checkInvariants()
    }
    let counters = stage.server.service.counters
    #expect(counters.delegationsGranted > 5, "seed \(seed)")
    #expect(counters.recalls > 0, "seed \(seed)")
    // Everybody goes without a word, and every callback ends somehow.
    while stage.callbacks.waiting > 0 { try stage.callbacks.answer(.failed) }
    for seconds in [604_900, 3, 3] as [UInt64] {
      stage.server.advance(seconds: seconds)
      _ = try stage.server.call(CompoundBuilder().root())
      while stage.callbacks.waiting > 0 { try stage.callbacks.answer(.failed) }
    }
    #expect(stage.server.service.snapshot.stateStructures == 0, "seed \(seed)")
    #expect(stage.server.service.snapshot.callbacks == 0, "seed \(seed)")
    #expect(level() == before, "seed \(seed)")
  }
}
