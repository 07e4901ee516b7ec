// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import Experiment
import Testing

@Suite struct QuantityTests {
  @Test(arguments: [("0", 0), ("4096", 4096), ("16KiB", 16_384), ("512MiB", 512 << 20), ("1GiB", 1 << 30)])
  func sizesAreBytesInPowersOf1024(text: String, bytes: Int) throws {
    #expect(try Quantity.bytes(text) == bytes)
  }

  @Test(
    arguments: [
      ("0", 0), ("350us", 350_000), ("2ms", 2_000_000), ("15s", 15_000_000_000), ("3m", 180_000_000_000),
      ("1h", 3_600_000_000_000), ("14d", 1_209_600_000_000_000),
    ] as [(String, UInt64)])
  func durationsAreNanoseconds(text: String, nanoseconds: UInt64) throws {
    #expect(try Quantity.nanoseconds(text) == nanoseconds)
  }

  @Test(arguments: ["12Q", "", "MiB", "-5MiB", "1.5GiB", "5 MiB", "5mib", "0x10", "٣MiB"])
  func aSizeOfAnotherFormIsRefusedWithWhatWasExpected(text: String) {
    #expect(throws: Quantity.ParseError.malformed(text, expected: "a size such as 512MiB (units KiB, MiB, GiB)")) {
      try Quantity.bytes(text)
    }
  }

  @Test(arguments: ["99999999999999999999", "9223372036854775808", "8589934592GiB"])
  func aSizeThatDoesNotFitIsRefused(text: String) {
    #expect(throws: Quantity.ParseError.tooLarge(text)) { try Quantity.bytes(text) }
  }

  @Test func aDurationNeedsAUnit() {
    #expect(throws: Quantity.ParseError.self) { try Quantity.nanoseconds("15") }
  }
}
