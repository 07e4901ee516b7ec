// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import Testing

@testable import KernelMemory

/// What a wrong use of memory is met with on every model: the words of that kernel, or why it has none.
@Suite("All models, checked mode")
struct AllModelsCheckedTests {
  enum Answer: Sendable {
    /// It panics so. `{item}` stands for the address, `{n}` for the address n bytes on, `…` for what the tests of the model
    /// compare; lines of the console come first.
    case panic(String, console: [String] = [])
    /// It writes this to the console and goes on.
    case report(String)
    /// It does not look: why.
    case unnoticed(String)
  }

  private static let noGuard = "no byte behind the request is ever looked at: size classes have no guard"
  private static let notKept = "the type of an item is kept nowhere: the counts of both types go wrong"

  /// UMA of 5.4 to 9: uma_dbg.c, and free() of kern_malloc.c with INVARIANTS.
  private static func uma(_ word: String) -> [Misuse: Answer] {
    [
      .writeAfterFree: .panic(
        "Memory modified after free {item}(\(word)) val=beef @ {16}; Most recently used by temp"),
      .doubleFree: .panic("Duplicate free of item {item} from zone 128"),
      .wrongType: .panic("free: {item} of type temp freed as type cred"),
      .outOfRange: .panic("free: address {item}({item}) has not been allocated."),
      .pastTheEnd: .unnoticed(noGuard + "; redzones came with 7.0 as an option for single types"),
    ]
  }

  /// UMA of 11 and 14: the same but for a bitmap that says which slab and place.
  private static func vmemUMA(_ word: String, zone: String) -> [Misuse: Answer] {
    uma(word).merging([.doubleFree: .panic("Duplicate free of {item} from zone …(\(zone)) slab …(0)")]) { $1 }
  }

  private static func answers(_ kernel: ModelCase) -> [Misuse: Answer]? {
    let is64 = kernel.architecture == .amd64
    // The last word of a free item holds its last type: a pointer.
    let word = is64 ? "120" : "124"
    switch kernel.type.identifier {
    case "freebsd-4":
      return [
        .writeAfterFree: .report(
          "Data modified on freelist: word 4 of object {item} size 100 previous type temp (0xbeef != 0xdeadc0de)"),
        .doubleFree: .panic("free: multiple free", console: ["multiple freed item {item}"]),
        .wrongType: .unnoticed(notKept),
        .outOfRange: .panic("free: address {item} out of range"),
        .pastTheEnd: .unnoticed(noGuard),
      ]
    case "freebsd-5.4", "freebsd-6", "freebsd-7", "freebsd-9": return uma(word)
    case "freebsd-11": return vmemUMA(word, zone: "128")
    case "freebsd-14": return vmemUMA(word, zone: "malloc-128")
    case "openbsd-3.9":
      return [
        .writeAfterFree: .report(
          "Data modified on freelist: word 4 of object {item} size 0x64 previous type temp (0xbeef != 0xdeadbeef)"),
        .doubleFree: .panic("free: duplicated free", console: ["multiply freed item {item}"]),
        .wrongType: .unnoticed(notKept),
        .outOfRange: .panic("free: non-malloced addr {item} type temp"),
        .pastTheEnd: .unnoticed(noGuard),
      ]
    case "netbsd":
      return [
        // The kernel prints the word "bar" where the type once stood.
        .writeAfterFree: .report(
          "Data modified on freelist: word 4 of object {item} size 100 previous type bar (0xbeef != 0xdeadbeef)"),
        .doubleFree: .panic("free: duplicated free", console: ["multiply freed item {item}"]),
        .wrongType: .panic("free 2: inuse 0, probable double free"),
        .outOfRange: .panic("free: addr {item} not within kmem_map"),
        .pastTheEnd: .unnoticed(noGuard),
      ]
    case "illumos":
      return [
        .writeAfterFree: .panic(
          "kernel heap corruption detected",
          console: [
            "kernel memory allocator: buffer modified after being freed",
            "modification occurred at offset 0x10 (0xdeadbeefdeadbeef replaced by 0xdeadbeef0000beef)",
          ]),
        .doubleFree: .panic(
          "kernel heap corruption detected", console: ["kernel memory allocator: duplicate free: buffer freed twice"]),
        .wrongType: .unnoticed("kmem_alloc() has no types"),
        .outOfRange: .panic(
          "kernel heap corruption detected", console: ["kernel memory allocator: invalid free: buffer not in cache"]),
        .pastTheEnd: .panic(
          "kernel heap corruption detected",
          console: ["kernel memory allocator: redzone violation: write past end of buffer"]),
      ]
    case "linux-slub":
      return [
        .writeAfterFree: .panic(
          "BUG kmalloc-128 (Not tainted): Poison overwritten",
          console: ["{16}-{19} @offset=16. First byte 0xef instead of 0x6b"]),
        .doubleFree: .panic("BUG kmalloc-128 (Not tainted): Object already free"),
        .wrongType: .unnoticed("kmalloc() has no types"),
        .outOfRange: .panic("BUG: unable to handle page fault for address: {item}"),
        .pastTheEnd: .panic(
          "BUG kmalloc-128 (Not tainted): kmalloc Redzone overwritten",
          console: ["{100}-{100} @offset=100. First byte 0x77 instead of 0xcc"]),
      ]
    case "dragonfly":
      return [
        .writeAfterFree: .unnoticed(
          "the pattern of a free chunk is for readers of a dump: malloc() looks at the link in its first word alone"),
        .doubleFree: .panic("memory chunk {item} is already free!"),
        .wrongType: .unnoticed(notKept),
        .outOfRange: .panic("assertion: z->z_Magic == ZALLOC_SLAB_MAGIC in free"),
        .pastTheEnd: .unnoticed(noGuard),
      ]
    case "xnu":
      let words = is64 ? ("0xdeadbeefdeadbeef", "0xdeadbeef0000beef", 128) : ("0xdeadbeef", "0xbeef", 112)
      return [
        .writeAfterFree: .panic(
          "a freed zone element has been modified in zone kalloc.\(words.2): expected \(words.0) but found \(words.1),"
            + " bits changed 0xdead0000, at offset 16 of \(words.2) in element {item}, cookies …"),
        .doubleFree: .panic("zfree: double free of {item} to zone kalloc.\(words.2)\n"),
        .wrongType: .unnoticed("kalloc zones have no types: _FREE() takes the size from the element's header"),
        .outOfRange: .panic("zfree: non-allocated memory in collectable zone!"),
        .pastTheEnd: .unnoticed(noGuard),
      ]
    default: return nil
    }
  }

