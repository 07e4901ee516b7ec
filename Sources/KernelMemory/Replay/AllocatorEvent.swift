// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

/// One call of an allocator, in twelve bytes: what a replay reads event after event.
///
/// An event names the object by a slot of the caller's table of addresses, so the same events play on every model whatever
/// addresses it gives.
@frozen
public struct AllocatorEvent: Sendable, Equatable {
  /// Which call.
  @frozen
  public enum Kind: UInt8, Sendable {
    /// malloc(9) of ``AllocatorEvent/size`` bytes that may wait.
    case malloc
    /// malloc(9) that may not wait.
    case mallocNoWait
    /// free(9) of what lies in the slot; nothing where that is null.
    case free
    /// An item of a zone, may wait.
    case zoneAlloc
    /// An item of a zone, may not wait.
    case zoneAllocNoWait
    /// Gives an item back; nothing where the slot holds null.
    case zoneFree
    /// The following calls run on processor ``AllocatorEvent/handle``.
    case cpu
    /// The virtual clock stands at ``AllocatorEvent/nanoseconds``.
    case time
    /// The page daemon asks for memory.
    case reclaim
    /// ``AllocatorEvent/size`` pages of the map go into nobody's books.
    case lose
  }

  /// Place in the caller's table of addresses.
  public var slot: UInt32
  /// Bytes of a malloc, pages that are lost.
  public var size: UInt32
  /// Index of the malloc type or zone, number of the processor.
  public var handle: UInt16
  /// Which call.
  public var kind: Kind

  /// An event of these parts.
  @inlinable
  public init(_ kind: Kind, slot: UInt32 = 0, size: UInt32 = 0, handle: UInt16 = 0) {
    self.kind = kind
    self.slot = slot
    self.size = size
    self.handle = handle
  }

  /// The clock of a ``Kind/time`` event, virtual nanoseconds since boot.
  ///
  /// They take the place of ``size`` and ``handle`` in steps of 64 ns, the resolution of no clock that a kernel here reads:
  /// 2^48 of them are 208 days.
  @inlinable
  public var nanoseconds: UInt64 { (UInt64(handle) << 32 | UInt64(size)) << 6 }

  /// The event that sets the clock, at most 208 days since boot.
  @inlinable
  public static func time(_ nanoseconds: UInt64) -> AllocatorEvent {
    let steps = min(nanoseconds >> 6, (1 << 48) - 1)
    return AllocatorEvent(
      .time, size: UInt32(truncatingIfNeeded: steps), handle: UInt16(truncatingIfNeeded: steps >> 32))
  }
}
