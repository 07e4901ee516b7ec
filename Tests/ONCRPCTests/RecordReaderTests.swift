// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import Testing

@testable import ONCRPC

@Suite("Record reader")
struct RecordReaderTests {
  /// Feeds bytes in pieces and gives the records that come out, or nil when the reader refuses the stream.
  private func records(
    of stream: [UInt8], limit: Int, pieces: () -> Int
  ) throws -> [[UInt8]]? {
    var reader = try RecordReader(maximumRecordBytes: limit)
    var found: [[UInt8]] = []
    var fed = 0
    while true {
      switch reader.next() {
      case .record(let record):
        #expect(Int(bitPattern: record.baseAddress) % 4 == 0)
        found.append(Array(record))
      case .overlong, .onlyEmptyFragments: return nil
      case .needsMore:
        if fed == stream.count { return found }
        let space = reader.space()
        #expect(!space.isEmpty)
        let count = min(pieces(), stream.count - fed, space.count)
        space.copyBytes(from: stream[fed..<fed + count])
        reader.received(count)
        fed += count
      }
    }
  }

  @Test("Any stream of fragments, cut anywhere, gives its records", arguments: 1...40 as ClosedRange<UInt64>)
  func anyCut(_ seed: UInt64) throws {
    var random = SeededGenerator(seed: seed)
    let limit = 20_000
    var expected: [[UInt8]] = []
    var stream: [UInt8] = []
    for _ in 0..<60 {
      let length = Int.random(in: 0...5, using: &random) == 0 ? limit : Int.random(in: 0...900, using: &random)
      let body = (0..<length).map { _ in UInt8.random(in: 0...255, using: &random) }
      expected.append(body)
      var rest = body[...]
      while Int.random(in: 0...2, using: &random) > 0 {
        let cut = Int.random(in: 0...rest.count, using: &random)
        stream += fragment(Array(rest.prefix(cut)), isLast: false)
        rest = rest.dropFirst(cut)
      }
      stream += fragment(Array(rest), isLast: true)
    }
    let largest = [1, 3, 17, 1000, 100_000][Int(seed % 5)]
    let found = try records(of: stream, limit: limit) { Int.random(in: 1...largest, using: &random) }
    #expect(found == expected, "seed \(seed)")
  }

  @Test("A record of exactly the limit passes and one byte more does not")
  func limit() throws {
    let body = [UInt8](repeating: 7, count: 5000)
    #expect(try records(of: record(body), limit: 5000) { 4096 } == [body])
    #expect(try records(of: record(body + [7]), limit: 5000) { 4096 } == nil)
    let split = fragment(body, isLast: false) + fragment([7], isLast: true)
    #expect(try records(of: split, limit: 5000) { 4096 } == nil)
    #expect(try records(of: words(0x7FFF_FFFF), limit: 5000) { 4 } == nil)
  }

  @Test("So many empty fragments pass and one more does not; the count begins anew with each record")
  func emptyFragments() throws {
    let empty = Array(repeating: fragment([], isLast: false), count: RecordReader.maximumEmptyFragments)
      .flatMap { $0 }
    let good = empty + record([1])
    #expect(try records(of: good + good, limit: 5000) { 7 } == [[1], [1]])
    #expect(try records(of: fragment([], isLast: false) + good, limit: 5000) { 7 } == nil)
  }

  @Test("A reader knows whether a record is under way")
  func midRecord() throws {
    var reader = try RecordReader(maximumRecordBytes: 5000)
    var isUnderWay: [Bool] = [reader.isMidRecord]
    var found: [[UInt8]] = []
    let pieces = [[0x80], [0, 0, 1, 9], fragment([1], isLast: false), fragment([2], isLast: true)]
    for piece in pieces {
      reader.space().copyBytes(from: piece)
      reader.received(piece.count)
      if case .record(let record) = reader.next() { found.append(Array(record)) }
      isUnderWay.append(reader.isMidRecord)
    }
    #expect(found == [[9], [1, 2]])
    #expect(isUnderWay == [false, true, false, true, false])
  }
}
