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

  /// A model in a few words, for a table of models.
  public struct Outline: Sendable {
    /// The architectures that the model boots on.
    public let architectures: [Architecture]
    /// The map or arena that its mallocs and zones take address space from.
    public let map: String
    /// What lies between a caller and the map: size classes, slabs, per-CPU layer.
    public let layers: String
    /// What a full map does to a caller that may wait.
    public let exhaustion: String

    /// Puts an outline together.
    public init(architectures: [Architecture], map: String, layers: String, exhaustion: String) {
      self.architectures = architectures
      self.map = map
      self.layers = layers
      self.exhaustion = exhaustion
    }
  }

  /// One line: the systems that the model stands for.
  public let systems: String
  /// One line: how it allocates.
  public let summary: String
  /// The model in a few words.
  public let outline: Outline
  /// Files and messages that the facts were read in.
  public let sources: [String]
  /// The facts.
  public let facts: [Fact]

  /// Puts a sheet together.
  public init(systems: String, summary: String, outline: Outline, sources: [String], facts: [Fact]) {
    self.systems = systems
    self.summary = summary
    self.outline = outline
    self.sources = sources
    self.facts = facts
  }
}
