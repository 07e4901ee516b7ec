// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import NFS4
import Testing

@testable import NFS4Server

extension ConformanceCase {
  /// What is the same for every operation: cut arguments, no filehandle, one of a removed file, no room for the reply.
  static let generic: [ConformanceCase] = ErrorTable.rows.flatMap { row in
    row.errors.compactMap { generic(row.operation, $0) }
  }

  /// Results of GETFH that leave less of the smallest reply buffer than an operation asks for.
  private static let fillingResults =
    (ServerCore.leastReplyBytes - 20 - ServerCore.resultReserve) / (12 + ServerFilehandle.byteCount) + 1

  private static func generic(_ operation: NFSOperation, _ status: NFSStatus) -> ConformanceCase? {
    switch status {
    case .badXDR:
      guard operation != .illegal else { return nil }
      return ConformanceCase(operation, status, "arguments that end too early") { stage in
        try stage.send(stage.atRoot().operation(operation))
      }
    case .noFilehandle:
      return ConformanceCase(operation, status, "no current filehandle") { stage in
        try stage.send(CompoundBuilder().wellFormed(operation, stage))
      }
    case .stale:
      switch operation {
      case .putFilehandle:
        return ConformanceCase(operation, status, "the handle of a file that was removed") { stage in
          let gone = try stage.removedFile()
          return try stage.send(CompoundBuilder().handle(gone))
        }
      case .restoreFilehandle:
        return ConformanceCase(operation, status, "the saved file was removed in the same compound") { stage in
          try stage.send(try stage.atRemovedFile())
        }
      default: return nil
      }
    case .badHandle where operation == .putFilehandle:
      return ConformanceCase(operation, status, "bytes that are no handle of this server") { stage in
        try stage.send(CompoundBuilder().handle([1, 2, 3, 4]))
      }
    case .resource:
      return ConformanceCase(
        operation, status, "no room for the result in the reply",
        alone: {
          let stage = try ConformanceStage()
          let cramped = try TestServer(replyBytes: ServerCore.leastReplyBytes)
          var compound = CompoundBuilder().root()
          for _ in 0..<fillingResults { compound = compound.getHandle() }
          return try cramped.call(compound.wellFormed(operation, stage))
        })
    case .operationIllegal:
      return ConformanceCase(operation, status, "a number that is no operation") { stage in
        try stage.send(CompoundBuilder().number(99))
      }
    default: return nil
    }
  }
}
