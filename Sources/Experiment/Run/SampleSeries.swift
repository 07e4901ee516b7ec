// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import RunStore

/// The samples of a run in bounded memory: when there are too many, every second one goes and the stride doubles.
///
/// What stays is evenly spread over the run, whatever its length; the last sample always stays.
struct SampleSeries {
  /// Samples kept at most; a power of two keeps the spread even.
  static let limit = 512

  private var kept: [Sample] = []
  private var last: Sample?
  private var stride: UInt64

  /// A series that takes a sample every `stride` passes to begin with.
  init(every stride: UInt64) { self.stride = max(stride, 1) }

  /// True where the sample after this pass will be kept.
  func wants(pass: UInt64) -> Bool { pass.isMultiple(of: stride) || pass == 1 }

  /// Keeps a sample.
  mutating func add(_ sample: Sample) {
    last = nil
    kept.append(sample)
    guard kept.count > Self.limit else { return }
    stride *= 2
    let stride = stride
    kept = kept.filter { $0.clocks.passes.isMultiple(of: stride) || $0.clocks.passes <= 1 }
  }

  /// Keeps the sample of the end, which may lie between two strides.
  mutating func finish(_ sample: Sample) { last = sample }

  /// The samples in their order.
  var samples: [Sample] {
    guard let last, last != kept.last else { return kept }
    return kept + [last]
  }
}
