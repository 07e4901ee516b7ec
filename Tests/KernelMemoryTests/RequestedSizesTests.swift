// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import Testing

@testable import KernelMemory

@Suite("Sizes asked for, by class")
struct RequestedSizesTests {
  @Test("Every item of every class has a place of its own, also in slabs of odd pages")
  func everyItemHasItsPlace() {
    let sizes = RequestedSizes(pages: 64, classes: 13)
    defer { sizes.deallocate() }
    for sizeClass in 0..<13 {
      let item = 16 << sizeClass
      let pages = max(1, item / kernelPageSize)
      var places: Set<UnsafeMutablePointer<UInt16>> = []
      // Two slabs side by side, the first at page 1: the items of neither may share a place.
      for slab in 0..<2 {
        let page = 1 + slab * pages
        sizes.begin(class: sizeClass, page: page, pages: pages)
        for offset in stride(from: page * kernelPageSize, to: (page + pages) * kernelPageSize, by: item) {
          #expect(sizes.sizeClass(at: UInt32(offset)) == sizeClass)
          #expect(places.insert(sizes.place(sizeClass, UInt32(offset))).inserted)
        }
      }
      sizes.end(page: 1, pages: 2 * pages)
      #expect(sizes.sizeClass(at: UInt32(kernelPageSize)) == -1)
    }
  }

  @Test("A new slab has forgotten what its pages held")
  func aNewSlabHasForgotten() {
    let sizes = RequestedSizes(pages: 8, classes: 9)
    defer { sizes.deallocate() }
    sizes.begin(class: 2, page: 3, pages: 1)
    sizes.place(2, 3 * 4096 + 64).pointee = 50
    sizes.end(page: 3, pages: 1)
    sizes.begin(class: 2, page: 3, pages: 1)
    #expect(sizes.place(2, 3 * 4096 + 64).pointee == 0)
  }
}
