// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import Foundation
import Synchronization

/// SIGINT and SIGTERM, which end a run between two passes; SIGUSR1 or SIGINFO, which asks for the statistics of the modelled kernel; SIGHUP,
/// which restarts the service of `serve`.
enum Interruption {
  private static let flag = Atomic<Bool>(false)

  /// True once a signal has come.
  static var happened: Bool { flag.load(ordering: .relaxed) }

  private static let statisticsFlag = Atomic<Bool>(false)

  /// True once for every SIGUSR1 (or several at once) that has come: somebody wants to see the statistics.
  static func takeStatisticsRequest() -> Bool { statisticsFlag.exchange(false, ordering: .relaxed) }

  private static let restartFlag = Atomic<Bool>(false)

  /// True once for every SIGHUP (or several at once) that has come since ``installRestart()``.
  static func takeRestartRequest() -> Bool { restartFlag.exchange(false, ordering: .relaxed) }

  /// From now on SIGHUP asks for a restart; without this it ends the process.
  static func installRestart() {
    signal(SIGHUP) { _ in Interruption.restartFlag.store(true, ordering: .relaxed) }
  }

  /// From now on the first signal is noted; a second one ends the process at once, as usual.
  static func install() {
    for number in [SIGINT, SIGTERM] {
      signal(number) { number in
        Interruption.flag.store(true, ordering: .relaxed)
        signal(number, SIG_DFL)
      }
    }
    signal(SIGUSR1) { _ in Interruption.statisticsFlag.store(true, ordering: .relaxed) }
    #if os(FreeBSD) || os(OpenBSD) || canImport(Darwin)
      // Control-T of the terminal; Linux has no such signal.
      signal(SIGINFO) { _ in Interruption.statisticsFlag.store(true, ordering: .relaxed) }
    #endif
  }
}
