// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import Glibc
import KernelMemory

/// The events of a trace, on the models and on the C library's allocators: the same sizes and lifetimes for every contender.
struct PairRate {
  let trace: PairTrace
  /// Times that the timed part of the trace is played: it ends in the state in which it began.
  let repeats: Int

  /// Million pairs per second of CPU time of a model with its statistics on.
  func rate(of type: any AllocatorModel.Type) throws -> Double {
    var configuration = ModelConfiguration(physicalMemory: 3 << 30)
    configuration.mapBytes = 700 << 20
    let model = try type.init(configuration)
    _ = model.mallocType(named: "temp")
    let addresses = UnsafeMutableBufferPointer<KernelAddress>.allocate(capacity: trace.slots)
    addresses.initialize(repeating: .null)
    defer { addresses.deallocate() }
    return trace.filling.withUnsafeBufferPointer { filling in
      trace.churn.withUnsafeBufferPointer { churn in
        _ = model.play(filling, addresses: addresses)
        _ = model.play(churn, addresses: addresses)
        let start = seconds(CLOCK_THREAD_CPUTIME_ID)
        for _ in 0..<repeats { guard model.play(churn, addresses: addresses) == churn.count else { return .nan } }
        return Double(repeats * trace.pairs) / (seconds(CLOCK_THREAD_CPUTIME_ID) - start) / 1e6
      }
    }
  }

  /// The C library's allocator of this process.
  func rateOfGlibc() -> Double { rate({ malloc($0) }, { free($0) }) }

  /// jemalloc from its shared library, nil where the machine has none.
  func rateOfJemalloc() -> Double? {
    typealias Take = @convention(c) (Int) -> UnsafeMutableRawPointer?
    typealias Give = @convention(c) (UnsafeMutableRawPointer?) -> Void
    guard let library = dlopen("libjemalloc.so.2", RTLD_NOW | RTLD_LOCAL), let take = dlsym(library, "malloc"),
      let give = dlsym(library, "free")
    else { return nil }
    let (taking, giving) = (unsafeBitCast(take, to: Take.self), unsafeBitCast(give, to: Give.self))
    return rate({ taking($0) }, { giving($0) })
  }

  @inline(__always)
  private func rate(
    _ take: (Int) -> UnsafeMutableRawPointer?, _ give: (UnsafeMutableRawPointer?) -> Void
  ) -> Double {
    let held = UnsafeMutablePointer<UnsafeMutableRawPointer?>.allocate(capacity: trace.slots)
    held.initialize(repeating: nil, count: trace.slots)
    defer { held.deallocate() }
    @inline(__always)
    func play(_ events: [AllocatorEvent]) {
      events.withUnsafeBufferPointer { events in
        for event in events {
          if event.kind == .malloc {
            held[Int(event.slot)] = take(Int(event.size))
          } else {
            give(held[Int(event.slot)])
            held[Int(event.slot)] = nil
          }
        }
      }
    }
    play(trace.filling)
    play(trace.churn)
    let start = seconds(CLOCK_THREAD_CPUTIME_ID)
    for _ in 0..<repeats { play(trace.churn) }
    let rate = Double(repeats * trace.pairs) / (seconds(CLOCK_THREAD_CPUTIME_ID) - start) / 1e6
    for slot in 0..<trace.slots { give(held[slot]) }
    return rate
  }
}
