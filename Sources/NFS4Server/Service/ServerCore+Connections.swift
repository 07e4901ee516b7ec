// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import KernelModel

extension ServerCore {
  /// The slot of a connection, which is opened if it is not known; -1 once the kernel has failed.
  @inline(__always)
  func openConnection(_ id: UInt64) -> Int {
    let slot = connections.find(id)
    return slot >= 0 ? slot : acceptConnection(id)
  }

  @inline(never)
  private func acceptConnection(_ id: UInt64) -> Int {
    guard !variables.pointee.dead, kernel.failure == nil else { return -1 }
    return connections.add(id, kernel.openConnection())
  }

  /// Ends a connection; what it would have acknowledged stays in the reply cache.
  func closeConnection(_ id: UInt64) {
    let slot = connections.find(id)
    guard slot >= 0 else { return }
    if !variables.pointee.dead, kernel.failure == nil {
      orphanReplies(slot: slot)
      kernel.closeConnection(&connections.slots[slot].buffers)
    }
    connections.slots[slot].isOpen = false
  }
}
