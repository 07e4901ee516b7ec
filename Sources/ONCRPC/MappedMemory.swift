// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import Glibc

/// Anonymous memory whose pages exist from their first use on.
///
/// A connection has room for the longest record and pays for what its peer really sends.
struct MappedMemory: ~Copyable {
  /// The whole range, aligned to a page.
  let bytes: UnsafeMutableRawBufferPointer
  /// The first byte of the range.
  let base: UnsafeMutableRawPointer

  /// Maps a range.
  ///
  /// - Parameter count: length in bytes, above 0.
  /// - Throws: ``RPCError/resourceExhausted(what:)``.
  init(count: Int) throws(RPCError) {
    let address = mmap(
      nil, count, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)
    guard let address, address != MAP_FAILED else {
      throw .resourceExhausted(what: "\(count) bytes for a connection's buffer")
    }
    base = address
    bytes = UnsafeMutableRawBufferPointer(start: address, count: count)
  }

  deinit {
    munmap(base, bytes.count)
  }
}
