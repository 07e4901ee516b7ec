// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

/// What Linux does and says where a request cannot be served or a free is wrong.
extension LinuxSLUB {
  /// A request that got nothing: null, and the OOM killer for a caller that may wait.
  @inline(never)
  func refuse(_ cache: Int, _ size: Int, _ type: Int, _ wait: WaitPolicy) -> KernelAddress {
    if type >= 0 { types.refuse(type) }
    let order = cache >= 0 ? slub.caches[cache].minimumOrder : BuddyAllocator.order(ofBytes: max(size, 1))
    switch slub.state.pointee.refusal {
    case .outOfMemory where wait == .wait: outOfMemory(order: order, bytes: size)
    case .costlyOrder: log.print("nfsd: page allocation failure: order:\(order), mode:0xcc0(GFP_KERNEL)")
    case .none, .noPages, .tooLarge, .outOfMemory: break
    }
    return .null
  }

  /// out_of_memory() (mm/oom_kill.c): nothing can be killed that would free memory of the kernel.
  func outOfMemory(order: Int, bytes: Int) {
    log.print("nfsd invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=\(order), oom_score_adj=0")
    log.print("Out of memory and no killable processes...")
    failure = .panic(message: "System is deadlocked on memory", requestBytes: bytes)
  }

  /// A free of something that is not allocated.
  ///
  /// The kernel prints such a report, keeps the object and goes on; a double free of the object at the head of a list is
  /// caught by CONFIG_SLAB_FREELIST_HARDENED without further checks. The model ends at the report, as a kernel with
  /// `panic_on_warn` does (recollection).
  @inline(never)
  func refuseFree(_ address: KernelAddress, _ error: SLUBFreeError, cache: Int) {
    let place = TextColumn.hexadecimal(address.rawValue)
    let owner = ownerName(of: address)
    let message: String
    switch error {
    case .none: return
    case .notAllocated: message = "BUG: unable to handle page fault for address: \(place)"
    case .invalidPointer: message = "BUG \(owner) (Not tainted): Invalid object pointer \(place)"
    case .alreadyFree: message = "BUG \(owner) (Not tainted): Object already free"
    case .wrongCache:
      message = "cache_from_obj: Wrong slab cache. \(slub.names[max(cache, 0)]) but object is from \(owner)"
    }
    failure = .panic(message: message, requestBytes: 0)
  }

  private func ownerName(of address: KernelAddress) -> String {
    let page = Int(truncatingIfNeeded: address.rawValue &- Self.mapStart.rawValue) >> 12
    guard page >= 0, page < buddy.capacityPages, slub.pages[page].kind == SLUBPageKind.slab else { return "-" }
    return slub.names[Int(slub.pages[page].cache)]
  }

  // MARK: Checked mode

  /// The poison of an object that is being allocated; the rest of a kmalloc() becomes a red zone.
  @inline(never)
  func verifyAllocation(_ diagnostic: SLUBDiagnostic, _ cache: Int, _ address: KernelAddress, _ asked: Int) {
    let record = slub.caches + cache
    if !record.pointee.flags.contains(.constructed),
      let found = diagnostic.verifyPoison(address, count: record.pointee.objectSize)
    {
      report(found, "Poison", address, cache)
    }
    if record.pointee.flags.contains(.malloc) {
      diagnostic.guardRest(address, from: asked, to: record.pointee.objectSize)
    }
  }

  /// The red zone of an object of kmalloc() that is being freed.
  ///
  /// - Returns: false where the kernel has ended.
  @inline(never)
  func verifyFree(_ diagnostic: SLUBDiagnostic, _ address: KernelAddress) -> Bool {
    let offset = Int(truncatingIfNeeded: address.rawValue &- Self.mapStart.rawValue)
    let page = offset >> 12
    guard page >= 0, page < buddy.capacityPages, slub.pages[page].kind == SLUBPageKind.slab else { return true }
    let cache = Int(slub.pages[page].cache)
    let record = slub.caches + cache
    guard record.pointee.flags.contains(.malloc) else { return true }
    let head = Int(slub.pages[page].head)
    let inSlab = offset - head << 12
    guard inSlab % record.pointee.size == 0 else { return true }
    let asked = Int(slub.requested[head << SLUB.cellShift + inSlab / record.pointee.size])
    guard asked > 0, let found = diagnostic.verifyRest(address, from: asked, to: record.pointee.objectSize) else {
      return true
    }
    report(found, "kmalloc Redzone", address, cache)
    return false
  }

  /// Poisons an object that was freed.
  @inline(never)
  func poison(_ diagnostic: SLUBDiagnostic, _ cache: Int, _ address: KernelAddress) {
    guard !slub.caches[cache].flags.contains(.constructed) else { return }
    diagnostic.poison(address, count: slub.caches[cache].objectSize)
  }

  private func report(_ found: SLUBDiagnostic.Finding, _ what: String, _ object: KernelAddress, _ cache: Int) {
    let offset = (object.rawValue - Self.mapStart.rawValue) & UInt64(kernelPageSize << slub.caches[cache].order - 1)
    log.print(
      "\(TextColumn.hexadecimal(found.address.rawValue))-\(TextColumn.hexadecimal(found.last.rawValue))"
        + " @offset=\(offset + found.address.rawValue - object.rawValue)."
        + " First byte \(TextColumn.hexadecimal(UInt64(found.value)))"
        + " instead of \(TextColumn.hexadecimal(UInt64(found.expected)))")
    failure = .panic(message: "BUG \(slub.names[cache]) (Not tainted): \(what) overwritten", requestBytes: 0)
  }
}
