// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import KernelMemory
import Testing

@testable import KernelModel

private func bytes(_ name: String) -> [UInt8] { Array(name.utf8) }

@Suite struct VFSModelTests {
  @Test func aFileCostsVnodeInodeAndDinodeAndAnObjectWhenOpened() throws {
    let kernel = try bootKernel()
    kernel.vfs.reference(3, kind: .regular)
    kernel.vfs.reference(3, kind: .regular)
    #expect(kernel.used("VNODE") == 1 && kernel.used("FFS inode") == 1 && kernel.used("FFS2 dinode") == 1)
    #expect(kernel.used("VM OBJECT") == 0)
    kernel.vfs.opened(3)
    #expect(kernel.used("VM OBJECT") == 1)
    kernel.vfs.closed(3)
    kernel.vfs.destroy(3)
    kernel.vfs.destroy(3)
    for zone in ["VNODE", "FFS inode", "FFS2 dinode", "VM OBJECT"] { #expect(kernel.used(zone) == 0) }
    #expect(kernel.vfs.vnodeCount == 0 && kernel.heap.counters.vnodeCreations == 1)
  }

  @Test func overTheLimitTheLeastRecentlyUsedVnodeIsRecycledUnlessItIsOpen() throws {
    let kernel = try bootKernel()
    let vfs = VFSModel(heap: kernel.heap, pages: kernel.pages, desiredVnodes: 3)
    vfs.opened(0)
    vfs.reference(1, kind: .regular)
    vfs.reference(2, kind: .regular)
    vfs.reference(1, kind: .regular)
    vfs.reference(7, kind: .regular)
    #expect(vfs.vnodeCount == 3)
    #expect(vfs.isCached(0) && vfs.isCached(1) && !vfs.isCached(2) && vfs.isCached(7))
  }

  @Test func theLimitIsSoftWhereEveryVnodeIsInUse() throws {
    let kernel = try bootKernel()
    let vfs = VFSModel(heap: kernel.heap, pages: kernel.pages, desiredVnodes: 2)
    for file in 0..<5 { vfs.opened(file) }
    #expect(vfs.vnodeCount == 5)
  }

  @Test func fileIdsBeyondTheFirstTablesAreServed() throws {
    let kernel = try bootKernel()
    kernel.vfs.reference(100_000, kind: .regular)
    #expect(kernel.vfs.isCached(100_000) && !kernel.vfs.isCached(99_999))
  }

  @Test func lookupsEnterFindsAndFailuresAndCreationsDoNotEnterFailures() throws {
    let kernel = try bootKernel()
    let vfs = kernel.vfs
    bytes("file.1").withUnsafeBytes { name in
      vfs.nameLookup(directory: 0, name: name, found: nil, intent: .create)
      #expect(kernel.used("S VFS Cache") == 0)
      vfs.nameLookup(directory: 0, name: name, found: 5, intent: .lookup)
      vfs.nameLookup(directory: 0, name: name, found: 5, intent: .lookup)
      #expect(kernel.used("S VFS Cache") == 1)
      vfs.nameLookup(directory: 1, name: name, found: 5, intent: .lookup)
      #expect(kernel.used("S VFS Cache") == 2)
      vfs.nameLookup(directory: 0, name: name, found: 5, intent: .delete)
      #expect(kernel.used("S VFS Cache") == 1)
    }
  }

  @Test func entriesDieWithTheirFileAndWithTheirDirectory() throws {
    let kernel = try bootKernel()
    let vfs = kernel.vfs
    for file in 0...3 { vfs.reference(file, kind: .regular) }
    for (directory, name, file) in [(0, "a", 1), (0, "b", 1), (0, "c", 2), (3, "d", 2)] {
      bytes(name).withUnsafeBytes { vfs.nameLookup(directory: directory, name: $0, found: file, intent: .lookup) }
    }
    #expect(vfs.nameCount == 4)
    vfs.destroy(1)
    #expect(vfs.nameCount == 2)
    vfs.destroy(3)
    #expect(vfs.nameCount == 1)
    vfs.destroy(0)
    #expect(vfs.nameCount == 0 && kernel.used("S VFS Cache") == 0)
  }

  @Test func aNegativeEntryIsReplacedWhenTheNameExists() throws {
    let kernel = try bootKernel()
    let vfs = kernel.vfs
    // Seventeen entries let one negative entry live.
    for file in 1...17 {
      bytes("f\(file)").withUnsafeBytes { vfs.nameLookup(directory: 0, name: $0, found: file, intent: .lookup) }
    }
    bytes("gone").withUnsafeBytes { name in
      vfs.nameLookup(directory: 0, name: name, found: nil, intent: .lookup)
      #expect(vfs.nameCount == 18)
      vfs.nameLookup(directory: 0, name: name, found: 40, intent: .create)
      #expect(vfs.nameCount == 18)
      vfs.nameLookup(directory: 0, name: name, found: 40, intent: .delete)
      #expect(vfs.nameCount == 17)
    }
  }

  @Test func negativeEntriesStayBelowASixteenthOfAllEntries() throws {
    let kernel = try bootKernel()
    let vfs = kernel.vfs
    for file in 1...64 {
      bytes("f\(file)").withUnsafeBytes { vfs.nameLookup(directory: 0, name: $0, found: file, intent: .lookup) }
    }
    for index in 0..<100 {
      bytes("none\(index)").withUnsafeBytes { vfs.nameLookup(directory: 0, name: $0, found: nil, intent: .lookup) }
    }
    #expect((64...69).contains(vfs.nameCount))
  }

  @Test func namesOfMoreThan32BytesComeFromTheZoneForLongOnes() throws {
    let kernel = try bootKernel()
    bytes(String(repeating: "x", count: 33)).withUnsafeBytes {
      kernel.vfs.nameLookup(directory: 0, name: $0, found: 1, intent: .lookup)
    }
    #expect(kernel.used("L VFS Cache") == 1 && kernel.used("S VFS Cache") == 0)
  }
}

@Suite struct PagingTests {
  @Test func cachedFilePagesAreTakenFromTheMachineAndGivenBackWithTheFile() throws {
    let kernel = try bootKernel()
    let before = kernel.pages.free
    kernel.vfs.opened(1)
    let opened = kernel.pages.free
    kernel.vfs.filePages(1, pages: 256)
    #expect(kernel.pages.free == opened - 256)
    kernel.vfs.filePages(1, pages: 10)
    #expect(kernel.pages.free == opened - 10)
    kernel.vfs.destroy(1)
    #expect(kernel.pages.free <= before && kernel.pages.free >= opened)
  }

  @Test func aShortageOfPagesWakesThePageDaemonWhichDropsFilePages() throws {
    let kernel = try bootKernel(map: 4 << 20, memory: 32 << 20)
    for file in 0..<200 {
      kernel.vfs.reference(file, kind: .regular)
      kernel.vfs.filePages(file, pages: 64)
    }
    #expect(kernel.pages.pagesNeeded)
    var connection = kernel.openConnection()
    kernel.beginRPC(connection: &connection, requestBytes: 100)
    kernel.endRPC(connection: &connection)
    #expect(kernel.heap.counters.pageDaemonScans == 1)
    #expect(kernel.pages.free >= kernel.pages.freeTarget && !kernel.pages.pagesNeeded)
  }
}
