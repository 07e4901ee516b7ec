// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

/// What makes one kernel over UMA different from its siblings: the policy behind ``UMAKernel``.
struct UMAKernelProfile: Sendable {
  /// How a kernel is built for one architecture.
  struct Machine: Sendable {
    var structures: UMAStructures
    var objects: UMAKernelObjects
    var sizing: UMAKernelSizing.Rules
    /// Whether kegs with one page a slab use the direct map (UMA_MD_SMALL_ALLOC).
    var hasDirectMap: Bool
    /// Sizes that kmem_map may have, bytes.
    var mapSizes: ClosedRange<Int>
    /// Physical memory that the machine may have, bytes.
    var memorySizes: ClosedRange<Int>
  }

  /// Which text the kernel's `vmstat -m` and `vmstat -z` print.
  enum Statistics: Sendable {
    /// 5.x: the sysctls kern.malloc and vm.zone.
    case sysctl
    /// 6.x and 7: libmemstat.
    case libmemstat
    /// 8.x and 9.x: libmemstat with columns for failures and sleeps.
    case libmemstatWithFailures
  }

  let identifier: String
  let i386: Machine
  let amd64: Machine
  let exhaustion: UMAExhaustion
  let statistics: Statistics
  var zoneNames: [(canonical: String, own: String)] = []
  var hasJumboClusters = true

  func machine(_ architecture: Architecture) -> Machine {
    switch architecture {
    case .i386: i386
    case .amd64: amd64
    }
  }

  func zones(_ architecture: Architecture) -> UMAKernelZones {
    UMAKernelZones(machine(architecture).objects, names: zoneNames, hasJumboClusters: hasJumboClusters)
  }

  /// 5.4: mbuf zones have their old names (recollection), and malloc types keep their counts themselves.
  static let freeBSD54 = UMAKernelProfile(
    identifier: FreeBSD54.identifier, i386: .i386Of54, amd64: .amd64Of54, exhaustion: .panicAtOnce,
    statistics: .sysctl, zoneNames: [("mbuf", "Mbuf"), ("mbuf_cluster", "MbufClust")], hasJumboClusters: false)

  /// 6.0 to 6.2.
  static let freeBSD6 = UMAKernelProfile(
    identifier: FreeBSD6.identifier, i386: .i386, amd64: .amd64, exhaustion: .panicAtOnce, statistics: .libmemstat)

  /// 7.0 and 7.x: as 6 but for the map without room.
  static let freeBSD7 = UMAKernelProfile(
    identifier: FreeBSD7.identifier, i386: .i386, amd64: .amd64, exhaustion: .reclaimOnce, statistics: .libmemstat)

  /// 8.x and 9.x.
  static let freeBSD9 = UMAKernelProfile(
    identifier: FreeBSD9.identifier, i386: .i386Of9, amd64: .amd64Of9, exhaustion: .reclaimAndSleep,
    statistics: .libmemstatWithFailures, zoneNames: [("inpcb", "tcp_inpcb")])
}

extension UMAKernelProfile.Machine {
  /// 6.x on i386: kmem_map ends at 0xF0000000 at the latest.
  static let i386 = UMAKernelProfile.Machine(
    structures: .i386, objects: .i386, sizing: UMAKernelSizing.Rules(), hasDirectMap: false,
    mapSizes: (1 << 20)...(0xF000_0000 - 0xC100_0000), memorySizes: (16 << 20)...(4 << 30))

  /// 6.x on amd64: at most 400 MB by VM_KMEM_SIZE_MAX.
  ///
  /// The model has 512 MiB of address space for kmem_map; what lies behind kmem_map is the direct map.
  static let amd64 = UMAKernelProfile.Machine(
    structures: .amd64, objects: .amd64,
    sizing: UMAKernelSizing.Rules(
      greatestMapBytes: 400 << 20,
      vnodeAndObjectBytes: UMAKernelObjects.amd64.vnode + UMAKernelObjects.amd64.object),
    hasDirectMap: true, mapSizes: (1 << 20)...(512 << 20), memorySizes: (16 << 20)...(64 << 30))

  static let i386Of54 = without(typeStatistics: i386)
  static let amd64Of54 = without(typeStatistics: amd64)

  /// 9.x on i386: at most 40 % of 1 GB of kernel address space.
  static let i386Of9 = UMAKernelProfile.Machine(
    structures: .i386Of9, objects: .i386Of9,
    sizing: UMAKernelSizing.Rules(
      greatestMapBytes: (1 << 30) / 5 * 2, vnodes: .seventhOfMap,
      vnodeAndObjectBytes: UMAKernelObjects.i386Of9.vnode + UMAKernelObjects.i386Of9.object),
    hasDirectMap: false, mapSizes: i386.mapSizes, memorySizes: i386.memorySizes)

  /// 9.x on amd64: scale 1, at most 3/5 of 512 GB of kernel address space (the 512 GB are recollection).
  static let amd64Of9 = UMAKernelProfile.Machine(
    structures: .amd64Of9, objects: .amd64Of9,
    sizing: UMAKernelSizing.Rules(
      mapScale: 1, greatestMapBytes: (512 << 30) / 5 * 3, vnodes: .seventhOfMap,
      vnodeAndObjectBytes: UMAKernelObjects.amd64Of9.vnode + UMAKernelObjects.amd64Of9.object),
    hasDirectMap: true, mapSizes: amd64.mapSizes, memorySizes: amd64.memorySizes)

  private static func without(typeStatistics machine: Self) -> Self {
    var machine = machine
    machine.structures = machine.structures.withoutTypeStatistics
    return machine
  }
}
