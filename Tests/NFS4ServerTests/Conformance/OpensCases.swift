// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import NFS4
import Testing

extension ConformanceCase {
  /// Errors of opens, client ids and leases.
  static let opens: [ConformanceCase] = openCases + claimCases + updateCases + clientIDCases + stateidCases + graceCases

  private static func open(_ status: NFSStatus, _ how: String, _ arguments: OpenArguments) -> ConformanceCase {
    ConformanceCase(.open, status, how) { try $0.send($0.atRoot().open(arguments, $0)) }
  }

  private static let openCases: [ConformanceCase] = [
    open(.noEntry, "the name is not there", OpenArguments(name: "none")),
    open(.exists, "GUARDED4 of a name that is there", OpenArguments(how: .guarded(.mode(0o600)))),
    open(.exists, "EXCLUSIVE4 of a name that is there", OpenArguments(how: .exclusive(1))),
    open(.isDirectory, "the name of a directory", OpenArguments(name: "d")),
    open(.isSymlink, "the name of a symbolic link", OpenArguments(name: "l")),
    open(.invalid, "an empty name", OpenArguments(name: "")),
    open(.invalid, "no share access", OpenArguments(access: 0)),
    open(.nameTooLong, "a name of 256 bytes", OpenArguments(name: String(repeating: "n", count: 256))),
    open(.badName, "the name `..`", OpenArguments(name: "..")),
    open(.badCharacter, "a name with a NUL", OpenArguments(name: "a\0b")),
    open(
      .fileTooBig, "a new file with a size above maxfilesize",
      OpenArguments(name: "new", how: .unchecked(.size(1 << 62)))),
    ConformanceCase(.open, .noSpace, "no inode is left", configure: { $0.fileLimit = 4 }) {
      try $0.send($0.atRoot().open(OpenArguments(name: "new", how: .unchecked(.mode(0o600))), $0))
    },
    ConformanceCase(.open, .notOwner, "a user makes a file for another user") {
      try $0.send($0.atRoot().open(OpenArguments(name: "new", how: .unchecked(.owner(8))), $0), uid: 7)
    },
    ConformanceCase(.open, .accessDenied, "a user opens a file of root for writing") {
      try $0.send($0.atRoot().open(OpenArguments(), $0), uid: 7)
    },
    ConformanceCase(.open, .notDirectory, "the current file is no directory") {
      try $0.send($0.atFile().open(OpenArguments(), $0))
    },
    ConformanceCase(.open, .attributeNotSupported, "a new file with the attribute hidden") { stage in
      try stage.send(
        stage.atRoot().operation(.open).word(stage.owner.sequence).word(1).word(0).long(stage.client.id)
          .opaque(stage.owner.name).word(NFSOpen.create).word(NFSOpen.unchecked).word(1).word(1 << 25)
          .opaque([0, 0, 0, 1]).word(NFSOpen.claimNull).string("new"))
    },
    ConformanceCase(.open, .badOwner, "a new file for an owner that nobody knows") { stage in
      try stage.send(
        stage.atRoot().operation(.open).word(stage.owner.sequence).word(1).word(0).long(stage.client.id)
          .opaque(stage.owner.name).word(NFSOpen.create).word(NFSOpen.unchecked).word(2).word(0).word(1 << 4)
          .opaque([0, 0, 0, 8] + [UInt8]("stranger".utf8)).word(NFSOpen.claimNull).string("new"))
    },
    ConformanceCase(.open, .shareDenied, "another owner denies what is asked for") { stage in
      _ = try stage.client.open("f", in: stage.root, owner: TestOwner("denies"), access: 1, deny: 0, how: .noCreate)
      return try stage.send(stage.atRoot().open(OpenArguments(deny: NFSOpen.accessRead), stage))
    },
    ConformanceCase(.open, .readOnlyFileSystem, "a read-only export, opened for writing") { stage in
      stage.server.service.setReadOnly(true)
      return try stage.send(stage.atRoot().open(OpenArguments(), stage))
    },
    ConformanceCase(.open, .expired, "the lease was cancelled for another client") { stage in
      try stage.cancelLease()
      return try stage.send(stage.atRoot().open(OpenArguments(), stage))
    },
    ConformanceCase(.open, .resource, "500,000 structures of state, here 2", configure: { $0.stateLimit = 2 }) {
      try $0.send($0.atRoot().open(OpenArguments(), $0))
    },
  ]

