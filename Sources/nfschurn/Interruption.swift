// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import Foundation
import Synchronization

/// SIGINT and SIGTERM, noticed between two passes.
enum Interruption {
  private static let flag = Atomic<Bool>(false)

  /// True once a signal has come.
  static var happened: Bool { flag.load(ordering: .relaxed) }

  /// From now on the first signal is noted; a second one ends the process at once, as usual.
  static func install() {
    for number in [SIGINT, SIGTERM] {
      signal(number) { number in
        Interruption.flag.store(true, ordering: .relaxed)
        signal(number, SIG_DFL)
      }
    }
  }
}
