// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

/// The words of OpenBSD's and NetBSD's malloc(9) (sys/kern/kern_malloc.c) for what cannot be done.
extension BucketMalloc {
  /// Whose words.
  enum Words: Sendable {
    case openBSD
    case netBSD
  }

  /// The panic for more than 65535 pages.
  static let tooLargeMessage = "malloc: allocation too large"
  /// The panic for a full map.
  static let outOfSpaceMessage = "malloc: out of space in kmem_map"

  /// Pages that a request asks the map for: those of its class up to 8 KiB, its own above.
  static func pagesAsked(_ size: Int) -> Int {
    guard size >= 0, size <= Int.max - kernelPageSize else { return Int.max / kernelPageSize }
    guard size > kernelPageSize else { return 1 }
    return size <= largestListed ? 2 : (size + kernelPageSize - 1) / kernelPageSize
  }

  /// What a request that got nothing means; nil where the caller gets null and the kernel lives on.
  func outcome(ofRefused size: Int, type: Int, _ wait: WaitPolicy) -> KernelFailure? {
    let bytes = Self.pagesAsked(size) * kernelPageSize
    if refusal == .tooLarge { return .panic(message: Self.tooLargeMessage, requestBytes: bytes) }
    guard wait == .wait else { return nil }
    switch refusal {
    case .none, .tooLarge: return nil
    case .typeLimit:
      // Nothing but a free of the same type wakes the sleeper.
      let name = typeNames[type]
      return .stuck(
        reason:
          "sleeps on \"\(name)\": malloc type \"\(name)\" holds \(types[type].pointee.bytes) bytes, limit \(typeLimit)",
        requestBytes: size)
    case .mapFull: return .panic(message: Self.outOfSpaceMessage, requestBytes: bytes)
    case .noPages, .pagesNeverCome:
      return .stuck(reason: "km_getwait2: physical pages are short and none is freed", requestBytes: bytes)
    }
  }

  /// What the last free means that was refused, with a line for the console where there is one.
  ///
  /// These are checks of DIAGNOSTIC, which both systems' GENERIC kernels have in one release or another; here they are
  /// made in every mode, because nothing else can be done with such an address.
  func outcome(
    ofFreeing address: KernelAddress, type: Int, _ words: Words
  ) -> (failure: KernelFailure, console: String?)? {
    let hex = "0x" + String(address.rawValue, radix: 16)
    switch freeError {
    case .none: return nil
    case .outOfRange:
      let message =
        switch words {
        case .openBSD: "free: non-malloced addr \(hex) type \(typeNames[type])"
        case .netBSD: "free: addr \(hex) not within kmem_map"
        }
      return (.panic(message: message, requestBytes: 0), nil)
    case .unaligned:
      let size = itemSize(at: address)
      let message =
        "free: unaligned addr \(hex), size \(size), type \(typeNames[type]), mask \(min(size, kernelPageSize) - 1)"
      return (.panic(message: message, requestBytes: 0), nil)
    case .multipleFree:
      return (.panic(message: "free: duplicated free", requestBytes: 0), "multiply freed item \(hex)")
    }
  }

  /// The console line for a free item that was written to, where the last allocation found one.
  func modifiedItemLine(_ words: Words) -> String? {
    guard let found = diagnostic?.takeFinding() else { return nil }
    let known = typeNames.indices.contains(found.previousType) ? typeNames[found.previousType] : "free"
    let size: String
    let previous: String
    switch words {
    case .openBSD: (size, previous) = ("0x" + String(found.requestedSize, radix: 16), known)
    // kern_malloc.c 1.127 prints this word in place of the name.
    case .netBSD: (size, previous) = (String(found.requestedSize), "bar")
    }
    return "Data modified on freelist: word \(found.word) of object 0x\(String(found.address.rawValue, radix: 16))"
      + " size \(size) previous type \(previous)"
      + " (0x\(String(found.value, radix: 16)) != 0x\(String(BucketTrash.uvm.pattern, radix: 16)))"
  }
}
