// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

/// The bytes of kept replies, in memory of the host.
///
/// The modelled mbufs of a kept reply have their place and their count in the modelled kernel; what they would contain lies here.
struct ReplyStore {
  private struct Slot {
    var bytes: UnsafeMutableRawPointer?
    var capacity: Int
    var length: Int
    var nextFree: UInt32
  }

  /// Buffers up to this size, bytes, stay with their slot when the reply is dropped.
  private static let retainedBytes = 2048
  private static let leastBytes = 256

  private let limit: Int
  private var held = 0
  private var slots: UnsafeMutablePointer<Slot>
  private var capacity = 64
  private var used = 1
  private var freeHead: UInt32 = 0

  init(limit: Int) {
    self.limit = limit
    slots = .allocate(capacity: capacity)
  }

  func deallocate() {
    var index = 1
    while index < used {
      slots[index].bytes?.deallocate()
      index &+= 1
    }
    slots.deallocate()
  }

  /// Keeps a copy of `reply`.
  ///
  /// - Returns: its number, 0 where the limit leaves no room.
  mutating func keep(_ reply: UnsafeRawBufferPointer) -> UInt32 {
    let number: UInt32
    if freeHead != 0 {
      number = freeHead
      freeHead = slots[Int(number)].nextFree
    } else {
      if used == capacity { grow() }
      number = UInt32(truncatingIfNeeded: used)
      (slots + used).initialize(to: Slot(bytes: nil, capacity: 0, length: 0, nextFree: 0))
      used &+= 1
    }
    let index = Int(number)
    if slots[index].capacity < reply.count {
      let wanted = max(reply.count, Self.leastBytes)
      guard held &- slots[index].capacity &+ wanted <= limit else {
        slots[index].nextFree = freeHead
        freeHead = number
        return 0
      }
      release(index)
      slots[index].bytes = .allocate(byteCount: wanted, alignment: 8)
      slots[index].capacity = wanted
      held &+= wanted
    }
    if let source = reply.baseAddress, let target = slots[index].bytes {
      target.copyMemory(from: source, byteCount: reply.count)
    }
    slots[index].length = reply.count
    return number
  }

  /// The bytes of a kept reply.
  func bytes(_ number: UInt32) -> UnsafeRawBufferPointer {
    let slot = slots[Int(number)]
    return UnsafeRawBufferPointer(start: slot.bytes, count: slot.length)
  }

  /// Drops a reply; 0 is ignored.
  mutating func drop(_ number: UInt32) {
    guard number != 0 else { return }
    let index = Int(number)
    if slots[index].capacity > Self.retainedBytes { release(index) }
    slots[index].length = 0
    slots[index].nextFree = freeHead
    freeHead = number
  }

  private mutating func release(_ index: Int) {
    slots[index].bytes?.deallocate()
    held &-= slots[index].capacity
    slots[index].bytes = nil
    slots[index].capacity = 0
  }

  private mutating func grow() {
    let grown = UnsafeMutablePointer<Slot>.allocate(capacity: capacity &* 2)
    grown.initialize(to: Slot(bytes: nil, capacity: 0, length: 0, nextFree: 0))
    (grown + 1).moveInitialize(from: slots + 1, count: used &- 1)
    slots.deallocate()
    slots = grown
    capacity &*= 2
  }
}
