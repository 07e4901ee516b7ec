// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import ArgumentParser
import KernelMemory

/// `nfschurn models`: the allocator models with their facts and sources.
struct ModelsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "models", abstract: "The allocator models, with their facts and sources.",
    discussion: "EXAMPLE\n  nfschurn models freebsd-6")

  @Argument(help: "Show the fact sheet of one model.")
  var model: String?

  @Option(help: "Write a JSON document to this file (- for standard output).")
  var json: String?

  func run() throws {
    let models: [any AllocatorModel.Type]
    if let model {
      guard let found = AllocatorRegistry.model(named: model) else {
        let known = AllocatorRegistry.all.map { $0.identifier }.joined(separator: ", ")
        throw CommandFailure.badInput("unknown model '\(model)': expected one of \(known)")
      }
      models = [found]
    } else {
      models = AllocatorRegistry.all
    }
    let destination = try json.map(JSONDestination.init)
    if destination?.isStandardOutput != true {
      for model in models { print(model) }
    }
    try destination?.write(ModelsDocument(models))
  }

  private func print(_ type: any AllocatorModel.Type) {
    let sheet = type.factSheet
    Console.line("\(type.identifier)  \(sheet.systems)")
    Console.line("  \(sheet.summary)")
    guard model != nil else { return }
    for fact in sheet.facts { Console.line("  \(fact.name): \(fact.value) (\(fact.confidence.rawValue))") }
    Console.line("  Sources:")
    for source in sheet.sources { Console.line("    \(source)") }
  }
}

/// The document of `nfschurn models --json`.
private struct ModelsDocument: Encodable {
  struct Fact: Encodable {
    let name: String
    let value: String
    let confidence: String
  }

  struct Model: Encodable {
    let id: String
    let systems: String
    let summary: String
    let sources: [String]
    let facts: [Fact]
  }

  let schemaVersion = 1
  let command = "models"
  let models: [Model]

  enum CodingKeys: String, CodingKey {
    case schemaVersion = "schema_version"
    case command, models
  }

  init(_ types: [any AllocatorModel.Type]) {
    models = types.map { type in
      let sheet = type.factSheet
      return Model(
        id: type.identifier, systems: sheet.systems, summary: sheet.summary, sources: sheet.sources,
        facts: sheet.facts.map { Fact(name: $0.name, value: $0.value, confidence: $0.confidence.rawValue) })
    }
  }
}
