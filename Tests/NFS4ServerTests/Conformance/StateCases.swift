// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import NFS4

extension ConformanceCase {
  /// What is the same for every operation on state: stateids, client ids and sequence numbers that are not good, and files of the
  /// wrong type.
  static let state: [ConformanceCase] =
    stateids.flatMap { stateidCases($0) } + clientIDs.map { staleClientID($0) } + sequenced.map { badSequence($0) }
    + regularOnly.map { directory($0) }

  private static let stateids: [NFSOperation] = [.close, .openDowngrade, .read, .write]
  private static let clientIDs: [NFSOperation] = [
    .lock, .lockTest, .open, .releaseLockOwner, .renew, .setClientIDConfirm,
  ]
  private static let sequenced: [NFSOperation] = [.close, .open, .openDowngrade]
  private static let regularOnly: [NFSOperation] = [.close, .lockTest, .lock, .unlock, .openConfirm]

  private static func stateidCases(_ operation: NFSOperation) -> [ConformanceCase] {
    [
      ConformanceCase(operation, .badStateid, "a stateid that was never made") { stage in
        var stateid = stage.file.stateid
        stateid.otherLow += 1000
        return try stage.send(stage.atFile().wellFormed(operation, stage, stateid: stateid))
      },
      ConformanceCase(operation, .staleStateid, "a stateid of an earlier instance of the server") { stage in
        var stateid = stage.file.stateid
        stateid.otherHigh -= 1 << 32
        return try stage.send(stage.atFile().wellFormed(operation, stage, stateid: stateid))
      },
      ConformanceCase(operation, .oldStateid, "a stateid with the seqid of an earlier state") { stage in
        var stateid = stage.file.stateid
        stateid.sequence -= 1
        return try stage.send(stage.atFile().wellFormed(operation, stage, stateid: stateid))
      },
    ]
  }

  private static func staleClientID(_ operation: NFSOperation) -> ConformanceCase {
    ConformanceCase(operation, .staleClientID, "a client id of an earlier instance of the server") { stage in
      let compound = operation == .open ? stage.atRoot() : stage.atFile()
      return try stage.send(compound.wellFormed(operation, stage, client: stage.client.id - (1 << 32)))
    }
  }

  private static func badSequence(_ operation: NFSOperation) -> ConformanceCase {
    ConformanceCase(operation, .badSeqid, "a sequence number that is not the next one") { stage in
      let compound = operation == .open ? stage.atRoot() : stage.atFile()
      return try stage.send(compound.wellFormed(operation, stage, sequence: stage.owner.sequence + 5))
    }
  }

  private static func directory(_ operation: NFSOperation) -> ConformanceCase {
    ConformanceCase(operation, .isDirectory, "the filehandle of a directory") { stage in
      try stage.send(stage.atDirectory().wellFormed(operation, stage))
    }
  }
}
