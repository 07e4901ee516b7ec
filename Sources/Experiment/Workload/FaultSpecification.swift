// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import KernelModel
import Yams

/// Reads faults: items of a workload's list, and the `--fault` option in the same grammar.
public enum FaultSpecification {
  private static let kinds = ["leak", "lose", "limit", "fragment", "pin", "burst"]
  private static let built = ["leak", "lose"]

  /// Reads the text of a `--fault` option, for instance `leak: {zone: NAMEI, every: 5000}`.
  ///
  /// - Throws: ``WorkloadError`` whose file is the option.
  public static func parse(option text: String) throws(WorkloadError) -> Fault {
    let node: Node?
    do { node = try Yams.compose(yaml: text) } catch { node = nil }
    guard let node else { throw WorkloadError(file: "--fault '\(text)'", problem: "is not YAML") }
    return try read(node, file: "--fault '\(text)'")
  }

  static func read(_ node: Node, file: String) throws(WorkloadError) -> Fault {
    let item = try StrictMapping(node, file: file, path: "faults", known: kinds)
    let present = kinds.filter { item.node($0) != nil }
    guard present.count == 1, let kind = present.first, let body = item.node(kind) else {
      throw WorkloadError(file: file, line: node.mark?.line, problem: "'faults': expected one fault an item")
    }
    guard built.contains(kind) else {
      throw item.error(kind, "this fault is not built yet: expected \(built.joined(separator: " or "))")
    }
    return kind == "leak" ? try leak(body, file) : try lose(body, file)
  }

  private static func leak(_ node: Node, _ file: String) throws(WorkloadError) -> Fault {
    let keys = try StrictMapping(node, file: file, path: "leak", known: ["malloc", "zone", "every"])
    guard let every = try keys.integer("every", in: 1...Int.max) else { throw keys.error("every", "is missing") }
    switch (try keys.text("malloc"), try keys.text("zone")) {
    case (let type?, nil): return .leakMalloc(type: type, every: UInt64(every))
    case (nil, let zone?): return .leakZone(zone: zone, every: UInt64(every))
    default: throw keys.error("malloc", "expected either 'malloc' or 'zone'")
    }
  }

  private static func lose(_ node: Node, _ file: String) throws(WorkloadError) -> Fault {
    let keys = try StrictMapping(node, file: file, path: "lose", known: ["pages", "every", "of"])
    guard let pages = try keys.integer("pages", in: 1...(1 << 20)) else { throw keys.error("pages", "is missing") }
    guard let every = try keys.text("every") else { throw keys.error("every", "is missing") }
    if let of = try keys.text("of") {
      guard of == "calls" else { throw keys.error("of", "'\(of)': expected calls") }
      guard let calls = try keys.integer("every", in: 1...Int.max) else { throw keys.error("every", "is missing") }
      return .losePerCalls(pages: pages, every: UInt64(calls))
    }
    guard let period = try keys.nanoseconds("every"), period > 0 else {
      throw keys.error("every", "'\(every)': expected a duration such as 60s, or a number with 'of: calls'")
    }
    return .losePerTime(pages: pages, every: period)
  }
}
