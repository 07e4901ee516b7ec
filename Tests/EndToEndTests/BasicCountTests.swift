// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import Foundation
import Testing

/// What a pass of the basic tests sends and allocates, as far as the system calls of the original programs force it.
@Suite("Counts of a basic pass")
struct BasicCountTests {
  let scratch: ScratchDirectory

  init() throws { scratch = try ScratchDirectory() }

  /// The NFS operations that the suite's system calls force in one pass.
  static func forcedOperations(_ flavour: Flavour, _ variant: Variant) -> [String: UInt64] {
    let timed = variant == .timed
    return [
      "OPEN": timed ? 396 : 229, "CLOSE": timed ? 396 : 229, "REMOVE": timed ? 747 : 262, "CREATE": timed ? 271 : 25,
      "RENAME": timed ? 100 : 10, "LINK": timed ? 100 : 10, "WRITE": timed ? 320 : 32, "COMMIT": timed ? 10 : 1,
      "SETATTR": timed ? 1009 : 20,
      // Linux keeps the target of a link that it made itself.
      "READLINK": flavour == .linux ? 0 : timed ? 200 : 10,
      "LOCK": 0, "LOCKT": 0, "LOCKU": 0,
    ]
  }

  /// The RPCs as a client counts them, where symbolic links and statfs stand apart.
  static func forcedRPCs(_ flavour: Flavour, _ variant: Variant) -> [String: UInt64] {
    let timed = variant == .timed
    var counts = forcedOperations(flavour, variant)
    counts["CREATE"] = timed ? 71 : 15
    counts["SYMLINK"] = timed ? 200 : 10
    // GNU rm asks once for the type of the file system when it removes test4's directory, which still has files.
    let statfs: UInt64 = timed ? 1500 : 1
    counts["STATFS"] = flavour == .linux ? statfs + 1 : statfs
    return counts
  }

  @Test(
    "Three passes send three times the operations that the system calls force", arguments: Flavour.allCases,
    Variant.allCases)
  func forcedCounts(flavour: Flavour, variant: Variant) throws {
    let workload = try WorkloadText.basic(flavour, variant, in: scratch)
    let run = try RunDocument.of([workload, "--passes", "3"], in: scratch)
    #expect(run.schemaVersion == 1)
    #expect(run.command == "run")
    #expect(run.seed == 1)
    #expect(run.totals.passes == 3)
    #expect(run.workload.name == "connectathon-basic")
    #expect(run.workload.passes == 3)
    #expect(run.kernel.model == "freebsd-6")
    #expect(run.kernel.arch == "i386")
    #expect(run.kernel.cpus == 1)
    #expect(run.kernel.memoryBytes == 512 << 20)
    #expect(run.panic == nil)
    for (operation, count) in Self.forcedOperations(flavour, variant) {
      #expect(run.totals.nfsOps[operation, default: 0] == 3 * count, "operation \(operation)")
    }
    for (kind, count) in Self.forcedRPCs(flavour, variant) {
      #expect(run.totals.clientRpcs[kind, default: 0] == 3 * count, "RPC \(kind)")
    }
    // BSD: one owner per program that opens a file (tests 1, 4, 5, 6, 7). Linux: one per uid.
    #expect(run.totals.nfsOps["OPEN_CONFIRM"] == (flavour == .bsd ? 15 : 1))
    #expect(run.totals.rpcs == run.totals.clientRpcs.values.reduce(0, +))
    // Three passes of 15 s, and the mount before them.
    #expect((45..<45.1).contains(run.totals.virtualSeconds))
  }

  @Test("The workload of the repository is the BSD client with -t")
  func workloadOfTheRepository() throws {
    let made = try WorkloadText.basic(.bsd, .timed, in: scratch)
    let own = try RunDocument.of([Installation.workload("connectathon-basic"), "--passes", "2"], in: scratch)
    #expect(own.totals.nfsOps["OPEN"] == 2 * 396)
    #expect(own.totals.nfsOps["READLINK"] == 2 * 200)
    #expect(own.digest == (try RunDocument.of([made, "--passes", "2"], in: scratch)).digest)
  }

