// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import Experiment
import KernelModel
import Report

/// What the modelled kernel says of itself: `vmstat -m`, `vmstat -z`, and the sum of the ledger beside the used bytes.
enum KernelStatistics {
  static func text(_ server: EmbeddedServer) -> String {
    server.withKernel { kernel in
      let allocator = kernel.heap.allocator
      return """

        \(allocator.vmstatM())
        \(allocator.vmstatZ())
        kernel map: \(Figures.grouped(allocator.mapUsedBytes)) of \(Figures.grouped(allocator.mapCapacityBytes)) bytes used; \
        ledger sum \(Figures.grouped(allocator.ledger().total))

        """
    }
  }
}
