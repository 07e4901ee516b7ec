// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

/// A column of values of trivial type that grows to the index asked for: storage of the VFS tables.
struct GrowingColumn<Element: BitwiseCopyable> {
  private(set) var base: UnsafeMutablePointer<Element>
  private(set) var capacity: Int
  private let filler: Element

  init(filler: Element, capacity: Int = 1024) {
    self.filler = filler
    self.capacity = capacity
    base = .allocate(capacity: capacity)
    base.initialize(repeating: filler, count: capacity)
  }

  @inline(__always)
  subscript(index: Int) -> Element {
    get { base[index] }
    nonmutating set { base[index] = newValue }
  }

  /// Makes room up to and with `index`; new places hold the filler.
  @inline(__always)
  mutating func reach(_ index: Int) {
    if index >= capacity { grow(to: index) }
  }

  @inline(never)
  private mutating func grow(to index: Int) {
    let wanted = max(capacity * 2, index + 1)
    let larger = UnsafeMutablePointer<Element>.allocate(capacity: wanted)
    larger.update(from: base, count: capacity)
    (larger + capacity).initialize(repeating: filler, count: wanted - capacity)
    base.deallocate()
    base = larger
    capacity = wanted
  }

  func deallocate() { base.deallocate() }
}
