// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import Testing

@testable import KernelMemory

/// Expects that each of these kernel objects is an item of the pool with this name and size, a VM object lies in its
/// vnode and a name of more than 31 bytes is not entered.
func expectPools(_ model: some AllocatorModel, _ expected: [(KernelObject, String, Int)]) {
  let rows = model.zoneStatistics()
  for (object, name, size) in expected {
    guard case .zone(let zone) = model.source(of: object, nameLength: 31) else {
      Issue.record("\(object) is no pool")
      continue
    }
    #expect(rows[zone.index].name == name && rows[zone.index].size == size, "\(object)")
  }
  #expect(model.source(of: .vmObject, nameLength: 0) == .embedded)
  #expect(model.source(of: .nameCacheEntry, nameLength: 32) == .embedded)
}

/// Items of 32 and 256 bytes, one of them freed, and 20,000 bytes, of the types temp and NFSD V4state: something in every
/// column of the tables that vmstat prints of the bucket malloc.
func fillBuckets(_ model: some AllocatorModel) {
  let temp = model.mallocType(named: "temp")
  let state = model.mallocType(named: "NFSD V4state")
  _ = model.mallocType(named: "unused")
  let first = model.malloc(200, temp, .wait)
  _ = model.malloc(256, state, .wait)
  _ = model.malloc(17, state, .wait)
  _ = model.malloc(20000, temp, .wait)
  model.free(first, temp)
}

/// Two vnodes, one of them freed, and 100 path buffers.
func fillPools(_ model: some AllocatorModel) throws {
  let vnodes = try #require(model.zone(named: "VNODE"))
  let namei = try #require(model.zone(named: "NAMEI"))
  let vnode = model.zoneAlloc(vnodes, .wait)
  _ = model.zoneAlloc(vnodes, .wait)
  model.zoneFree(vnodes, vnode)
  for _ in 0..<100 { _ = model.zoneAlloc(namei, .wait) }
}

/// Holds half of a map of 1 MiB under each of two types, so that none meets its limit, and asks for 40,000 bytes more:
/// null for a caller that may not sleep, then `failure` for one that may.
func expectAFullMapEnds(_ model: some AllocatorModel, in failure: KernelFailure) throws {
  for name in ["temp", "devbuf"] {
    let type = model.mallocType(named: name)
    for _ in 0..<8 { #expect(model.malloc(16 * kernelPageSize, type, .wait) != .null) }
  }
  let other = model.mallocType(named: "mount")
  #expect(model.malloc(40000, other, .noWait) == .null)
  #expect(model.failure == nil)
  #expect(model.malloc(40000, other, .wait) == .null)
  #expect(model.failure == failure)
  try model.checkInvariants()
}

/// Frees an item of 100 bytes twice and expects this panic.
func expectASecondFreeEnds(_ model: some AllocatorModel, message: String) -> KernelAddress {
  let type = model.mallocType(named: "temp")
  let item = model.malloc(100, type, .wait)
  model.free(item, type)
  model.free(item, type)
  #expect(model.failure == .panic(message: message, requestBytes: 0))
  return item
}

/// Takes away more pages than a map of 1 MiB has, which ends the kernel, and expects that no call changes or gives
/// anything from then on.
func expectNothingHappensAfterAFailure(_ model: some AllocatorModel) throws {
  let type = model.mallocType(named: "temp")
  let vnode = try #require(model.zone(named: "VNODE"))
  let held = model.zoneAlloc(vnode, .wait)
  let item = model.malloc(100, type, .wait)
  model.loseAddressSpace(pages: 256)
  #expect(model.failure != nil)
  let before = (model.mapUsedBytes, model.ledger(), model.zoneStatistics())
  #expect(model.malloc(100, type, .wait) == .null)
  #expect(model.zoneAlloc(vnode, .wait) == .null)
  model.free(item, type)
  model.zoneFree(vnode, held)
  model.loseAddressSpace(pages: 1)
  model.reclaim()
  #expect(before.0 == model.mapUsedBytes)
  #expect(before.1 == model.ledger())
  #expect(before.2 == model.zoneStatistics())
}
