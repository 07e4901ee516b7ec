// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

/// One event between a kernel and its allocator, in 12 bytes.
///
/// Events name what was asked for (a malloc type and a size, a kernel object, a name of some length), never a zone: every model takes
/// the same request to its own zone, pool or malloc type.
public struct HeapEvent: Equatable, Sendable {
  /// What happened.
  public enum Kind: UInt8, Sendable {
    /// A malloc type was registered; `number` is the type.
    case type
    /// malloc(9) of `value` bytes of type `number`; may wait.
    case malloc
    /// The same; may not wait.
    case mallocNoWait
    /// free(9) of type `number`.
    case free
    /// A free(9) that an injected fault forgot.
    case forgottenFree
    /// A kernel object was taken; `number` is its raw value; may wait.
    case object
    /// The same; may not wait.
    case objectNoWait
    /// A kernel object was given back.
    case objectFree
    /// A kernel object whose free an injected fault forgot.
    case forgottenObject
    /// A name-cache entry was taken for a name of `number` bytes.
    case name
    /// A name-cache entry was given back.
    case nameFree
    /// A name-cache entry whose free an injected fault forgot.
    case forgottenName
    /// What follows happens on processor `number`.
    case processor
    /// The virtual clock was moved to the nanoseconds in `slot` (upper half) and `value` (lower half).
    case time
    /// An RPC is over: where pages are short, the page daemon runs here.
    case safePoint
    /// The page cache took (`value` as a signed number, above zero) or gave back pages.
    case cachedPages
    /// An injected fault lost `value` pages of address space.
    case lose
    /// A pass is over.
    case pass
  }

  /// What happened.
  public let kind: Kind
  /// Malloc type, object, length of a name, or processor.
  public let number: UInt16
  /// Number of the allocation among those that live: small, and used again after the free.
  public let slot: UInt32
  /// Bytes, pages, or the lower half of a time.
  public let value: UInt32

  /// Puts an event together.
  @inline(__always)
  init(_ kind: Kind, number: Int = 0, slot: UInt32 = 0, value: UInt32 = 0) {
    self.kind = kind
    self.number = UInt16(truncatingIfNeeded: number)
    self.slot = slot
    self.value = value
  }

  /// True where the event is a call of an allocator: malloc, free, zone allocation or zone free.
  @inline(__always)
  var isCall: Bool { kind.rawValue >= Kind.malloc.rawValue && kind.rawValue <= Kind.forgottenName.rawValue }
}
