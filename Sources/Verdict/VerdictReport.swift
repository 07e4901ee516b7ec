// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

/// The verdict as `--json` writes it (design page "interface", section Machine-readable results).
public struct VerdictReport: Equatable, Sendable, Encodable {
  /// What carries the growth.
  public enum Cause: String, Codable, Sendable {
    /// The evidence does not reach the confidence asked for.
    case inconclusive
  }

  /// One finding.
  public struct Evidence: Equatable, Sendable, Codable {
    /// What was found.
    public let statement: String
    /// Its figure.
    public let figure: Double
    /// How the figure was got.
    public let method: String
  }

  /// A cause that was not chosen.
  public struct Alternative: Equatable, Sendable, Codable {
    /// The cause.
    public let cause: String
    /// Why not.
    public let whyNot: String

    enum CodingKeys: String, CodingKey {
      case cause
      case whyNot = "why_not"
    }
  }

  /// The cause.
  public let cause: Cause
  /// What carries it, by name.
  public let subject: String?
  /// Whether exhaustion tracks the number of MALLOC and FREE calls; nil where the runs cannot tell.
  public let tracksCalls: Bool?
  /// The clock that governs.
  public let governingClock: GrowthClock?
  /// Map bytes per call of malloc(9) or free(9) after the warm-up.
  public let bytesPerCall: Double?
  /// 0 to 1.
  public let confidence: Double
  /// Which books the verdict was allowed to see.
  public let view: String
  /// The findings.
  public let evidence: [Evidence]
  /// Causes not chosen.
  public let alternatives: [Alternative]

  enum CodingKeys: String, CodingKey {
    case cause, subject, confidence, view, evidence, alternatives
    case tracksCalls = "tracks_calls"
    case governingClock = "governing_clock"
    case bytesPerCall = "bytes_per_call"
    case callsToExhaustion = "calls_to_exhaustion"
  }

  /// Writes every field of the contract, undefined ones as null.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(cause, forKey: .cause)
    try container.encode(subject, forKey: .subject)
    try container.encode(tracksCalls, forKey: .tracksCalls)
    try container.encode(governingClock, forKey: .governingClock)
    try container.encode(bytesPerCall, forKey: .bytesPerCall)
    try container.encodeNil(forKey: .callsToExhaustion)
    try container.encode(confidence, forKey: .confidence)
    try container.encode(view, forKey: .view)
    try container.encode(evidence, forKey: .evidence)
    try container.encode(alternatives, forKey: .alternatives)
  }
}
