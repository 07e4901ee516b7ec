// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

/// How sure a fact of a model is (reference page "kernel-allocators", section 0.1).
public enum Confidence: String, Sendable {
  /// Read in the named kernel source, release notes or message.
  case source
  /// Calculated from sourced formulas and structure sizes.
  case computed
  /// Seen when the original allocator sources ran traces.
  case measured
  /// Concluded from sourced facts.
  case inferred
  /// General knowledge that was not checked against source.
  case recollection
}

/// What a model is: for `nfschurn models`.
public struct FactSheet: Sendable {
  /// One fact.
  public struct Fact: Sendable {
    /// What it is about.
    public let name: String
    /// The fact itself.
    public let value: String
    /// How sure it is.
    public let confidence: Confidence

    /// Puts a fact together.
    public init(_ name: String, _ value: String, _ confidence: Confidence) {
      self.name = name
      self.value = value
      self.confidence = confidence
    }
  }

  /// One line: the systems that the model stands for.
  public let systems: String
  /// One line: how it allocates.
  public let summary: String
  /// Files and messages that the facts were read in.
  public let sources: [String]
  /// The facts.
  public let facts: [Fact]

  /// Puts a sheet together.
  public init(systems: String, summary: String, sources: [String], facts: [Fact]) {
    self.systems = systems
    self.summary = summary
    self.sources = sources
    self.facts = facts
  }
}
