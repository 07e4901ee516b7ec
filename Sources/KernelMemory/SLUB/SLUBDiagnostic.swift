// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

/// The contents of free objects and of red zones, as a kernel booted with `slab_debug=PZ` keeps them.
///
/// Linux mm/slub.c init_object and check_object: a free object is filled with 0x6b and ends in 0xa5, which an allocation
/// looks for; what a kmalloc() leaves of its object is filled with 0xcc, which the free looks for.
final class SLUBDiagnostic {
  /// POISON_FREE.
  static let free: UInt8 = 0x6b
  /// POISON_END.
  static let end: UInt8 = 0xa5
  /// SLUB_RED_ACTIVE.
  static let redZone: UInt8 = 0xcc

  /// A byte that is not as it was left.
  struct Finding: Equatable {
    var address: KernelAddress
    var last: KernelAddress
    var value: UInt8
    var expected: UInt8
  }

  private let backing: BackingBytes

  init(backing: BackingBytes) { self.backing = backing }

  private func bytes(_ address: KernelAddress, _ count: Int) -> UnsafeMutablePointer<UInt8>? {
    guard count > 0 else { return nil }
    return backing.bytes(at: address, count: count)?.assumingMemoryBound(to: UInt8.self)
  }

  /// Fills a free object.
  func poison(_ address: KernelAddress, count: Int) {
    guard let byte = bytes(address, count) else { return }
    byte.update(repeating: Self.free, count: count - 1)
    byte[count - 1] = Self.end
  }

  /// Looks at a free object that is being allocated.
  func verifyPoison(_ address: KernelAddress, count: Int) -> Finding? {
    guard let byte = bytes(address, count) else { return nil }
    return verify(byte, address, 0..<count - 1, Self.free) ?? verify(byte, address, count - 1..<count, Self.end)
  }

  /// Fills what a request leaves of its object.
  func guardRest(_ address: KernelAddress, from used: Int, to count: Int) {
    guard used < count, let byte = bytes(address, count) else { return }
    (byte + used).update(repeating: Self.redZone, count: count - used)
  }

  /// Looks at the red zone of an object that is being freed.
  func verifyRest(_ address: KernelAddress, from used: Int, to count: Int) -> Finding? {
    guard used < count, let byte = bytes(address, count) else { return nil }
    return verify(byte, address, used..<count, Self.redZone)
  }

  /// check_bytes_and_report: the first and the last wrong byte.
  private func verify(
    _ byte: UnsafeMutablePointer<UInt8>, _ address: KernelAddress, _ range: Range<Int>, _ expected: UInt8
  ) -> Finding? {
    guard let first = range.first(where: { byte[$0] != expected }) else { return nil }
    let last = range.last { byte[$0] != expected } ?? first
    return Finding(
      address: KernelAddress(rawValue: address.rawValue + UInt64(first)),
      last: KernelAddress(rawValue: address.rawValue + UInt64(last)), value: byte[first], expected: expected)
  }
}
