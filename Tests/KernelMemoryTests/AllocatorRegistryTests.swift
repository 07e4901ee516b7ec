// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import Testing

@testable import KernelMemory

@Suite("Allocator registry")
struct AllocatorRegistryTests {
  @Test func everyModelIsFoundByItsIdentifier() {
    let identifiers = AllocatorRegistry.all.map { $0.identifier }
    #expect(identifiers.contains("freebsd-4"))
    #expect(identifiers.contains("freebsd-6"))
    #expect(Set(identifiers).count == identifiers.count)
    for identifier in identifiers {
      #expect(AllocatorRegistry.model(named: identifier)?.identifier == identifier)
    }
    #expect(AllocatorRegistry.model(named: "freebsd-0") == nil)
  }

  @Test func everyModelTellsItsSystemsAndSources() {
    for model in AllocatorRegistry.all {
      let sheet = model.factSheet
      #expect(!sheet.systems.isEmpty && !sheet.summary.isEmpty, "\(model.identifier)")
      #expect(!sheet.sources.isEmpty && sheet.facts.count >= 5, "\(model.identifier)")
      #expect(sheet.facts.allSatisfy { !$0.name.isEmpty && !$0.value.isEmpty }, "\(model.identifier)")
    }
  }

  @Test func theOutlineOfAModelNamesTheArchitecturesOnWhichItBoots() {
    for kind in AllocatorRegistry.all {
      let outline = kind.factSheet.outline
      for architecture in Architecture.allCases {
        var machine = ModelConfiguration(physicalMemory: 256 << 20)
        machine.architecture = architecture
        let boots = (try? kind.init(machine)) != nil
        #expect(outline.architectures.contains(architecture) == boots, "\(kind.identifier) on \(architecture)")
      }
      #expect(!outline.map.isEmpty && !outline.layers.isEmpty && !outline.exhaustion.isEmpty, "\(kind.identifier)")
    }
  }

  @Test func everyModelServesEveryKernelObject() throws {
    for kind in AllocatorRegistry.all {
      let model = try kind.init(ModelConfiguration(physicalMemory: 256 << 20))
      for object in KernelObject.allCases {
        let address: KernelAddress
        switch model.source(of: object, nameLength: 12) {
        case .zone(let zone):
          address = model.zoneAlloc(zone, .wait)
          model.zoneFree(zone, address)
        case .malloc(let type, let size):
          address = model.malloc(size, type, .wait)
          model.free(address, type)
        case .embedded: continue
        }
        #expect(address != .null, "\(kind.identifier), \(object)")
        #expect(address.rawValue >= 0xC000_0000 && address.rawValue < 1 << 32, "\(kind.identifier), \(object)")
        #expect(model.failure == nil)
      }
      try model.checkInvariants()
      #expect(model.ledger().total == model.mapUsedBytes, "\(kind.identifier)")
    }
  }
}