  @Test("A later pass of the Linux flavour is what a Linux 6.1 kernel sends")
  func laterPassOfLinux() throws {
    // Measured with the original programs on a Linux 6.1 kernel client, later pass: operations that change something or hold state exactly,
    // all together within 2 % (what is left depends on the timing of attribute caches).
    let measured: [String: UInt64] = [
      "OPEN": 396, "OPEN_CONFIRM": 0, "OPEN_DOWNGRADE": 0, "CLOSE": 396, "SETATTR": 1009, "REMOVE": 747, "RENAME": 100,
      "LINK": 100, "SYMLINK": 200, "CREATE": 71, "STATFS": 1501, "READLINK": 0, "WRITE": 320, "COMMIT": 10, "LOCK": 0,
      "LOCKT": 0, "LOCKU": 0, "RELEASE_LOCKOWNER": 0,
    ]
    let measuredTotal = 7827.0
    let workload = try WorkloadText.basic(.linux, .timed, in: scratch)
    let two = try RunDocument.of([workload, "--passes", "2"], in: scratch).totals.clientRpcs
    let three = try RunDocument.of([workload, "--passes", "3"], in: scratch).totals.clientRpcs
    for (kind, count) in measured {
      #expect(three[kind, default: 0] - two[kind, default: 0] == count, "RPC \(kind)")
    }
    let total = Double(three.values.reduce(0, +) - two.values.reduce(0, +))
    #expect(abs(total / measuredTotal - 1) <= 0.02, "total \(total)")
  }

  @Test(
    "Every OPEN allocates three state structures and a pass frees as much as it allocates", arguments: Flavour.allCases)
  func stateStructures(flavour: Flavour) throws {
    let workload = try WorkloadText.basic(flavour, .timed, in: scratch)
    let runs = try [1, 2, 3].map { try RunDocument.of([workload, "--passes", "\($0)"], in: scratch) }
    let mallocs = runs.map { $0.totals.mallocCallsByType["NFSD V4state", default: 0] }
    for pass in 1..<3 { #expect(mallocs[pass] - mallocs[pass - 1] == 3 * 396, "pass \(pass + 1)") }
    // Two lock files for each OPEN, one reply-cache entry for each RPC (the 2007 profile of the server).
    for (pass, (before, after)) in zip(runs, runs.dropFirst()).enumerated() {
      func difference(_ type: String) -> UInt64 {
        after.totals.mallocCallsByType[type, default: 0] - before.totals.mallocCallsByType[type, default: 0]
      }
      #expect(difference("NFSD lckfile") == 2 * 396, "pass \(pass + 2)")
      #expect(difference("NFSD srvcache") == after.totals.rpcs - before.totals.rpcs, "pass \(pass + 2)")
      let live = Int64(after.totals.mallocCalls) - Int64(after.totals.freeCalls)
      let earlier = Int64(before.totals.mallocCalls) - Int64(before.totals.freeCalls)
      // A pass of 33,000 calls leaves at most a few owners and reply-cache entries behind, which time out.
      #expect(live - earlier < 3000, "pass \(pass + 2)")
    }
  }

  @Test(
    "The ledger explains every byte of the map", arguments: ["freebsd-6", "freebsd-4"],
    ["connectathon-basic", "macklem-zone-leak", "macklem-malloc-leak", "macklem-lost-pages"])
  func ledger(model: String, workload: String) throws {
    let run = try RunDocument.of([Installation.workload(workload), "--model", model, "--passes", "2"], in: scratch)
    #expect(run.kernel.model == model)
    #expect(run.ledger.sum == run.map.usedBytes)
    #expect(run.map.usedBytes > 0)
    #expect(run.map.usedBytes <= run.map.highWaterBytes)
    #expect(run.map.highWaterBytes <= run.kernel.mapBytes)
    #expect(run.map.largestFreeBytes <= run.kernel.mapBytes - run.map.usedBytes)
    #expect(run.ledger.live > 0)
    if workload != "macklem-lost-pages" { #expect(run.ledger.lost == 0) }
  }

  @Test("Lost pages are in the ledger, one for every hundred thousand calls")
  func lostPages() throws {
    let run = try RunDocument.of([Installation.workload("macklem-lost-pages"), "--passes", "5"], in: scratch)
    let calls = run.totals.mallocCalls + run.totals.freeCalls
    #expect(calls > 200_000)
    #expect(run.ledger.lost == Int(calls / 100_000) * 4096)
    #expect(run.ledger.sum == run.map.usedBytes)
  }

  @Test("Two clients send twice as much as one")
  func twoClients() throws {
    let workload = Installation.workload("connectathon-basic")
    let run = try RunDocument.of([workload, "--passes", "1", "--clients", "2"], in: scratch)
    for (kind, count) in Self.forcedRPCs(.bsd, .timed) {
      #expect(run.totals.clientRpcs[kind, default: 0] == 2 * count, "RPC \(kind)")
    }
  }
}
