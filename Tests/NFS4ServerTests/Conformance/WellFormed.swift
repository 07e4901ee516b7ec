// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import NFS4

extension CompoundBuilder {
  /// Appends an operation with arguments that are good in ``ConformanceStage``.
  ///
  /// - Parameters:
  ///   - operation: which one.
  ///   - stage: what it is asked of.
  ///   - stateid: in place of that of the open file.
  ///   - client: in place of the id of the stage's client.
  ///   - sequence: in place of the next number of the stage's open-owner.
  /// - Returns: the builder itself.
  func wellFormed(
    _ operation: NFSOperation, _ stage: ConformanceStage, stateid: Stateid? = nil, client: UInt64? = nil,
    sequence: UInt32? = nil
  ) -> CompoundBuilder {
    let builder = self.operation(operation)
    let open = stateid ?? stage.file.stateid
    let client = client ?? stage.client.id
    let sequence = sequence ?? stage.owner.sequence
    switch operation {
    case .access: return builder.word(0x3F)
    case .close: return builder.word(sequence).stateid(open)
    case .commit: return builder.long(0).word(0)
    case .create: return builder.word(NFSFileType.directory.rawValue).string("new").attributes(.mode(0o755))
    case .delegationPurge, .renew: return builder.long(client)
    case .delegationReturn: return builder.stateid(open)
    case .getAttributes: return builder.mask([.type, .size])
    case .link, .lookup, .remove, .securityInformation: return builder.string("f")
    case .lock:
      // A new lock-owner, on the whole file, for writing.
      return builder.word(2).bool(false).long(0).long(.max).bool(true).word(sequence).stateid(open).word(0)
        .long(client).string("lock-owner")
    case .lockTest: return builder.word(2).long(0).long(.max).long(client).string("lock-owner")
    case .unlock: return builder.word(2).word(0).stateid(open).long(0).long(.max)
    case .verify, .verifyNot: return builder.word(1).word(1 << 1).word(4).word(1)
    case .open:
      return builder.word(sequence).word(NFSOpen.accessRead).word(0).long(client)
        .opaque(stage.owner.name).word(NFSOpen.noCreate).word(NFSOpen.claimNull).string("f")
    case .openNamedAttributes: return builder.bool(false)
    case .openConfirm: return builder.stateid(open).word(sequence)
    case .openDowngrade: return builder.stateid(open).word(sequence).word(NFSOpen.accessRead).word(0)
    case .putFilehandle: return builder.opaque(stage.root)
    case .read: return builder.stateid(open).long(0).word(16)
    case .readDirectory: return builder.long(0).long(0).word(4096).word(8192).mask(.fileid)
    case .rename: return builder.string("f").string("g")
    case .releaseLockOwner: return builder.long(client).string("lock-owner")
    case .setAttributes: return builder.stateid(open).attributes(.mode(0o600))
    case .setClientID:
      return builder.long(1).string("another client").word(0).string("tcp").string("127.0.0.1.3.232").word(1)
    case .setClientIDConfirm: return builder.long(client).long(0)
    case .write: return builder.stateid(open).long(0).word(NFSStable.unstable).opaque([1, 2, 3, 4])
    case .getFilehandle, .lookupParent, .putPublicFilehandle, .putRootFilehandle, .readLink, .restoreFilehandle,
      .saveFilehandle, .illegal:
      return builder
    }
  }

  @discardableResult
  func bool(_ value: Bool) -> CompoundBuilder { word(value ? 1 : 0) }
}
