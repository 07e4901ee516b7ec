// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

/// The virtual clock of a modelled kernel with its callouts.
///
/// Time is in nanoseconds since boot and moves only when it is told to: no result depends on the wall clock. Callouts that fall due
/// run in order of their deadlines, and of their registration where deadlines are equal (FreeBSD sys/kern/kern_timeout.c keeps
/// the same order inside a tick).
public final class VirtualClock {
  private struct Callout {
    var deadline: UInt64
    let period: UInt64
    let body: () -> Void
  }

  /// Nanoseconds since boot.
  public private(set) var now: UInt64 = 0
  /// When the next callout is due; `UInt64.max` when there is none.
  public private(set) var nextDeadline: UInt64 = .max
  private var callouts: [Callout] = []

  /// A clock at zero.
  public init() {}

  /// Registers a periodic callout.
  ///
  /// - Parameters:
  ///   - period: virtual nanoseconds between runs, at least 1; the first run is one period from now.
  ///   - body: what runs; it sees ``now`` equal to its deadline.
  public func addCallout(every period: UInt64, _ body: @escaping () -> Void) {
    let period = max(period, 1)
    callouts.append(Callout(deadline: now &+ period, period: period, body: body))
    refreshNextDeadline()
  }

  /// Moves the clock to `target` and runs every callout that falls due on the way; an earlier `target` changes nothing.
  @inline(__always)
  public func advance(to target: UInt64) {
    if target < nextDeadline {
      if target > now { now = target }
    } else {
      runCallouts(until: target)
    }
  }

  /// Moves the clock by `nanoseconds`.
  @inline(__always)
  public func advance(by nanoseconds: UInt64) { advance(to: now &+ nanoseconds) }

  @inline(never)
  private func runCallouts(until target: UInt64) {
    while nextDeadline <= target {
      var due = 0
      for index in callouts.indices where callouts[index].deadline < callouts[due].deadline { due = index }
      now = callouts[due].deadline
      callouts[due].deadline &+= callouts[due].period
      refreshNextDeadline()
      callouts[due].body()
    }
    if target > now { now = target }
  }

  private func refreshNextDeadline() {
    nextDeadline = callouts.reduce(.max) { min($0, $1.deadline) }
  }
}
