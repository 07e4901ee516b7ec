// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

/// Counts of what the kernel was asked for since boot: the clocks that a run correlates the use of the map with.
public struct KernelCounters: Equatable, Sendable {
  /// Calls of malloc(9) that returned memory.
  public var mallocCalls: UInt64 = 0
  /// Calls of free(9), forgotten ones included: the caller made them.
  public var freeCalls: UInt64 = 0
  /// Bytes asked of malloc(9), as requested.
  public var mallocBytes: UInt64 = 0
  /// malloc(9) calls above one page.
  public var largeAllocations: UInt64 = 0
  /// Items taken from zones (uma_zalloc, zalloc).
  public var zoneAllocations: UInt64 = 0
  /// Items given back to zones, forgotten ones included.
  public var zoneFrees: UInt64 = 0
  /// Vnodes made (getnewvnode).
  public var vnodeCreations: UInt64 = 0
  /// Requests that may not wait and got nothing.
  public var noWaitFailures: UInt64 = 0
  /// Frees that an injected fault forgot.
  public var forgottenFrees: UInt64 = 0
  /// Pages of address space that an injected fault lost.
  public var lostPages: UInt64 = 0
  /// Events vm_lowmem that the allocator raised because its map or arena had no room (FreeBSD 7 and later).
  public var addressSpaceShortages: UInt64 = 0
  /// Virtual nanoseconds that requests slept for memory and the clock has moved by.
  public var sleptNanoseconds: UInt64 = 0
  /// Scans of the page daemon.
  public var pageDaemonScans: UInt64 = 0

  /// All zero.
  public init() {}
}