  private static let claimCases: [ConformanceCase] = [
    ConformanceCase(.open, .badStateid, "CLAIM_DELEGATE_CUR without the delegation") {
      try $0.send($0.atRoot().claim(NFSOpen.claimDelegateCurrent, $0).stateid(.anonymous).string("f"))
    },
    ConformanceCase(.open, .notSupported, "CLAIM_DELEGATE_PREV") {
      try $0.send($0.atRoot().claim(NFSOpen.claimDelegatePrevious, $0).string("f"))
    },
    ConformanceCase(.open, .noGrace, "CLAIM_PREVIOUS outside of the grace period") {
      try $0.send($0.atFile().claim(NFSOpen.claimPrevious, $0).word(NFSOpen.delegateNone))
    },
    ConformanceCase(
      .open, .noGrace, "CLAIM_PREVIOUS of a client without a record", configure: { $0.graceSeconds = 90 }
    ) { stage in
      stage.server.service.restart()
      let stranger = try TestClient(stage.server, name: "stranger")
      return try stage.send(stage.atFile().reclaim(client: stranger.id, owner: [1], sequence: 1))
    },
    ConformanceCase(
      .open, .reclaimConflict, "CLAIM_PREVIOUS against a reclaimed share", configure: { $0.graceSeconds = 90 }
    ) {
      stage in
      let other = try TestClient(stage.server, name: "other")
      _ = try other.open("g", in: stage.root, owner: TestOwner("g"))
      stage.server.service.restart()
      let first = try TestClient(stage.server, name: "client one")
      let held = stage.atFile().reclaim(client: first.id, owner: [1], sequence: 1, access: 1, deny: 3)
      try stage.send(held).ok(.putFilehandle)
      let second = try TestClient(stage.server, name: "other")
      return try stage.send(stage.atFile().reclaim(client: second.id, owner: [2], sequence: 1))
    },
  ]

  /// An operation on the stage's open with its stateid changed.
  private static func update(
    _ operation: NFSOperation, _ status: NFSStatus, _ how: String, _ change: @escaping @Sendable (inout Stateid) -> Void
  ) -> ConformanceCase {
    ConformanceCase(operation, status, how) { stage in
      var stateid = stage.file.stateid
      change(&stateid)
      return try stage.send(stage.atFile().update(operation, stateid, stage.owner.sequence))
    }
  }

  private static let updateCases: [ConformanceCase] =
    [NFSOperation.close, .openDowngrade].flatMap { operation in
      [
        update(operation, .badStateid, "a seqid ahead of the open's") { $0.sequence += 1 },
        ConformanceCase(operation, .expired, "the lease was cancelled for another client") { stage in
          try stage.cancelLease()
          return try stage.send(stage.atFile().update(operation, stage.file.stateid, stage.owner.sequence))
        },
        ConformanceCase(operation, .invalid, "the current file is a symbolic link") {
          try $0.send($0.atLink().update(operation, $0.file.stateid, $0.owner.sequence))
        },
      ]
    } + [
      ConformanceCase(.openDowngrade, .invalid, "modes that no OPEN asked for") {
        try $0.send(
          $0.atFile().operation(.openDowngrade).stateid($0.file.stateid).word($0.owner.sequence).word(1).word(3))
      },
      confirm(.badSeqid, "a number two ahead", ahead: 2) { _ in },
      confirm(.badStateid, "a stateid that was never made") { $0.otherLow += 100 },
      confirm(.oldStateid, "the seqid before the open's") { $0.sequence -= 1 },
      confirm(.staleStateid, "a stateid of another instance") { $0.otherHigh ^= 1 << 63 },
      ConformanceCase(.openConfirm, .badStateid, "the owner is confirmed") {
        try $0.send($0.atFile().openConfirm($0.file.stateid, sequence: $0.owner.sequence))
      },
      ConformanceCase(.openConfirm, .expired, "the lease was cancelled for another client") { stage in
        try stage.cancelLease()
        return try stage.send(stage.atFile().openConfirm(stage.file.stateid, sequence: stage.owner.sequence))
      },
      ConformanceCase(.openConfirm, .invalid, "the current file is a symbolic link") {
        try $0.send($0.atLink().openConfirm($0.file.stateid, sequence: 1))
      },
    ]

