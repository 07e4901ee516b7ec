// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import Foundation
import GRDB

/// Why a run directory cannot be written or read.
public enum RunStoreError: Error, CustomStringConvertible, Sendable {
  /// The directory exists and holds something already.
  case notEmpty(path: String)
  /// The file system refuses.
  case cannotCreate(path: String, reason: String)
  /// There is no database of samples where one was expected.
  case noDatabase(path: String)
  /// SQLite refuses.
  case database(path: String, reason: String)
  /// A record in the database is not what this version writes.
  case badRecord(path: String, reason: String)

  /// One line that names the path.
  public var description: String {
    switch self {
    case .notEmpty(let path): "\(path): the run directory exists and is not empty"
    case .cannotCreate(let path, let reason): "\(path): cannot make the run directory: \(reason)"
    case .noDatabase(let path): "\(path): no run directory (expected \(RunDirectory.databaseName) in it)"
    case .database(let path, let reason): "\(path): \(reason)"
    case .badRecord(let path, let reason): "\(path): unreadable record: \(reason)"
    }
  }
}

/// A run directory: `samples.sqlite` with everything that was measured.
///
/// Tables: `run` (one row: the record as JSON), `sample` (one row a sample), `cache` (one row a sample and malloc type or zone).
public final class RunDirectory {
  /// File name of the database.
  public static let databaseName = "samples.sqlite"
  /// Version of the tables.
  public static let schemaVersion = 1

  /// Path of the directory.
  public let path: String
  private let queue: DatabaseQueue

  private init(path: String, queue: DatabaseQueue) {
    self.path = path
    self.queue = queue
  }

  /// Makes a run directory; a directory that exists must be empty.
  ///
  /// - Throws: ``RunStoreError``.
  public static func create(at path: String) throws(RunStoreError) -> RunDirectory {
    let manager = FileManager.default
    if let entries = try? manager.contentsOfDirectory(atPath: path), !entries.isEmpty { throw .notEmpty(path: path) }
    do {
      try manager.createDirectory(atPath: path, withIntermediateDirectories: true)
    } catch {
      throw .cannotCreate(path: path, reason: (error as NSError).localizedDescription)
    }
    return try wrap(path) {
      let queue = try DatabaseQueue(path: "\(path)/\(databaseName)")
      try queue.write { database in try createTables(database) }
      return RunDirectory(path: path, queue: queue)
    }
  }

  /// Opens a run directory for reading.
  ///
  /// - Throws: ``RunStoreError``.
  public static func open(at path: String) throws(RunStoreError) -> RunDirectory {
    let file = "\(path)/\(databaseName)"
    guard FileManager.default.fileExists(atPath: file) else { throw .noDatabase(path: path) }
    return try wrap(path) {
      var configuration = Configuration()
      configuration.readonly = true
      return RunDirectory(path: path, queue: try DatabaseQueue(path: file, configuration: configuration))
    }
  }

  /// Writes the record and the samples in one transaction, in place of what was there.
  ///
  /// - Throws: ``RunStoreError``.
  public func write(record: RunRecord, samples: [Sample]) throws(RunStoreError) {
    try Self.wrap(path) {
      let encoder = JSONEncoder()
      encoder.outputFormatting = [.sortedKeys]
      let text = String(decoding: try encoder.encode(record), as: UTF8.self)
      try queue.write { database in
        try database.execute(sql: "DELETE FROM run; DELETE FROM cache; DELETE FROM sample")
        try database.execute(
          sql: "INSERT INTO run (schema_version, record) VALUES (?, ?)", arguments: [Self.schemaVersion, text])
        for (index, sample) in samples.enumerated() { try Self.insert(sample, id: index + 1, into: database) }
      }
    }
  }

  /// Reads the record.
  ///
  /// - Throws: ``RunStoreError``.
  public func record() throws(RunStoreError) -> RunRecord {
    let text = try Self.wrap(path) {
      try queue.read { try String.fetchOne($0, sql: "SELECT record FROM run") }
    }
    guard let text else { throw .badRecord(path: path, reason: "the table run is empty") }
    do {
      return try JSONDecoder().decode(RunRecord.self, from: Data(text.utf8))
    } catch {
      throw .badRecord(path: path, reason: "\(error)")
    }
  }

  /// Reads the samples in their order.
  ///
  /// - Throws: ``RunStoreError``.
  public func samples() throws(RunStoreError) -> [Sample] {
    try Self.wrap(path) {
      try queue.read { database in
        var caches: [Int64: [CacheReading]] = [:]
        for row in try Row.fetchAll(database, sql: "SELECT * FROM cache ORDER BY sample, position") {
          caches[row["sample"], default: []].append(Self.cache(row))
        }
        return try Row.fetchAll(database, sql: "SELECT * FROM sample ORDER BY id").map { row in
          Self.sample(row, caches: caches[row["id"]] ?? [])
        }
      }
    }
  }

  private static func wrap<Value>(_ path: String, _ body: () throws -> Value) throws(RunStoreError) -> Value {
    do {
      return try body()
    } catch let error as RunStoreError {
      throw error
    } catch let error as DatabaseError {
      throw .database(path: path, reason: error.message ?? "SQLite error \(error.resultCode.rawValue)")
    } catch {
      throw .database(path: path, reason: "\(error)")
    }
  }
}
