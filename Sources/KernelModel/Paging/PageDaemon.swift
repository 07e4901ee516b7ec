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
}
