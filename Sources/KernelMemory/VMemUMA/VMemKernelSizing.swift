// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

/// The sizes that FreeBSD 10 and later compute for themselves at boot (sys/kern/subr_param.c, kern_malloc.c,
/// kern_mbuf.c, vfs_subr.c).
///
/// Reference page "kernel-allocators", sections 7, 16 and 19. That the arena of 10.x and 11.x and the soft limit of 12.x
/// and later have the shape of 9.x's kmem_map is inferred; caps and scale are sourced for 9.2.
public struct VMemKernelSizing: Equatable, Sendable {
  /// Machine architecture.
  public let architecture: Architecture
  /// Physical memory, bytes.
  public let physicalMemory: Int
  /// v_page_count: 0.97 of the physical pages (computed).
  public let pages: Int
  /// maxusers: managed memory / 2 MB, at least 32; what is above 384 counts an eighth (recollection).
  public let maxUsers: Int
  /// maxproc: 20 + 16 × maxusers, at most a twelfth of the pages.
  public let maxProcesses: Int
  /// vm_kmem_size, bytes.
  public let kernelMemoryBytes: Int
  /// kmem_zmax: the largest zone of malloc, bytes; a page on machines with at most 128 MB.
  public let largestMallocZone: Int

  /// VM_KMEM_SIZE, bytes.
  static let leastBytes = 12 << 20
  /// Kernel virtual address space: 1 GiB (KVA_PAGES 256) and 512 GiB.
  static func kernelAddressSpace(_ architecture: Architecture) -> Int { architecture == .i386 ? 1 << 30 : 512 << 30 }
  /// MAXVNODES_MAX with pages of 4 KB (recollection).
  static let greatestVnodes = 8_388_608

  /// The sizes of a machine with this much memory in bytes.
  public init(physicalMemory: Int, architecture: Architecture) {
    self.architecture = architecture
    self.physicalMemory = physicalMemory
    pages = PhysicalPages.managedPages(ofMemory: physicalMemory)
    let users = max(pages / ((2 << 20) / kernelPageSize), 32)
    maxUsers = users > 384 ? 384 + (users - 384) / 8 : users
    maxProcesses = min(20 + 16 * maxUsers, pages / 12)
    let scale = architecture == .i386 ? 3 : 1
    // Each cluster counts 4096 bytes, not its 2048.
    var bytes = Self.leastBytes + (1024 + 64 * maxUsers) * kernelPageSize
    if pages / scale > bytes / kernelPageSize { bytes = pages / scale * kernelPageSize }
    let space = Self.kernelAddressSpace(architecture)
    bytes = min(bytes, architecture == .i386 ? space / 5 * 2 : space / 5 * 3)
    bytes = min(bytes, 2 * pages * kernelPageSize)
    kernelMemoryBytes = bytes / kernelPageSize * kernelPageSize
    largestMallocZone = physicalMemory <= 128 << 20 ? kernelPageSize : 65_536
  }

  /// desiredvnodes: what the pages allow, at most a tenth of kernel memory at the size of everything that a vnode brings
  /// along (FreeBSD HEAD of December 2015, vntblinit).
  ///
  /// - Parameters:
  ///   - kernelMemoryBytes: vm_kmem_size.
  ///   - vnodeCost: bytes of a vnode, its object, its file-system inode and a name-cache entry.
  /// - Returns: a number of vnodes.
  public func desiredVnodes(kernelMemoryBytes: Int, vnodeCost: Int) -> Int {
    let ofPages = maxProcesses + pages / 16 + 3 * min(98_304 * 4, pages) / 16
    return min(ofPages, kernelMemoryBytes / (10 * vnodeCost), Self.greatestVnodes)
  }

  /// maxsockets = maxfiles: the larger of 2 × maxproc and an eighth of the pages (recollection).
  public var maxSockets: Int { max(2 * maxProcesses, pages / 8) }

  /// nmbclusters as the limit on clusters: a quarter of the memory for mbufs, which is half of the smaller of memory
  /// and kernel memory (recollection).
  public func mbufClusterLimit(kernelMemoryBytes: Int) -> Int {
    min(pages * kernelPageSize, kernelMemoryBytes) / 2 / 2048 / 4
  }
}

/// Where the arena and the direct map lie: everything inside the 1 GiB of addresses that has bytes behind it.
///
/// A real amd64 kernel has terabytes for both. Here the direct map holds one page for each page of the machine, up to the
/// end of the window, and begins where the arena ends; an arena that would be larger than its part of the window is cut.
enum VMemWindow {
  /// Where the arena begins; boot pages lie just below.
  static let start = KernelAddress(rawValue: 0xC100_0000)
  static let end: UInt64 = 0x1_0000_0000
  /// Where the arena ends at the latest.
  static func arenaEnd(_ architecture: Architecture) -> UInt64 { architecture == .i386 ? 0xF000_0000 : 0xE000_0000 }
  /// Bytes that an arena may have.
  static func arenaSizes(_ architecture: Architecture) -> ClosedRange<Int> {
    (1 << 20)...Int(arenaEnd(architecture) - start.rawValue)
  }
  /// Physical memory that a machine may have, bytes.
  static func memorySizes(_ architecture: Architecture) -> ClosedRange<Int> {
    (16 << 20)...(architecture == .i386 ? 4 << 30 : 1 << 40)
  }
  /// Processors.
  static let processors = 1...16

  /// Pages of the direct map behind an arena of `arenaPages`, on a machine with `machinePages`; none on i386.
  static func directPages(_ architecture: Architecture, arenaPages: Int, machinePages: Int) -> Int {
    guard architecture == .amd64 else { return 0 }
    let room = Int(end - start.rawValue) / kernelPageSize - arenaPages
    return min(room, machinePages)
  }

  /// Refuses what a model of this family cannot be, and sizes the machine.
  static func check(_ configuration: ModelConfiguration) throws(ModelConfigurationError) -> VMemKernelSizing {
    guard processors.contains(configuration.cpus) else {
      throw .processors(configuration.cpus, allowed: processors)
    }
    let memory = memorySizes(configuration.architecture)
    guard memory.contains(configuration.physicalMemory) else {
      throw .physicalMemory(configuration.physicalMemory, allowed: memory)
    }
    let sizes = arenaSizes(configuration.architecture)
    if let bytes = configuration.mapBytes, !sizes.contains(bytes) { throw .mapSize(bytes, allowed: sizes) }
    return VMemKernelSizing(
      physicalMemory: configuration.physicalMemory, architecture: configuration.architecture)
  }
}
