// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

/// FreeBSD 7.0 and 7.x: ``FreeBSD6``, but a full map raises vm_lowmem and calls uma_reclaim() once before the panic.
///
/// The retry is kmem_malloc() of August 2007 (source); the rest is HEAD of early 2006, from which 7.0 came (inferred).
public final class FreeBSD7: UMAKernel, AllocatorModel {
  /// Boots the kernel's allocator.
  ///
  /// - Throws: ``ModelConfigurationError`` where a number is out of range.
  public init(_ configuration: ModelConfiguration) throws(ModelConfigurationError) {
    try super.init(configuration, .freeBSD7)
  }

  /// malloc(9) of `size` bytes: one of the nine zones up to 4096 bytes, whole pages above.
  @inline(__always)
  public func malloc(_ size: Int, _ type: MallocType, _ wait: WaitPolicy) -> KernelAddress {
    allocate(size, type, wait)
  }

  /// free(9); the null address is nothing to free.
  @inline(__always)
  public func free(_ address: KernelAddress, _ type: MallocType) { release(address, type) }

  /// The short path of malloc.
  @inline(__always)
  public func mallocFromCache(_ size: Int, _ type: MallocType, _ address: inout KernelAddress) -> Bool {
    state.mallocFromCache(size, type, &address)
  }

  /// The short path of free.
  @inline(__always)
  public func freeToCache(_ address: KernelAddress, _ type: MallocType) -> Bool { state.freeToCache(address, type) }
}
