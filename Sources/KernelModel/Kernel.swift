// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import KernelMemory

/// The kernel around an allocator: virtual clock, processors, physical pages and page daemon, mbufs, and the VFS caches.
///
/// A kernel is not thread-safe: it lives behind the one lock of the server, as the server of 2007 had one state lock.
public final class Kernel {
  /// The way to the allocator.
  public let heap: KernelHeap
  /// The virtual clock.
  public let clock = VirtualClock()
  /// Physical pages, shared by the allocator and the page cache.
  public let pages: PhysicalPages
  /// The VFS around the exported file system.
  public let vfs: VFSModel
  /// The mbuf chains of requests and replies.
  let mbufs: MbufLayer
  /// The configuration that the kernel was booted with.
  public let configuration: KernelConfiguration
  var processors: ProcessorChoice
  private var timeOfFailure: UInt64?

  /// Boots a kernel.
  ///
  /// - Throws: ``KernelError`` for an unknown model, or a configuration that the model refuses.
  public init(_ configuration: KernelConfiguration) throws(KernelError) {
    self.configuration = configuration
    pages = PhysicalPages(totalPages: PhysicalPages.managedPages(ofMemory: configuration.memoryBytes))
    heap = try KernelHeap(configuration, pages: pages)
    vfs = VFSModel(
      heap: heap, pages: pages, desiredVnodes: configuration.desiredVnodes ?? heap.allocator.desiredVnodes)
    mbufs = MbufLayer(heap: heap)
    processors = ProcessorChoice(count: configuration.cpus, seed: configuration.seed)
    // A caller that waits for pages in the middle of an allocation gets those of the page cache; the allocator itself is drained
    // at the next safe point, since a real page daemon is another thread and the zone is unlocked while its caller sleeps.
    let (vfs, pages) = (vfs, pages)
    pages.pageDaemon = { [unowned vfs, unowned pages] in vfs.dropCachedPages(until: pages.freeTarget) }
    handleLowMemoryEvents()
  }

  /// Virtual nanoseconds since boot.
  public var now: UInt64 { clock.now }

  /// What the kernel died of, nil while it lives.
  public var failure: KernelFailure? { heap.failure }

  /// Virtual nanoseconds at which the kernel failed; nil while it lives.
  public var failedAt: UInt64? { failure == nil ? nil : timeOfFailure ?? now }

  /// Machine architecture.
  public var architecture: Architecture { configuration.architecture }

  /// Registers a periodic callout, for instance the NFS server's timer of one second.
  public func addCallout(every nanoseconds: UInt64, _ body: @escaping (Kernel) -> Void) {
    clock.addCallout(every: nanoseconds) { [unowned self] in body(self) }
  }

  /// Sets faults up; malloc types must have been registered, so this comes after the start of the server.
  ///
  /// - Throws: ``FaultError`` for a type or zone that does not exist, or a count of zero.
  public func inject(_ faults: [Fault]) throws(FaultError) {
    for fault in faults { try heap.inject(fault, clock: clock) }
  }

  /// Moves the virtual clock, runs callouts and lets the allocator run its own.
  public func advance(to nanoseconds: UInt64) {
    // Its clients may wait on for a kernel that has failed.
    if timeOfFailure == nil, failure != nil { timeOfFailure = now }
    clock.advance(to: nanoseconds)
    heap.advance(to: clock.now)
    passSleep()
  }

  /// The handle of a malloc type; see ``KernelHeap/mallocType(_:)``.
  public func mallocType(_ name: String) -> MallocType { heap.mallocType(name) }

  /// Takes memory from malloc(9); see ``KernelHeap/malloc(_:_:_:)``.
  public func malloc(_ size: Int, _ type: MallocType, _ wait: WaitPolicy = .wait) -> KernelAddress {
    heap.malloc(size, type, wait)
  }

  /// Gives memory back to malloc(9); see ``KernelHeap/free(_:_:)-(KernelAddress,_)``.
  public func free(_ address: KernelAddress, _ type: MallocType) { heap.free(address, type) }

  /// The bytes of an allocation; valid until it is freed.
  public func pointer(_ address: KernelAddress) -> UnsafeMutableRawPointer { heap.pointer(address) }

  /// Takes a generic kernel object; see ``KernelHeap/allocate(_:_:)``.
  public func allocate(_ object: KernelObject, _ wait: WaitPolicy = .wait) -> KernelAddress {
    heap.allocate(object, wait)
  }

  /// Gives a generic kernel object back; null is ignored.
  public func free(_ object: KernelObject, _ address: KernelAddress) { heap.free(object, address) }
}