  /// An OPEN_CONFIRM of a new owner's open with its stateid changed.
  private static func confirm(
    _ status: NFSStatus, _ how: String, ahead: UInt32 = 0, _ change: @escaping @Sendable (inout Stateid) -> Void
  ) -> ConformanceCase {
    ConformanceCase(.openConfirm, status, how) { stage in
      let fresh = TestOwner("fresh")
      let open = try stage.send(stage.atRoot().open("f", client: stage.client.id, owner: fresh.name, sequence: 1))
      try open.ok(.putRootFilehandle)
      try open.ok(.saveFilehandle)
      try open.ok(.open)
      var stateid = try open.openBody().stateid
      change(&stateid)
      return try stage.send(stage.atFile().openConfirm(stateid, sequence: 2 + ahead))
    }
  }

  private static let clientIDCases: [ConformanceCase] = [
    ConformanceCase(.setClientID, .clientIDInUse, "another principal has state under the id") {
      try $0.send(CompoundBuilder().setClientID("client one", verifier: 9), uid: 7)
    },
    ConformanceCase(.setClientID, .invalid, "an empty id") {
      try $0.send(CompoundBuilder().setClientID("", verifier: 9))
    },
    ConformanceCase(.setClientIDConfirm, .staleClientID, "a verifier that was never made") {
      try $0.send(CompoundBuilder().confirmClientID($0.client.id, 1))
    },
    ConformanceCase(.setClientIDConfirm, .clientIDInUse, "another principal confirms") { stage in
      let pair = try stage.client.setClientID("new", verifier: 1)
      return try stage.send(CompoundBuilder().confirmClientID(pair.0, pair.1), uid: 7)
    },
    ConformanceCase(.renew, .accessDenied, "a principal that has nothing open") {
      try $0.send(CompoundBuilder().operation(.renew).long($0.client.id), uid: 7)
    },
    ConformanceCase(.renew, .expired, "the lease was cancelled for another client") { stage in
      try stage.cancelLease()
      return try stage.send(CompoundBuilder().operation(.renew).long(stage.client.id))
    },
  ]

  /// READ, WRITE and SETATTR of the size with a stateid of the stage's open that was changed.
  private static let stateidCases: [ConformanceCase] = [NFSOperation.read, .write, .setAttributes].flatMap {
    operation -> [ConformanceCase] in
    func changed(_ status: NFSStatus, _ how: String, _ change: @escaping @Sendable (inout Stateid) -> Void)
      -> ConformanceCase
    {
      ConformanceCase(operation, status, how) { stage in
        var stateid = stage.file.stateid
        change(&stateid)
        return try stage.send(stage.atFile().transfer(operation, stateid))
      }
    }
    return [
      changed(.badStateid, "a stateid that was never made") { $0.otherLow += 100 },
      changed(.badStateid, "a special `other` with another seqid") {
        $0 = Stateid(sequence: 1, otherHigh: 0, otherLow: 0)
      },
      changed(.oldStateid, "the seqid before the open's") { $0.sequence -= 1 },
      changed(.staleStateid, "a stateid of another instance") { $0.otherHigh ^= 1 << 63 },
      ConformanceCase(operation, .expired, "the lease was cancelled for another client") { stage in
        try stage.cancelLease()
        return try stage.send(stage.atFile().transfer(operation, stage.file.stateid))
      },
      ConformanceCase(operation, .locked, "an anonymous stateid against a share reservation") { stage in
        let denied = try stage.client.open("denied", in: stage.root, owner: stage.owner, deny: 3)
        return try stage.send(CompoundBuilder().handle(denied.handle).transfer(operation, .anonymous))
      },
      ConformanceCase(operation, .openMode, "the open lacks the access") { stage in
        let access = operation == .read ? NFSOpen.accessWrite : NFSOpen.accessRead
        let open = try stage.client.open("narrow", in: stage.root, owner: stage.owner, access: access)
        return try stage.send(CompoundBuilder().handle(open.handle).transfer(operation, open.stateid))
      },
    ]
  }

