// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import KernelMemory

extension ServerCore {
  /// Restarts the service: gives back everything that a reboot of the server forgets, and starts a new instance.
  ///
  /// - Parameter bootTime: the number of the new instance; the next one if it is not greater than the number before, or nil.
  func restart(bootTime: UInt32?) {
    guard !variables.pointee.dead, kernel.failure == nil else { return }
    releaseAllState()
    releaseAllReplies()
    forgetCallbacks()
    connections.forgetClients()
    let next = boot &+ 1
    variables.pointee.boot = bootTime.map { $0 > next ? $0 : next } ?? next
    variables.pointee.nextClientIndex = 1
    variables.pointee.nextStateIndex = 1
    variables.pointee.nextConfirmation = 1
    variables.pointee.hasIdleOwners = false
    variables.pointee.hasExpiredClients = false
    variables.pointee.counters.restarts &+= 1
    beginInstance(isRestart: true)
  }

  /// Frees every client with all it has, and the lock files that failed OPENs left behind.
  ///
  /// Stable storage keeps its records.
  private func releaseAllState() {
    for chain in 0..<Self.chains {
      while clientHeads[chain] != 0 { freeClient(client(clientHeads[chain])) }
    }
    for chain in 0..<Self.chains {
      while lockFileHeads[chain] != 0 { freeLockFile(lockFile(lockFileHeads[chain])) }
    }
  }

  /// Empties the duplicate request cache.
  ///
  /// Owners are gone, so nothing points at an entry any more.
  private func releaseAllReplies() {
    connections.forgetSavedReplies()
    variables.pointee.orphanHead = 0
    variables.pointee.orphanTail = 0
    for chain in 0..<Self.chains {
      while cacheHeads[chain] != 0 { freeEntry(reply(cacheHeads[chain])) }
    }
  }
}