  @Test(
    "Every misuse is met with that kernel's words, or with nothing for a reason", arguments: ModelCase.uniprocessors)
  func everyMisuseIsMet(kernel: ModelCase) throws {
    let answers = try #require(Self.answers(kernel), "no table for \(kernel.testDescription)")
    for misuse in Misuse.allCases {
      let place = "\(kernel.testDescription), \(misuse)"
      let answer = try #require(answers[misuse], "no answer for \(place)")
      let bytes = ModelBytes()
      let model = try kernel.boot(pages: 2048, checked: bytes)
      let item = misuse.provoke(model, bytes)
      var message: String?
      if case .panic(let words, _)? = model.failure { message = words }
      switch answer {
      case .panic(let words, let console):
        #expect(Self.matches(message ?? "lives", words, item), "\(place): \(message ?? "lives"), expected \(words)")
        for (line, words) in zip(model.consoleLines, console) {
          #expect(Self.matches(line, words, item), "\(place): \(line), expected \(words)")
        }
        #expect(model.consoleLines.count >= console.count, "\(place)")
      case .report(let words):
        #expect(model.failure == nil, "\(place): \(message ?? "stuck")")
        #expect(model.consoleLines.count == 1 && Self.matches(model.consoleLines.first ?? "", words, item), "\(place)")
      case .unnoticed(let reason):
        #expect(model.failure == nil && model.consoleLines.isEmpty, "\(place): \(message ?? "stuck"), but \(reason)")
        try model.checkInvariants()
      }
    }
  }

  /// Without checks the kernel notices neither a write to free memory nor one past the end.
  @Test("Unchecked mode looks at no byte", arguments: ModelCase.uniprocessors)
  func uncheckedModeLooksAtNoByte(kernel: ModelCase) throws {
    for misuse in [Misuse.writeAfterFree, .pastTheEnd] {
      let model = try kernel.boot(pages: 2048)
      _ = misuse.provoke(model, ModelBytes())
      #expect(model.failure == nil && model.consoleLines.isEmpty, "\(kernel.testDescription), \(misuse)")
    }
  }

  /// Whether a line is the words with the addresses put in; `…` stands for anything.
  private static func matches(_ line: String, _ words: String, _ item: KernelAddress) -> Bool {
    var words = words
    for (name, offset) in [("{item}", 0), ("{16}", 16), ("{19}", 19), ("{100}", 100)] as [(String, UInt64)] {
      words = words.split(separator: name, omittingEmptySubsequences: false)
        .joined(separator: "0x" + String(item.rawValue + offset, radix: 16))
    }
    var rest = line[...]
    for (index, part) in words.split(separator: "…", omittingEmptySubsequences: false).enumerated() {
      if part.isEmpty { continue }
      guard let range = rest.firstRange(of: part), index > 0 || range.lowerBound == rest.startIndex else {
        return false
      }
      rest = rest[range.upperBound...]
    }
    return rest.isEmpty || words.hasSuffix("…")
  }
}
