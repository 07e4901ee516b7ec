// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import Foundation
import Testing

/// The two clients whose compounds the tests are run with.
enum Flavour: String, CaseIterable, CustomTestStringConvertible, Sendable {
  case bsd
  case linux

  var testDescription: String { rawValue }
}

/// The two forms of the basic tests.
enum Variant: String, CaseIterable, CustomTestStringConvertible, Sendable {
  case timed
  case functional

  var testDescription: String { rawValue }
  /// The option of the original programs.
  var option: String { self == .timed ? "-t" : "-f" }
}

/// Workload files of a test's own, made from a file of the repository, so that they say the same but for what is changed.
enum WorkloadText {
  /// The text of a workload of the repository with other values for some keys; every key must be there.
  static func changed(_ name: String, _ changes: [String: String]) throws -> String {
    guard let data = FileManager.default.contents(atPath: Installation.workload(name)) else {
      throw EndToEndFailure("no workload \(Installation.workload(name))")
    }
    var lines = String(decoding: data, as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false)
      .map(String.init)
    for (key, value) in changes.sorted(by: { $0.key < $1.key }) {
      let index = lines.firstIndex { $0.trimmingCharacters(in: .whitespaces).hasPrefix("\(key):") }
      guard let index else { throw EndToEndFailure("workload \(name) has no key \(key)") }
      let indent = lines[index].prefix { $0 == " " }
      lines[index] = "\(indent)\(key): \(value)"
    }
    return lines.joined(separator: "\n")
  }

  /// The basic workload in a flavour and a variant.
  static func basic(_ flavour: Flavour, _ variant: Variant, in scratch: ScratchDirectory) throws -> String {
    try scratch.write(
      "basic-\(flavour)-\(variant).yaml",
      try changed("connectathon-basic", ["flavour": flavour.rawValue, "variant": variant.rawValue]))
  }
}
