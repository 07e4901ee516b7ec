// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

/// FreeBSD 8.x and 9.x: a full map is reclaimed in up to eight rounds with growing sleeps, 9 s in all, before the panic.
///
/// The time slept is in ``UMAKernel/sleptNanoseconds``: the caller adds it to its clock. Sizes of structures are those
/// of 9.3 (computed).
public final class FreeBSD9: UMAKernel, AllocatorModel {
  /// Boots the kernel's allocator.
  ///
  /// - Throws: ``ModelConfigurationError`` where a number is out of range.
  public init(_ configuration: ModelConfiguration) throws(ModelConfigurationError) {
    try super.init(configuration, .freeBSD9)
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
