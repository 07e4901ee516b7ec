// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

/// What kmem_malloc does for a caller that may sleep while kmem_map has no room (sys/vm/vm_kern.c).
///
/// In each round the event vm_lowmem is raised, uma_reclaim() runs and the map is asked again; after a round that found
/// nothing the caller sleeps. After the last round the kernel panics.
struct UMAExhaustion: Equatable, Sendable {
  /// Rounds before the panic.
  var rounds: Int
  /// The sleep after the first round, virtual nanoseconds; that after round n is n times as long.
  var sleepStep: UInt64

  /// 5.4 to 6.2: nothing is tried.
  static let panicAtOnce = UMAExhaustion(rounds: 0, sleepStep: 0)
  /// 7.x: one round, and no sleep.
  static let reclaimOnce = UMAExhaustion(rounds: 1, sleepStep: 0)
  /// 8.x and 9.x: eight rounds, and sleeps of hz / 4 × (i + 1) on "nokva": 9 s in all.
  static let reclaimAndSleep = UMAExhaustion(rounds: 8, sleepStep: 250_000_000)
}

/// What a kernel around the allocator takes part with; closures are called on the slow path alone.
struct UMAHooks {
  /// The handlers of the event vm_lowmem.
  var lowMemory: (() -> Void)?
  /// What others do while the caller sleeps for so many virtual nanoseconds.
  var whileSleeping: ((UInt64) -> Void)?
}

extension UMA {
  /// The rest of kmem_malloc for a caller that may sleep and found no room.
  ///
  /// A call that a handler makes in turn raises no event: it has the rounds of reclaim alone.
  ///
  /// - Returns: the map's page index; -1 where the kernel ended.
  @inline(never)
  func allocateWithoutRoom(pages: Int) -> Int {
    let isNested = state.pointee.isReclaimingMap
    state.pointee.isReclaimingMap = true
    defer { state.pointee.isReclaimingMap = isNested }
    let cpu = currentCPU
    for round in 0..<exhaustion.rounds {
      if !isNested, let handler = hooks.lowMemory {
        handler()
        currentCPU = cpu
      }
      guard !state.pointee.isDead else { return -1 }
      state.pointee.mapReclaims += 1
      reclaim()
      let first = map.allocate(pages: pages)
      if first >= 0 { return first }
      let sleep = exhaustion.sleepStep * UInt64(round + 1)
      guard sleep != 0 else { continue }
      state.pointee.sleptNanoseconds += sleep
      if !isNested, let handler = hooks.whileSleeping {
        handler(sleep)
        currentCPU = cpu
      }
      guard !state.pointee.isDead else { return -1 }
    }
    let bytes = pages * kernelPageSize
    let mapped = map.usedPages * kernelPageSize
    die(.panic(message: "kmem_malloc(\(bytes)): kmem_map too small: \(mapped) total allocated", requestBytes: bytes))
    return -1
  }
}
