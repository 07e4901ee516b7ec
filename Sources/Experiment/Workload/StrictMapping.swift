// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import Yams

/// Why a workload file cannot be used: one line that names file, line and key, and what was expected.
public struct WorkloadError: Error, Equatable, CustomStringConvertible, Sendable {
  /// Path of the file, or the option.
  public let file: String
  /// Line from 1; nil where the whole file is meant.
  public let line: Int?
  /// What is wrong and what was expected.
  public let problem: String

  /// `FILE:LINE: PROBLEM`.
  public var description: String {
    if let line { "\(file):\(line): \(problem)" } else { "\(file): \(problem)" }
  }

  init(file: String, line: Int? = nil, problem: String) {
    self.file = file
    self.line = line
    self.problem = problem
  }
}

/// A mapping of a workload file whose keys are taken one by one: what is left at the end is an unknown key.
struct StrictMapping {
  let file: String
  let path: String
  private let line: Int?
  private let pairs: [(key: String, line: Int?, value: Node)]
  private let known: [String]

  /// Takes the mapping apart.
  ///
  /// - Parameters:
  ///   - node: what the file has there.
  ///   - file: path of the file, for messages.
  ///   - path: keys that lead here, `kernel` for instance; empty at the top.
  ///   - known: keys that are allowed.
  /// - Throws: ``WorkloadError`` for anything but a mapping, an unknown key, or a key that stands twice.
  init(_ node: Node, file: String, path: String, known: [String]) throws(WorkloadError) {
    self.file = file
    self.path = path
    self.known = known
    line = node.mark?.line
    guard let mapping = node.mapping else {
      throw WorkloadError(
        file: file, line: node.mark?.line,
        problem:
          "\(path.isEmpty ? "the file" : "'\(path)'"): expected keys and values (\(known.joined(separator: ", ")))")
    }
    var pairs: [(key: String, line: Int?, value: Node)] = []
    for (keyNode, value) in mapping {
      let key = keyNode.string ?? ""
      let full = path.isEmpty ? key : "\(path).\(key)"
      let keyLine = keyNode.mark?.line
      guard known.contains(key) else {
        throw WorkloadError(
          file: file, line: keyLine, problem: "unknown key '\(full)': expected one of \(known.joined(separator: ", "))")
      }
      guard !pairs.contains(where: { $0.key == key }) else {
        throw WorkloadError(file: file, line: keyLine, problem: "key '\(full)' stands twice")
      }
      pairs.append((key, keyLine, value))
    }
    self.pairs = pairs
  }

  /// The value of a key, nil where the file does not have it.
  func node(_ key: String) -> Node? { pairs.first { $0.key == key }?.value }

  /// Where the keys stand, by their full names.
  var origins: [String: ValueOrigin] {
    var origins: [String: ValueOrigin] = [:]
    for pair in pairs {
      origins[path.isEmpty ? pair.key : "\(path).\(pair.key)"] = .file(file, line: pair.line)
    }
    return origins
  }

  /// An error about a key's value.
  func error(_ key: String, _ problem: String) -> WorkloadError {
    let entry = pairs.first { $0.key == key }
    let full = path.isEmpty ? key : "\(path).\(key)"
    return WorkloadError(file: file, line: entry?.line ?? line, problem: "'\(full)': \(problem)")
  }

  /// A text value.
  func text(_ key: String) throws(WorkloadError) -> String? {
    guard let node = node(key) else { return nil }
    guard let text = node.scalar?.string else { throw error(key, "expected a single value") }
    return text
  }

  /// An integer in a range.
  func integer(_ key: String, in range: ClosedRange<Int>) throws(WorkloadError) -> Int? {
    guard let text = try text(key) else { return nil }
    guard let value = Int(text), range.contains(value) else {
      throw error(key, "'\(text)': expected an integer from \(range.lowerBound) to \(range.upperBound)")
    }
    return value
  }

  /// A boolean.
  func bool(_ key: String) throws(WorkloadError) -> Bool? {
    guard let text = try text(key) else { return nil }
    switch text {
    case "true": return true
    case "false": return false
    default: throw error(key, "'\(text)': expected true or false")
    }
  }

  /// One of the raw values of a type.
  func choice<Choice: RawRepresentable & CaseIterable>(
    _ key: String, _ type: Choice.Type
  ) throws(WorkloadError) -> Choice? where Choice.RawValue == String {
    guard let text = try text(key) else { return nil }
    guard let value = Choice(rawValue: text) else {
      throw error(key, "'\(text)': expected \(Choice.allCases.map(\.rawValue).joined(separator: " or "))")
    }
    return value
  }

  /// A size in bytes.
  func bytes(_ key: String) throws(WorkloadError) -> Int? {
    guard let text = try text(key) else { return nil }
    do { return try Quantity.bytes(text) } catch { throw self.error(key, "\(error)") }
  }

  /// A duration in nanoseconds.
  func nanoseconds(_ key: String) throws(WorkloadError) -> UInt64? {
    guard let text = try text(key) else { return nil }
    do { return try Quantity.nanoseconds(text) } catch { throw self.error(key, "\(error)") }
  }
}
