// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

extension DragonFly {
  /// KVA of i386: VM_MAX_KERNEL_ADDRESS − VM_MIN_KERNEL_ADDRESS, bytes (KVA_PAGES 256; recollection).
  public static let kernelAddressSpace = 1 << 30
  /// ZALLOC_MIN_ZONE_SIZE and ZALLOC_MAX_ZONE_SIZE, bytes.
  public static let zoneSizes = 32 << 10...128 << 10
  /// sizeof(struct kmemusage), bytes: one for every page of the address space.
  static let kmemusageBytes = 4
  /// Sizes of the structures that the vnode formula counts, bytes (recollection).
  static let vnodeBytes = 256
  static let objectBytes = 112

  /// min(memory, KVA): what the zone size and the limits are made of, bytes (kern_slaballoc.c, kmeminit).
  static func limitSize(managedPages: Int, addressSpace: Int) -> Int {
    min(managedPages * kernelPageSize, addressSpace)
  }

  /// ZoneSize: doubled from 32 KiB while twice its bytes are below the limit size in KiB, at most 128 KiB: about a
  /// thousandth of the memory.
  public static func zoneSize(limitSize: Int) -> Int {
    var size = zoneSizes.lowerBound
    while size < zoneSizes.upperBound && size << 1 < limitSize / 1024 { size <<= 1 }
    return size
  }

  /// ks_limit of every malloc type, bytes: a tenth (kern_slaballoc.c, malloc_init).
  public static func typeLimit(limitSize: Int) -> Int { limitSize / 10 }

  /// maxproc with maxusers sized by memory: 20 + 16 × (memory / 2 MiB, 32 to 384), as FreeBSD (recollection for
  /// DragonFly).
  static func maxProc(managedPages: Int) -> Int {
    20 + 16 * min(max(managedPages / ((2 << 20) / kernelPageSize), 32), 384)
  }

  /// desiredvnodes = min(maxproc + pages / 4, 2 × KVA / (5 × (object + vnode))).
  ///
  /// The share of the address space is sourced (sys/kern/vfs_subr.c); that it clamps FreeBSD's formula as vm_kmem_size
  /// does there is inferred.
  public static func desiredVnodes(managedPages: Int, addressSpace: Int) -> Int {
    min(maxProc(managedPages: managedPages) + managedPages / 4, 2 * addressSpace / (5 * (objectBytes + vnodeBytes)))
  }
}
