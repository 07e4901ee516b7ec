// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

/// The chunk classes of DragonFly's slab allocator (sys/kern/kern_slaballoc.c, zoneindex).
///
/// Steps of 8 bytes below 128, then eight steps for every power of two: 16 below 256, 32 below 512, 64 below 1 KiB, 128
/// below 2 KiB, 256 below 4 KiB, 512 below 8 KiB, 1 KiB below 16 KiB.
public enum SlabClasses {
  /// MIN_CHUNK_SIZE, bytes.
  public static let minimumChunk = 8
  /// ZALLOC_ZONE_LIMIT with pages of 4 KiB: no chunk is larger, bytes.
  public static let largestLimit = 16384
  /// Number of classes.
  public static let count = 72

  /// Class and chunk size in bytes of a request of 1 to ``largestLimit`` − 1 bytes.
  public static func of(_ size: Int) -> (index: Int, chunk: Int) {
    let bytes = max(size, 1)
    if bytes < 128 {
      let chunk = (bytes + 7) & ~7
      return (chunk / 8 - 1, chunk)
    }
    // 16 for 128 to 255, doubled for every power of two.
    let doubling = Int.bitWidth - 1 - bytes.leadingZeroBitCount - 7
    let step = 16 << doubling
    let chunk = (bytes + step - 1) & ~(step - 1)
    return (chunk / step + 7 + 8 * doubling, chunk)
  }
}
