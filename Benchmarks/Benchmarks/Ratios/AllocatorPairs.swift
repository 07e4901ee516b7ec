// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import Glibc
import KernelMemory

/// A load of malloc+free pairs: sizes, lifetimes and how many objects live, the same for every contender.
struct PairLoad {
  /// Objects that live at one time.
  var live = 10_000
  /// Pairs that are timed.
  var pairs = 5_000_000
  /// Sizes, bytes.
  var sizes = 16...2048
  /// Every so many pairs all objects of the first half are freed and taken again with other sizes; 0 for never.
  var phase = 0

  /// SplitMix64: every contender sees the same sequence.
  private struct Sequence {
    var state: UInt64

    mutating func next() -> UInt64 {
      state &+= 0x9E37_79B9_7F4A_7C15
      var mixed = state
      mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
      mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
      return mixed ^ (mixed >> 31)
    }
  }

  /// Million pairs per second of CPU time.
  @inline(__always)
  func rate<Address>(
    _ null: Address, _ take: (Int) -> Address, _ give: (Address) -> Void
  ) -> Double {
    let held = UnsafeMutablePointer<Address>.allocate(capacity: live)
    held.initialize(repeating: null, count: live)
    defer { held.deallocate() }
    var sequence = Sequence(state: 7)
    let width = UInt64(sizes.count)
    for index in 0..<live { held[index] = take(sizes.lowerBound + Int(sequence.next() % width)) }
    let start = seconds(CLOCK_THREAD_CPUTIME_ID)
    var done = 0
    while done < pairs {
      let draw = sequence.next()
      let slot = Int(draw >> 32) % live
      give(held[slot])
      held[slot] = take(sizes.lowerBound + Int(draw & 0xFFFF_FFFF) % Int(width))
      done += 1
      if phase > 0, done.isMultiple(of: phase) {
        for index in 0..<live / 2 { give(held[index]) }
        for index in 0..<live / 2 { held[index] = take(sizes.lowerBound + Int(sequence.next() % width)) }
        done += live / 2
      }
    }
    let rate = Double(done) / (seconds(CLOCK_THREAD_CPUTIME_ID) - start) / 1e6
    for index in 0..<live { give(held[index]) }
    return rate
  }

  /// A model with its statistics on.
  func rate<Model: AllocatorModel>(of type: Model.Type) throws -> Double {
    var configuration = ModelConfiguration(physicalMemory: 2 << 30)
    configuration.mapBytes = 700 << 20
    let model = try Model(configuration)
    let temp = model.mallocType(named: "temp")
    return rate(KernelAddress.null, { model.malloc($0, temp, .wait) }, { model.free($0, temp) })
  }

  /// The C library's allocator of this process.
  func rateOfGlibc() -> Double {
    rate(nil as UnsafeMutableRawPointer?, { malloc($0) }, { free($0) })
  }

  /// jemalloc from its shared library, nil where the machine has none.
  func rateOfJemalloc() -> Double? {
    typealias Take = @convention(c) (Int) -> UnsafeMutableRawPointer?
    typealias Give = @convention(c) (UnsafeMutableRawPointer?) -> Void
    guard let library = dlopen("libjemalloc.so.2", RTLD_NOW | RTLD_LOCAL), let take = dlsym(library, "malloc"),
      let give = dlsym(library, "free")
    else { return nil }
    let (taking, giving) = (unsafeBitCast(take, to: Take.self), unsafeBitCast(give, to: Give.self))
    return rate(nil as UnsafeMutableRawPointer?, { taking($0) }, { giving($0) })
  }
}
