// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import ArgumentParser
import KernelMemory
import Report

/// `nfschurn models`: the allocator models with their facts and sources.
struct ModelsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "models", abstract: "The allocator models, with their facts and sources.",
    discussion: """
      Without a name: a table of all models. With one: its fact sheet. Each fact says how sure it is: source (read in the named sources), computed,
      measured (seen when original sources or a real kernel ran), inferred, or recollection (not checked against source).

      EXAMPLE
        nfschurn models freebsd-6
      """)

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
      Console.line((model == nil ? Self.table(models) : models.flatMap(Self.sheet)).joined(separator: "\n"))
    }
    try destination?.write(ModelsDocument(models))
  }

  private static func table(_ models: [any AllocatorModel.Type]) -> [String] {
    ModelsText.table(
      ["model", "systems", "arch", "map", "layers", "full map, caller may wait"],
      models.map { type in
        let sheet = type.factSheet
        return [
          type.identifier, sheet.systems, architectures(sheet.outline), sheet.outline.map, sheet.outline.layers,
          sheet.outline.exhaustion,
        ]
      })
  }

  private static func architectures(_ outline: FactSheet.Outline) -> String {
    outline.architectures.map(\.rawValue).joined(separator: ", ")
  }

  private static func sheet(_ type: any AllocatorModel.Type) -> [String] {
    let sheet = type.factSheet
    var lines = ["\(type.identifier)  \(sheet.systems)", "  \(sheet.summary)", ""]
    lines += ModelsText.table(
      ["Outline", ""],
      [
        ["architectures", architectures(sheet.outline)], ["map", sheet.outline.map], ["layers", sheet.outline.layers],
        ["full map, caller may wait", sheet.outline.exhaustion],
      ], indent: 2)
    for objects in sheet.outline.architectures.compactMap({ ModelObjects(type, $0) }) {
      lines += [
        "",
        "  As booted on \(objects.arch) with \(Figures.bytes(objects.memoryBytes)) of memory; a name-cache entry is one for \(ModelObjects.nameLength) bytes of name",
      ]
      lines.append(
        "    map \(Figures.grouped(objects.mapBytes)) bytes, desiredvnodes \(Figures.grouped(objects.desiredVnodes))")
      lines += ModelsText.table(
        ["object", "from", "name", "bytes"],
        objects.objects.map { source in
          [source.object, source.from, source.name ?? "", source.bytes.map(Figures.grouped) ?? ""]
        }, right: [3], indent: 4)
    }
    lines += ["", "  Facts"]
    lines += sheet.facts.map { "    \($0.name): \($0.value) (\($0.confidence.rawValue))" }
    return lines + ["", "  Sources"] + sheet.sources.map { "    \($0)" }
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
    let architectures: [String]
    let map: String
    let layers: String
    let exhaustion: String
    let machines: [ModelObjects]
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
        id: type.identifier, systems: sheet.systems, summary: sheet.summary,
        architectures: sheet.outline.architectures.map(\.rawValue), map: sheet.outline.map,
        layers: sheet.outline.layers, exhaustion: sheet.outline.exhaustion,
        machines: sheet.outline.architectures.compactMap { ModelObjects(type, $0) }, sources: sheet.sources,
        facts: sheet.facts.map { Fact(name: $0.name, value: $0.value, confidence: $0.confidence.rawValue) })
    }
  }
}
