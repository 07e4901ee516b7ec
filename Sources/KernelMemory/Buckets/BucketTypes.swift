// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

extension BucketMalloc {
  /// A malloc type: struct kmemstats of 4.4BSD, later struct malloc_type.
  ///
  /// Counters are signed, as the kernel's are: a free of more bytes than a type holds, possible where an item is freed
  /// under another type than it was allocated with, makes them negative. Calls are counted by size class, in
  /// ``TypeColumn/requests(_:_:)``: one counter stands for ks_calls, for kb_calls of the class and for its bit of ks_size.
  struct TypeRecord {
    /// ks_memuse, at the size that the allocator rounds to.
    var bytes = 0
    /// A malloc after which ``bytes`` is at most this passes neither the limit nor ``highUse``.
    private(set) var quietBytes = 0
    /// ks_inuse.
    var inUse = 0
    /// ks_size of requests that got nothing: bit n stands for sizes above 8 << n up to 16 << n bytes.
    var refusedSizes: UInt64 = 0
    /// ks_maxused.
    private(set) var highUse = 0
    /// ks_limblocks.
    var limitBlocks: UInt64 = 0

    /// An item of so many bytes more, with limit and high use looked at.
    mutating func charge(_ size: Int, limit: Int) {
      bytes &+= size
      inUse &+= 1
      if bytes > highUse { highUse = bytes }
      quietBytes = min(highUse, limit)
    }

    /// An item of so many bytes less.
    @inline(__always)
    mutating func credit(_ size: Int) {
      bytes &-= size
      inUse &-= 1
    }
  }

  /// The malloc types: a record each, and behind it the requests of the sixteen classes, 256 bytes a type.
  struct TypeColumn {
    /// log2 of the bytes of a type.
    private static let shift = 8
    /// Where the requests begin, bytes.
    private static let requestsOffset = 64

    private var base: UnsafeMutableRawPointer
    private(set) var count = 0
    private var capacity = 32

    /// An empty column.
    init() { base = Self.allocate(capacity) }

    /// Gives the memory back; the column must not be used any more.
    func deallocate() { base.deallocate() }

    /// The record of a type.
    @inline(__always)
    subscript(_ type: Int) -> UnsafeMutablePointer<TypeRecord> {
      (base + type &<< Self.shift).assumingMemoryBound(to: TypeRecord.self)
    }

    /// Requests of a type that a class served, by the class's ``BucketMalloc/unit(of:)``.
    @inline(__always)
    static func requests(_ record: UnsafeMutablePointer<TypeRecord>, _ unit: Int) -> UnsafeMutablePointer<Int> {
      (UnsafeMutableRawPointer(record) + (requestsOffset &+ unit)).assumingMemoryBound(to: Int.self)
    }

    /// Adds a type without calls; a full column doubles its room first.
    ///
    /// - Returns: its index.
    mutating func append() -> Int {
      if count == capacity {
        let larger = Self.allocate(2 * capacity)
        larger.copyMemory(from: base, byteCount: capacity << Self.shift)
        base.deallocate()
        base = larger
        capacity *= 2
      }
      self[count].initialize(to: TypeRecord())
      count += 1
      return count - 1
    }

    private static func allocate(_ capacity: Int) -> UnsafeMutableRawPointer {
      let memory = UnsafeMutableRawPointer.allocate(byteCount: capacity << shift, alignment: 64)
      memory.initializeMemory(as: UInt8.self, repeating: 0, count: capacity << shift)
      return memory
    }
  }

  /// Requests of a type that were served, of one class.
  func requests(type: Int, sizeClass: Int) -> Int {
    TypeColumn.requests(state.pointee.types[type], Self.unit(of: sizeClass)).pointee
  }

  /// ks_calls: requests of a type that were served.
  func requests(type: Int) -> Int { (0..<Self.classCount).reduce(0) { $0 + requests(type: type, sizeClass: $1) } }

  /// kb_calls: requests that a class served.
  func requests(sizeClass: Int) -> Int {
    typeNames.indices.reduce(0) { $0 + requests(type: $1, sizeClass: sizeClass) }
  }

  /// ks_size: the classes that a type asked for.
  func sizes(type: Int) -> UInt64 {
    let served = (0..<Self.classCount).filter { requests(type: type, sizeClass: $0) > 0 }
    return served.reduce(types[type].pointee.refusedSizes) { $0 | 1 << UInt64($1) }
  }
}
