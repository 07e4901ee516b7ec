// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import KernelMemory

extension Kernel {
  /// One scan of the page daemon (FreeBSD 6 sys/vm/vm_pageout.c, vm_pageout_scan).
  ///
  /// It raises vm_lowmem and asks the allocator to reclaim; then it drops cached pages of files, least recently used first, until
  /// the target of free pages is met. This is the only caller of uma_reclaim: a shortage of address space never comes here.
  func runPageDaemon() {
    heap.state.pointee.counters.pageDaemonScans &+= 1
    heap.allocator.reclaim()
    vfs.dropCachedPages(until: pages.freeTarget)
    pages.scanFinished()
  }
  /// The event vm_lowmem, raised inside the allocator where address space is short.
  ///
  /// Its one handler in the base system is mb_reclaim, which runs the protocols' drain functions (reference page
  /// "kernel-allocators", section 5.8): these free segments out of order and fragments, and there are none here, where records arrive
  /// whole. So the event is counted; what frees memory is the uma_reclaim() that follows it.
  func handleLowMemoryEvents() {
    heap.countAddressSpaceShortages()
  }

  /// Lets the time pass that requests slept inside the allocator ("nokva" on FreeBSD 9, the heap of illumos), and callouts with it.
  ///
  /// A sleeper holds the server's lock, so that nothing else of the server runs before it wakes; the time is added after the call.
  func passSleep() {
    let slept = heap.allocator.sleptNanoseconds &- heap.counters.sleptNanoseconds
    guard slept > 0 else { return }
    heap.state.pointee.counters.sleptNanoseconds &+= slept
    clock.advance(by: slept)
    heap.advance(to: clock.now)
  }
}

extension KernelHeap {
  /// Counts the events vm_lowmem of the allocator.
  func countAddressSpaceShortages() {
    allocator.lowMemoryHandler = { [unowned self] in state.pointee.counters.addressSpaceShortages &+= 1 }
  }
}
