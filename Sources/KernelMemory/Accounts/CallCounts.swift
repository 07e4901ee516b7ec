// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

/// How often, or how many bytes: allocations beside frees.
///
/// Two counters that only grow, and not their difference: one word that both calls change would make each wait for the other.
struct CallCounts {
  var allocations: UInt64 = 0
  var frees: UInt64 = 0
}
