// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import CPrefetch

/// Conditions that nothing foretells, as masks: a jump on one would make the processor wait for all that it depends on.
enum Unforeseen {
  /// All bits where a number is 0, none where it is above.
  @inline(__always)
  static func isZero(_ number: Int) -> Int { nfschurn_mask_of_negative(number &- 1) }

  /// The first number where the mask has all bits, the second one where it has none.
  @inline(__always)
  static func choose(_ mask: Int, _ first: Int, _ second: Int) -> Int { second ^ ((first ^ second) & mask) }
}
