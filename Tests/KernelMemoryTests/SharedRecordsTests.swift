// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import Testing

@testable import KernelMemory

@Suite("Records that models share")
struct SharedRecordsTests {
  @Test func aColumnKeepsItsRecordsWhenItGrows() {
    var column = RecordColumn<Int>(capacity: 0)
    defer { column.deallocate() }
    for value in 0..<100 { #expect(column.append(value) == value) }
    #expect(column.append(-1, copies: 500) == 100)
    #expect(column.count == 600)
    #expect((0..<100).allSatisfy { column.base[$0] == $0 } && (100..<600).allSatisfy { column.base[$0] == -1 })
  }

  @Test(
    "Bit n of the sizes stands for up to 16 << n bytes",
    arguments: [(0, 0), (1, 0), (16, 0), (17, 1), (32, 1), (33, 2), (4096, 8), (4097, 9), (524_288, 15)])
  func theBitOfASize(bytes: Int, bit: Int) { #expect(MallocTypeRecord.sizeBit(bytes) == 1 << UInt64(bit)) }

  @Test func aTypeRemembersTheMostThatItHeldAndShowsNoNegativeCounts() {
    var record = MallocTypeRecord()
    record.charge(100)
    record.charge(50)
    record.credit(100)
    record.charge(20)
    #expect(record.inUse == 2 && record.bytes == 70 && record.highUse == 150 && record.frees == 1)
    record.credit(200)
    record.credit(1)
    record.credit(1)
    let row = record.statistics(name: "temp", limit: 4096)
    #expect(row.inUse == 0 && row.bytes == 0 && row.frees == 4 && row.limit == 4096)
  }

  @Test func theConsoleKeepsTheFirstLines() {
    var log = ConsoleLog()
    for line in 0..<300 { log.print("\(line)") }
    #expect(log.lines.count == 200 && log.lines.last == "199")
  }

  @Test func aLedgerThatDoesNotSumUpOrIsNegativeIsAViolation() throws {
    var ledger = Ledger()
    ledger.live = 100
    ledger.large = 4096
    try ledger.check(mapUsedBytes: 4196, of: "kmem_map")
    #expect(throws: InvariantViolation.self) { try ledger.check(mapUsedBytes: 4197, of: "kmem_map") }
    let accounts: [WritableKeyPath<Ledger, Int>] = [
      \.live, \.rounding, \.slabFree, \.cpuBuckets, \.zoneBuckets, \.slabOverhead, \.bucketStructures, \.large, \.lost,
    ]
    for account in accounts {
      var wrong = Ledger()
      wrong[keyPath: account] = -1
      #expect(throws: InvariantViolation.self, "\(account)") { try wrong.check(mapUsedBytes: -1, of: "kmem_map") }
    }
  }

  @Test func bytesBehindAnAddressEndWithTheBacking() throws {
    let memory = TestBacking(start: KernelAddress(rawValue: 0x1000), count: 4096)
    let base = memory.bytes.base
    #expect(memory.bytes.bytes(at: KernelAddress(rawValue: 0x1000), count: 4096) == base)
    #expect(memory.bytes.bytes(at: KernelAddress(rawValue: 0x1FF8), count: 8) == base + 4088)
    for (address, count) in [(0x1FF9, 8), (0xFFF, 1), (0x2000, 1), (0x1000, 4097)] as [(UInt64, Int)] {
      #expect(memory.bytes.bytes(at: KernelAddress(rawValue: address), count: count) == nil)
    }
  }
}
