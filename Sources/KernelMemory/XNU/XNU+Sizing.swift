// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

extension XNU {
  /// ZONE_MAP_MIN, bytes (osfmk/vm/vm_init.c).
  public static let leastZoneMap = 12 << 20
  /// ZONE_MAP_MAX of 32-bit kernels, bytes.
  public static let greatestZoneMap = 3 << 29
  /// zone_map_jetsam_limit, percent: from there on later versions kill processes.
  public static let jetsamPercent = 95
  /// KALLOC_MAP_SIZE_MIN and KALLOC_MAP_SIZE_MAX, bytes (recollection).
  static let kallocMapSizes = 16 << 20...128 << 20
  /// Largest request that goes to kalloc_map, bytes; larger ones go to kernel_map (recollection).
  static let largestKallocMapRequest = 256 << 10
  /// The limits of mb_map, bytes: a sixteenth of the memory (recollection).
  static let mbufMapSizes = 16 << 20...64 << 20

  /// Size of zone_map, bytes: a quarter of the memory (recollection for the share) between 12 MiB and 1.5 GiB, at most
  /// what the modelled address window leaves.
  public static func zoneMapSize(physicalMemory: Int) -> Int {
    min(max(leastZoneMap, physicalMemory / 4), greatestZoneMap, mapSizes.upperBound) / kernelPageSize * kernelPageSize
  }

  /// Size of kalloc_map, bytes: a thirty-second of the memory (recollection).
  public static func kallocMapSize(physicalMemory: Int) -> Int {
    min(max(kallocMapSizes.lowerBound, physicalMemory / 32), kallocMapSizes.upperBound) / kernelPageSize
      * kernelPageSize
  }

  static func mbufMapSize(physicalMemory: Int) -> Int {
    min(max(mbufMapSizes.lowerBound, physicalMemory / 16), mbufMapSizes.upperBound) / kernelPageSize * kernelPageSize
  }

  /// desiredvnodes: one for every 64 KiB of memory and 1024, at most 263168 (recollection; 66560 with 4 GiB).
  public static func desiredVnodes(physicalMemory: Int) -> Int { min(physicalMemory >> 16 + 1024, 263_168) }

  /// The largest of kalloc's zones, bytes.
  static let largestZoned = 8192

  /// The element sizes of kalloc's zones, bytes (osfmk/kern/kalloc.c; those above 2048, and those above 576 on 32 bits,
  /// are recollection).
  static func kallocSizes(_ architecture: Architecture) -> [Int] {
    switch architecture {
    case .amd64:
      [
        16, 32, 48, 64, 80, 96, 128, 160, 192, 224, 256, 288, 368, 400, 512, 576, 768, 1024, 1152, 1280, 1664, 2048,
        4096, 8192,
      ]
    case .i386:
      [
        8, 16, 24, 32, 40, 48, 64, 72, 88, 112, 128, 192, 256, 288, 384, 440, 512, 576, 768, 1024, 1152, 1536, 2048,
        4096, 8192,
      ]
    }
  }
}
