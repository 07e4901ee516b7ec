// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import Testing

@testable import KernelMemory

@Suite("Table of kernel objects")
struct ObjectTableTests {
  private let type = MallocType(index: 3)

  @Test func whatIsNotNamedIsEmbeddedAndHasNoZone() {
    let table = ObjectTable()
    for object in KernelObject.allCases { #expect(table.source(of: object, nameLength: 5) == .embedded) }
    for name in ["VNODE", "S VFS Cache", "Files"] { #expect(table.zone(named: name) == nil) }
  }

  @Test func aZoneAnswersToTheCanonicalNamesOfItsObject() {
    var table = ObjectTable()
    table.serve(.dinode, zone: 4)
    table.serve(.nameCacheEntry, zone: 5)
    #expect(table.source(of: .dinode, nameLength: 0) == .zone(ZoneID(index: 4)))
    for name in ["FFS1 dinode", "FFS2 dinode"] { #expect(table.zone(named: name) == ZoneID(index: 4)) }
    for name in ["S VFS Cache", "L VFS Cache"] { #expect(table.zone(named: name) == ZoneID(index: 5)) }
    #expect(table.source(of: .nameCacheEntry, nameLength: .max) == .zone(ZoneID(index: 5)))
  }

  @Test func aMallocHasNoZoneUnlessOneIsNamedForTraces() {
    var table = ObjectTable()
    table.serve(.pathBuffer, type: type, size: 1024)
    #expect(table.zone(named: "NAMEI") == nil)
    table.trace(.pathBuffer, zone: 7)
    #expect(table.zone(named: "NAMEI") == ZoneID(index: 7))
    #expect(table.source(of: .pathBuffer, nameLength: 9) == .malloc(type, size: 1024))
  }

  @Test func aNameThatIsTooLongIsNotEnteredAndHasNoZone() {
    var table = ObjectTable(names: .atMost(31))
    table.serve(.nameCacheEntry, zone: 1)
    table.serve(.vnode, zone: 2)
    #expect(table.source(of: .nameCacheEntry, nameLength: 31) == .zone(ZoneID(index: 1)))
    #expect(table.source(of: .nameCacheEntry, nameLength: 32) == .embedded)
    #expect(table.source(of: .vnode, nameLength: 32) == .zone(ZoneID(index: 2)))
    #expect(table.zone(named: "S VFS Cache") == ZoneID(index: 1))
    #expect(table.zone(named: "L VFS Cache") == nil)
  }

  @Test(
    "A name adds its length to a malloc, 255 bytes at most",
    arguments: [(-1, 36), (0, 36), (9, 45), (255, 291), (Int.max, 291)])
  func aNameAddsItsLength(length: Int, size: Int) {
    var table = ObjectTable(names: .addsLength)
    table.serve(.nameCacheEntry, type: type, size: 36)
    table.serve(.file, type: type, size: 56)
    #expect(table.source(of: .nameCacheEntry, nameLength: length) == .malloc(type, size: size))
    #expect(table.source(of: .file, nameLength: length) == .malloc(type, size: 56))
  }
}
