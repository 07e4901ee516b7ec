// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

/// A name kept as bytes, for the few that do not come from the caller.
final class ByteName {
  let bytes: UnsafeRawBufferPointer

  init<Bytes: Collection>(_ source: Bytes) where Bytes.Element == UInt8 {
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: max(source.count, 1), alignment: 8)
    buffer.copyBytes(from: source)
    bytes = UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(buffer)[0..<source.count])
  }

  deinit { bytes.deallocate() }
}
