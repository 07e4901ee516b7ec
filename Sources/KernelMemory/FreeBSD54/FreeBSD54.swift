// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

/// FreeBSD 5.4: the decisions of ``FreeBSD6``, with malloc statistics in the types themselves.
///
/// There is no zone for the statistics of malloc types, which know the most bytes that they had (ks_maxused), and
/// vmstat prints what the sysctls kern.malloc and vm.zone say. That 5.4 allocates as HEAD of early 2006 is inferred, and
/// so is its size of structures.
public final class FreeBSD54: UMAKernel, AllocatorModel {
  /// Boots the kernel's allocator.
  ///
  /// - Throws: ``ModelConfigurationError`` where a number is out of range.
  public init(_ configuration: ModelConfiguration) throws(ModelConfigurationError) {
    try super.init(configuration, .freeBSD54)
  }

  /// malloc(9) of `size` bytes: one of the nine zones up to 4096 bytes, whole pages above.
  @inline(__always)
  public func malloc(_ size: Int, _ type: MallocType, _ wait: WaitPolicy) -> KernelAddress {
    let address = allocate(size, type, wait)
    if address != .null { noteHighUse(type, allocated: size) }
    return address
  }

  /// free(9); the null address is nothing to free.
  @inline(__always)
  public func free(_ address: KernelAddress, _ type: MallocType) {
    noteFree(address, type)
    release(address, type)
  }

  /// The short path of malloc.
  @inline(__always)
  public func mallocFromCache(_ size: Int, _ type: MallocType, _ address: inout KernelAddress) -> Bool {
    guard state.mallocFromCache(size, type, &address) else { return false }
    noteHighUse(type, allocated: size)
    return true
  }

  /// The short path of free.
  @inline(__always)
  public func freeToCache(_ address: KernelAddress, _ type: MallocType) -> Bool {
    guard state.freeToCache(address, type) else { return false }
    noteFree(address, type)
    return true
  }
}
