// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import KernelMemory

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// The bytes behind the kernel's virtual addresses: one reserved range of the host, filled by the host page by page on first touch.
final class AddressSpace {
  /// First kernel address of i386 with the default KVA of 1 GiB (FreeBSD sys/i386/include/pmap.h, KVA_PAGES 256).
  static let start: UInt64 = 0xC000_0000
  /// Size of that KVA, bytes.
  static let size = 1 << 30

  let bytes: BackingBytes

  init() throws(KernelError) {
    let flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE
    guard let base = mmap(nil, Self.size, PROT_READ | PROT_WRITE, flags, -1, 0), base != MAP_FAILED else {
      throw .noAddressSpace(bytes: Self.size, errno: errno)
    }
    bytes = BackingBytes(base: base, start: KernelAddress(rawValue: Self.start), count: Self.size)
  }

  deinit { munmap(bytes.base, bytes.count) }
}
