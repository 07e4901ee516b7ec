// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

/// What XNU does and says where a request cannot be served (reference page "kernel-allocators", chapters 15 and 17).
extension XNU {
  /// A zalloc() that got nothing: null to a caller that may not block, the end for one that may.
  @inline(never)
  func zoneRefused(_ index: Int) {
    switch zones.refusal {
    case .none, .wouldBlock: break
    case .mapFull: panicExhausted(index)
    case .pagesNeverCome: waitsForPages(bytes: Int(zones.zones[index].chunkPages) * kernelPageSize)
    }
  }

  /// The third try of a growth failed: the largest zone is named as the likely culprit.
  func panicExhausted(_ index: Int) {
    let largest = zones.largestZone()
    let zone = zones.zones[largest]
    let size = zones.zones[index].size
    failure = .panic(
      message: "zalloc: zone map exhausted while allocating from zone \(zones.names[index]), likely due to memory leak"
        + " in zone \(zones.names[largest]) (\(zone.currentBytes) total bytes, \(zone.used) elements allocated)",
      requestBytes: (size + kernelPageSize - 1) / kernelPageSize * kernelPageSize)
  }

  /// A large kalloc() of a waiting caller that got nothing (bsd/kern/kern_malloc.c, _MALLOC).
  @inline(never)
  func largeRefused(_ size: Int) {
    if large.refusal == WiredMap.pagesNeverCome { return waitsForPages(bytes: size) }
    failure = .panic(message: "_MALLOC: kalloc returned NULL (potential leak), size \(size)", requestBytes: size)
  }

  /// VM_PAGE_WAIT without an end.
  private func waitsForPages(bytes: Int) {
    failure = .stuck(reason: "VM_PAGE_WAIT: physical pages are short and none is freed", requestBytes: bytes)
  }

  /// The thread call grows the zones that callers which may not block have left empty; it may panic.
  @inline(never)
  func runThreadCalls() {
    if let index = zones.runThreadCalls() { zoneRefused(index) }
    if isChecked { reportModified() }
  }

  /// A free of something that is not allocated.
  ///
  /// The kernel finds a second free only where the element still heads its chunk's list; the model ends at every one.
  /// An address inside an element corrupts the list in the kernel; the model ends with the words for a pointer that
  /// cannot be an element.
  @inline(never)
  func freeRefused(_ address: KernelAddress, _ index: Int) {
    let hex = "0x" + String(address.rawValue, radix: 16)
    let owner = zones.names[zones.state.pointee.ownerOfFreed]
    let message =
      switch zones.freeError {
      case .none: ""
      case .notAllocated: "zfree: non-allocated memory in collectable zone!"
      case .notAnElement: "zfree: freeing invalid pointer \(hex) to zone \(owner)\n"
      case .otherZone:
        "Element \(hex) from zone \(owner) caught being freed to wrong zone \(zones.names[max(index, 0)])\n"
      case .alreadyFree: "zfree: double free of \(hex) to zone \(owner)\n"
      }
    guard zones.freeError != .none else { return }
    failure = .panic(message: message, requestBytes: 0)
  }

  /// Checked mode: a free element was written to.
  func reportModified() {
    guard let poison = zones.diagnostic, let found = poison.takeFinding() else { return }
    func hex(_ value: UInt64) -> String { "0x" + String(value, radix: 16) }
    failure = .panic(
      message: "a freed zone element has been modified in zone \(zones.names[found.zone]): expected"
        + " \(hex(found.expected)) but found \(hex(found.found)), bits changed \(hex(found.expected ^ found.found)),"
        + " at offset \(found.offset) of \(found.size) in element \(hex(found.element.rawValue)), cookies"
        + " \(hex(poison.plainCookie)) \(hex(poison.poisonCookie))",
      requestBytes: 0)
  }
}
