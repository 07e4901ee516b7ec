// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import Testing

@testable import KernelMemory

@Suite("Physical pages")
struct PhysicalPagesTests {
  @Test("The kernel manages 0.97 of the memory", arguments: [(64, 15892), (512, 127_139), (1024, 254_279)])
  func theKernelManagesMostOfTheMemory(megabytes: Int, pages: Int) {
    #expect(PhysicalPages.managedPages(ofMemory: megabytes << 20) == pages)
  }

  @Test func thresholdsFollowTheNumberOfPages() {
    let pages = PhysicalPages(totalPages: 127_139)
    #expect(pages.freeReserved == 64)
    #expect(pages.freeMinimum == 4 + (127_139 - 1024) / 200 + 64)
    #expect(pages.freeTarget == 4 * pages.freeMinimum + 64)
    #expect(pages.free == 127_139)
  }

  @Test func pagesAreTakenAllOrNone() {
    let pages = PhysicalPages(totalPages: 100)
    #expect(pages.take(60))
    #expect(!pages.take(41))
    #expect(pages.free == 40)
    #expect(pages.take(40))
    #expect(pages.free == 0)
    pages.give(7)
    #expect(pages.free == 7)
  }

  @Test func belowTheMinimumThePageDaemonIsWanted() {
    let pages = PhysicalPages(totalPages: 10_000)
    #expect(pages.take(10_000 - pages.freeMinimum))
    #expect(!pages.pagesNeeded)
    #expect(pages.take(1))
    #expect(pages.pagesNeeded)
    pages.scanFinished()
    #expect(pages.pagesNeeded)
    pages.give(1)
    pages.scanFinished()
    #expect(!pages.pagesNeeded)
  }

  @Test func aWaitingCallerGetsWhatOneScanFrees() {
    let pages = PhysicalPages(totalPages: 50)
    #expect(pages.take(50))
    #expect(!pages.waitAndTake(3))
    var scans = 0
    pages.pageDaemon = {
      scans += 1
      pages.give(4)
    }
    #expect(pages.waitAndTake(3))
    #expect(scans == 1)
    #expect(pages.free == 1)
    pages.pageDaemon = nil
  }
}
