// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import Foundation
import NFS4
import Testing

@Suite struct ConformanceTests {
  @Test("An operation answers the error that the RFC names", arguments: ConformanceCase.all)
  func anOperationAnswersTheError(_ test: ConformanceCase) throws {
    let reply = try test.run()
    #expect(reply.status == test.status)
    let last = try #require(reply.last(test.operation))
    #expect(last.number == test.operation.rawValue, "the compound ended at operation \(last.number)")
    #expect(last.status == test.status.rawValue)
  }

  @Test func theTableIsReadInFull() {
    #expect(ErrorTable.rows.count == ErrorTable.counted.rows)
    #expect(ErrorTable.rows.reduce(0) { $0 + $1.errors.count } == ErrorTable.counted.errors)
    #expect(Set(ErrorTable.rows.map(\.operation)).count == NFSOperation.allCases.count)
  }

  @Test func everyPairHasACaseOrAReasonOrIsListedAsOpen() {
    var open: Set<String> = []
    for row in ErrorTable.rows {
      for status in row.errors {
        let isTested = ConformanceCase.all.contains { $0.operation == row.operation && $0.status == status }
        let reason = ConformanceReason.special[.init(row.operation, status)]
        #expect(!(isTested && reason != nil), "\(row.operation.name) \(status.name) is tested and cannot happen")
        if !isTested && ConformanceReason.reason(row.operation, status) == nil {
          open.insert("\(row.operation.name) \(status.name)")
        }
      }
    }
    #expect(open.subtracting(ConformanceGaps.rows).sorted() == [], "neither a case nor a reason")
    #expect(ConformanceGaps.rows.subtracting(open).sorted() == [], "no gap any more: take it off the list")
  }

  @Test func everyCaseIsAPairOfTheTable() {
    for test in ConformanceCase.all {
      let row = ErrorTable.rows.first { $0.operation == test.operation }
      #expect(row?.errors.contains(test.status) == true, "\(test.testDescription) is not in the RFC's table")
    }
  }

  @Test func theDocumentIsUpToDate() throws {
    let text = ConformanceDocument.text()
    if ProcessInfo.processInfo.environment[ConformanceDocument.variable] != nil {
      try text.write(to: ConformanceDocument.path, atomically: true, encoding: .utf8)
    }
    #expect(try String(contentsOf: ConformanceDocument.path, encoding: .utf8) == text)
  }
}