  private static func grace(
    _ operation: NFSOperation, _ how: String, _ build: @escaping @Sendable (ConformanceStage) throws -> CompoundBuilder
  ) -> ConformanceCase {
    ConformanceCase(operation, .grace, how, configure: { $0.graceSeconds = 90 }) { stage in
      stage.server.service.restart()
      return try stage.send(build(stage))
    }
  }

  private static let graceCases: [ConformanceCase] = [
    grace(.open, "an OPEN that is no reclaim") { stage in
      let client = try TestClient(stage.server, name: "client one")
      return stage.atRoot().open("f", client: client.id, owner: [1], sequence: 1)
    },
    grace(.read, "an anonymous stateid") { $0.atFile().transfer(.read, .anonymous) },
    grace(.write, "an anonymous stateid") { $0.atFile().transfer(.write, .anonymous) },
    grace(.setAttributes, "the size with an anonymous stateid") { $0.atFile().transfer(.setAttributes, .anonymous) },
    grace(.remove, "any name") { $0.atRoot().remove("f") },
    grace(.rename, "any names") { $0.atRoot().rename("f", "g") },
  ]
}

extension ConformanceReason {
  /// Rows of opens, client ids and leases that cannot happen.
  static let opens: [Row: String] = [
    Row(.open, .reclaimBad): "stable storage keeps a record for each client, none for each open: NFS4ERR_NO_GRACE",
    Row(.open, .quotaExceeded): "quotas count the data of regular files alone, and OPEN makes empty ones or holes",
    Row(.getAttributes, .grace): "attributes do not depend on what is still to be reclaimed",
    Row(.verify, .grace): "attributes do not depend on what is still to be reclaimed",
    Row(.verifyNot, .grace): "attributes do not depend on what is still to be reclaimed",
    Row(.setClientID, .delay): "client ids are given at once",
    Row(.setClientIDConfirm, .delay): "client ids are given at once",
    Row(.close, .delay): "an open is closed at once",
    Row(.openDowngrade, .readOnlyFileSystem): "nothing is written by it",
    Row(.openDowngrade, .delay): "an open is narrowed at once",
  ]
}

/// The arguments of an OPEN by the stage's owner, good unless changed.
struct OpenArguments: Sendable {
  var name = "f"
  var how = OpenHow.noCreate
  var access: UInt32 = NFSOpen.accessBoth
  var deny: UInt32 = 0
}

extension CompoundBuilder {
  fileprivate func open(_ arguments: OpenArguments, _ stage: ConformanceStage) -> CompoundBuilder {
    open(
      arguments.name, client: stage.client.id, owner: stage.owner.name,
      sequence: stage.owner.sequence, access: arguments.access, deny: arguments.deny,
      how: arguments.how)
  }

  /// An OPEN up to the arguments of its claim.
  fileprivate func claim(_ claim: UInt32, _ stage: ConformanceStage) -> CompoundBuilder {
    operation(.open).word(stage.owner.sequence).word(1).word(0).long(stage.client.id).opaque(stage.owner.name)
      .word(NFSOpen.noCreate).word(claim)
  }

  fileprivate func update(_ operation: NFSOperation, _ stateid: Stateid, _ sequence: UInt32) -> CompoundBuilder {
    operation == .close
      ? close(stateid, sequence: sequence)
      : self.operation(operation).stateid(stateid).word(sequence).word(NFSOpen.accessBoth).word(0)
  }

  fileprivate func transfer(_ operation: NFSOperation, _ stateid: Stateid) -> CompoundBuilder {
    switch operation {
    case .read: read(stateid, offset: 0, count: 1)
    case .write: write(stateid, offset: 0, data: [1])
    default: setAttributes(.size(0), stateid: stateid)
    }
  }
}

extension ConformanceStage {
  /// Lets the lease run out and another client open the stage's file against it.
  fileprivate func cancelLease() throws {
    let denied = try client.open("mine", in: root, owner: owner, deny: 3)
    server.advance(seconds: 136)
    let read = CompoundBuilder().handle(denied.handle).read(.anonymous, offset: 0, count: 1)
    try send(read).ok(.putFilehandle)
  }
}
