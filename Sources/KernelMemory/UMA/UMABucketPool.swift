// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

/// Records of the buckets of one size, made in chunks and recycled last in, first out.
struct UMABucketPool {
  /// Places for items in each bucket.
  let entries: Int
  private var free: UnsafeMutablePointer<UMABucket>?
  private var chunks: [UnsafeMutableRawPointer] = []

  init(entries: Int) { self.entries = entries }

  /// An empty bucket for the bucket-zone item at `offset`.
  mutating func take(offset: UMAOffset) -> UnsafeMutablePointer<UMABucket> {
    let record = free ?? grow()
    free = record.pointee.next
    record.pointee.next = nil
    record.pointee.previous = nil
    record.pointee.offset = offset
    record.pointee.count = 0
    return record
  }

  mutating func give(_ record: UnsafeMutablePointer<UMABucket>) {
    record.pointee.next = free
    free = record
  }

  /// Frees every chunk.
  func deallocate() {
    for chunk in chunks { chunk.deallocate() }
  }

  private mutating func grow() -> UnsafeMutablePointer<UMABucket> {
    let alignment = MemoryLayout<UMABucket>.alignment
    let unrounded = MemoryLayout<UMABucket>.stride + entries * MemoryLayout<UMAOffset>.stride
    let bytes = (unrounded + alignment - 1) / alignment * alignment
    let count = 32
    let chunk = UnsafeMutableRawPointer.allocate(byteCount: bytes * count, alignment: alignment)
    chunks.append(chunk)
    var next: UnsafeMutablePointer<UMABucket>?
    var first = chunk.bindMemory(to: UMABucket.self, capacity: 1)
    for index in stride(from: count - 1, through: 0, by: -1) {
      let record = (chunk + index * bytes).bindMemory(to: UMABucket.self, capacity: 1)
      record.initialize(to: UMABucket(next: next, previous: nil, offset: 0, count: 0, entries: entries))
      record.items.initialize(repeating: 0, count: entries)
      next = record
      first = record
    }
    return first
  }
}
