// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import Foundation
import Glibc

/// Seconds on one of the system's clocks.
func seconds(_ clock: clockid_t) -> Double {
  var time = timespec()
  clock_gettime(clock, &time)
  return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
}

/// The middle one of an odd number of values.
func middle(_ values: [Double]) -> Double { values.sorted()[values.count / 2] }

/// True where this process may run on one CPU alone, so that both ends of a connection share it.
///
/// Waking another CPU costs more than an RPC and would be all that is measured; `scripts/benchmark` starts the program that way.
func isPinnedToOneCPU() -> Bool {
  guard let status = try? String(contentsOfFile: "/proc/self/status", encoding: .utf8) else { return false }
  let line = status.split(separator: "\n").first { $0.hasPrefix("Cpus_allowed_list:") }
  guard let list = line?.split(separator: ":").last?.trimmingCharacters(in: .whitespaces) else { return false }
  return Int(list) != nil
}
