// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

@testable import KernelMemory

/// A wrong use of memory from malloc(9).
enum Misuse: String, CaseIterable, Sendable {
  case writeAfterFree, doubleFree, wrongType, outOfRange, pastTheEnd

  /// Commits it once, and goes on until the kernel has had every chance to notice.
  ///
  /// - Returns: the address it is about.
  func provoke(_ model: any AllocatorModel, _ bytes: ModelBytes) -> KernelAddress {
    let type = model.mallocType(named: "temp")
    let item = model.malloc(100, type, .wait)
    switch self {
    case .writeAfterFree:
      model.free(item, type)
      bytes.pointer(item).storeBytes(of: 0xBEEF, toByteOffset: 16, as: UInt32.self)
    case .doubleFree:
      model.free(item, type)
      model.free(item, type)
    case .wrongType:
      model.free(item, model.mallocType(named: "cred"))
    case .outOfRange:
      model.free(KernelAddress(rawValue: 0x1000), type)
      return KernelAddress(rawValue: 0x1000)
    case .pastTheEnd:
      bytes.pointer(item).storeBytes(of: 0x77, toByteOffset: 100, as: UInt8.self)
      model.free(item, type)
    }
    for _ in 0..<300 where model.failure == nil { _ = model.malloc(100, type, .wait) }
    return item
  }
}

extension AllocatorModel {
  /// Lines that the kernel has written to its console.
  var consoleLines: [String] {
    switch self {
    case let model as FreeBSD4: model.console
    case let model as OpenBSD39: model.console
    case let model as NetBSD: model.console
    case let model as Illumos: model.console
    case let model as LinuxSLUB: model.console
    default: []
    }
  }
}
