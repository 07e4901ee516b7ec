// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

/// How a kmem cache lays buffers out in its slabs.
///
/// illumos usr/src/uts/common/os/kmem.c, kmem_cache_create, without debug flags: small buffers share a page with the
/// kmem_slab_t at its end; larger ones take the slab size, of up to eight buffers or a page, that wastes least for each
/// buffer, and have their structures elsewhere (KMF_HASH).
public struct KmemLayout: Equatable, Sendable {
  /// KMEM_VOID_FRACTION.
  static let voidFraction = 8
  /// KMEM_ALIGN.
  static let alignment = 8
  /// sizeof(kmem_slab_t), bytes (recollection of the structure).
  static func slabStructure(wordSize: Int) -> Int { wordSize == 8 ? 72 : 44 }
  /// sizeof(kmem_bufctl_t), bytes: three pointers.
  static func bufferControl(wordSize: Int) -> Int { 3 * wordSize }

  /// Bytes from one buffer to the next.
  public let chunkSize: Int
  /// Pages of a slab.
  public let slabPages: Int
  /// Whether slab and buffer structures lie outside of the slab.
  public let isHashed: Bool
  /// The largest offset of the first buffer, bytes.
  public let maximumColor: Int
  /// Alignment of a buffer, the step from one color to the next, bytes.
  public let align: Int
  /// The most buffers a slab can have.
  public let maximumChunks: Int
  /// Shift of the bins that order partial slabs (cache_partial_binshift).
  let binShift: Int

  /// Lays a cache out.
  ///
  /// - Parameters:
  ///   - bufferSize: bytes, at least 1.
  ///   - align: a power of two up to a page, 0 for 8.
  ///   - noHash: KMC_NOHASH: the structures stay in the page whatever the size.
  ///   - wordSize: bytes of a pointer.
  public init(bufferSize: Int, align: Int = 0, noHash: Bool = false, wordSize: Int = 8) {
    let align = align == 0 ? Self.alignment : align
    var chunk = bufferSize
    if align >= Self.alignment { chunk = Self.roundUp(chunk, Self.alignment) }
    chunk = Self.roundUp(chunk, align)
    let structure = Self.slabStructure(wordSize: wordSize)
    if noHash || chunk < kernelPageSize / Self.voidFraction {
      slabPages = 1
      isHashed = false
      maximumColor = (kernelPageSize - structure) % chunk
    } else {
      let best = Self.bestSlab(chunk)
      slabPages = best / kernelPageSize
      isHashed = true
      maximumColor = min(best % chunk, kernelPageSize - 1)
    }
    chunkSize = chunk
    self.align = align
    maximumChunks = slabPages * kernelPageSize / chunk
    let sixteenth = maximumChunks / 16
    binShift = Int.bitWidth - sixteenth.leadingZeroBitCount + 1
  }

  private static func bestSlab(_ chunk: Int) -> Int {
    var chunks = 1
    var best = 0
    var leastWaste = Int.max
    while chunks <= voidFraction {
      let bytes = roundUp(chunk * chunks, kernelPageSize)
      chunks = bytes / chunk
      let waste = bytes % chunk / chunks
      if waste < leastWaste {
        leastWaste = waste
        best = bytes
      }
      chunks += 1
    }
    return best
  }

  /// Buffers of a slab whose first one lies at `color`.
  func chunks(color: Int, wordSize: Int) -> Int {
    let structure = isHashed ? 0 : Self.slabStructure(wordSize: wordSize)
    return (slabPages * kernelPageSize - structure - color) / chunkSize
  }

  static func roundUp(_ value: Int, _ multiple: Int) -> Int { (value + multiple - 1) / multiple * multiple }
}

/// A magazine type: how many buffers a magazine of it holds and which caches may use it (kmem.c, kmem_magtype).
struct KmemMagazineType {
  var rounds: Int
  var align: Int
  /// All smaller buffers qualify.
  var minimumBuffer: Int
  /// No larger buffers qualify for the next type.
  var maximumBuffer: Int

  static let all = [
    KmemMagazineType(rounds: 1, align: 8, minimumBuffer: 3200, maximumBuffer: 65536),
    KmemMagazineType(rounds: 3, align: 16, minimumBuffer: 256, maximumBuffer: 32768),
    KmemMagazineType(rounds: 7, align: 32, minimumBuffer: 64, maximumBuffer: 16384),
    KmemMagazineType(rounds: 15, align: 64, minimumBuffer: 0, maximumBuffer: 8192),
    KmemMagazineType(rounds: 31, align: 64, minimumBuffer: 0, maximumBuffer: 4096),
    KmemMagazineType(rounds: 47, align: 64, minimumBuffer: 0, maximumBuffer: 2048),
    KmemMagazineType(rounds: 63, align: 64, minimumBuffer: 0, maximumBuffer: 1024),
    KmemMagazineType(rounds: 95, align: 64, minimumBuffer: 0, maximumBuffer: 512),
    KmemMagazineType(rounds: 143, align: 64, minimumBuffer: 0, maximumBuffer: 0),
  ]

  /// The type that a cache starts with: the first whose minimum the chunk exceeds.
  static func first(forChunk chunk: Int) -> Int { all.firstIndex { chunk > $0.minimumBuffer } ?? all.count - 1 }
}

/// The caches behind kmem_alloc() (kmem.c, kmem_alloc_sizes and kmem_big_alloc_sizes).
public enum KmemSizes {
  /// Up to a page.
  public static let small = [
    8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 448, 512, 640, 768, 896, 1152, 1344,
    1600, 2048, 2688, 4096,
  ]
  /// Above a page; 32-bit kernels stop at 32768 bytes.
  public static let big = [
    8192, 12288, 16384, 24576, 32768, 40960, 49152, 57344, 65536, 73728, 81920, 90112, 98304, 106496, 114688, 122880,
    131072,
  ]
  /// kmem_max_cached: the largest cached request, bytes.
  public static func largest(wordSize: Int) -> Int { wordSize == 8 ? 131072 : 32768 }
  /// Alignment of a cache of this size: a page, 64 or 8 bytes.
  static func align(_ size: Int) -> Int { size % kernelPageSize == 0 ? kernelPageSize : size % 64 == 0 ? 64 : 8 }
}
