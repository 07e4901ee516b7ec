// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import NFS4

extension ConformanceCase {
  /// Errors of the file system and its attributes.
  static let files: [ConformanceCase] =
    names + changes + readOnly + attributes + verifications + data + handles + flavors

  /// An operation that takes a name, and its compound in the root with that name.
  private typealias Named = (
    operation: NFSOperation, compound: @Sendable (ConformanceStage, [UInt8]) -> CompoundBuilder
  )
  /// An operation and a compound that ends with it.
  private typealias Plain = (operation: NFSOperation, compound: @Sendable (ConformanceStage) -> CompoundBuilder)

  private static let named: [Named] = [
    (.lookup, { $0.atRoot().operation(.lookup).opaque($1) }),
    (.securityInformation, { $0.atRoot().operation(.securityInformation).opaque($1) }),
    (.remove, { $0.atRoot().operation(.remove).opaque($1) }),
    (.create, { $0.atRoot().operation(.create).word(2).opaque($1).attributes(.mode(0o755)) }),
    (.link, { $0.atFile().save().root().operation(.link).opaque($1) }),
    (.rename, { $0.atRoot().operation(.rename).string("d").opaque($1) }),
  ]

  /// What is wrong with a name itself, or with where it is looked for.
  private static let names: [ConformanceCase] = named.flatMap { named -> [ConformanceCase] in
    let bad: [(NFSStatus, String, [UInt8])] = [
      (.invalid, "a name of no bytes", []), (.invalid, "a name that is no UTF-8", [0xFF]),
      (.badCharacter, "a name with a slash", [0x61, 0x2F, 0x62]), (.badName, "the name ..", [0x2E, 0x2E]),
      (.nameTooLong, "a name of 256 bytes", [UInt8](repeating: 0x61, count: 256)),
    ]
    var cases = bad.map { status, how, name in
      ConformanceCase(named.operation, status, how) { try $0.send(named.compound($0, name)) }
    }
    cases.append(
      ConformanceCase(named.operation, .accessDenied, "a directory that the user may not use") { stage in
        _ = try stage.send(CompoundBuilder().root().setAttributes(.mode(0o700)))
        return try stage.send(named.compound(stage, [0x66]), uid: 5, gid: 5)
      })
    cases.append(
      ConformanceCase(named.operation, .notDirectory, "the current filehandle is a file's") { stage in
        switch named.operation {
        case .rename: return try stage.send(CompoundBuilder().root().save().handle(stage.file.handle).rename("d", "x"))
        case .link: return try stage.send(stage.atFile().save().link("a"))
        case .create: return try stage.send(stage.atFile().makeDirectory("a"))
        default: return try stage.send(stage.atFile().operation(named.operation).string("a"))
        }
      })
    return cases
  }

  private static let changes: [ConformanceCase] = [
    ConformanceCase(.lookup, .noEntry, "a name that is not there") { try $0.send($0.atRoot().lookup("x")) },
    ConformanceCase(.lookup, .isSymlink, "a name behind a symbolic link") { try $0.send($0.atLink().lookup("x")) },
    ConformanceCase(.lookupParent, .noEntry, "at the root") { try $0.send($0.atRoot().operation(.lookupParent)) },
    ConformanceCase(.lookupParent, .notDirectory, "of a file") { try $0.send($0.atFile().operation(.lookupParent)) },
    ConformanceCase(.lookupParent, .accessDenied, "of a directory without the right to search it") { stage in
      _ = try stage.send(stage.atDirectory().setAttributes(.mode(0o600)))
      return try stage.send(stage.atDirectory().operation(.lookupParent), uid: 5, gid: 5)
    },
    ConformanceCase(.securityInformation, .noEntry, "a name that is not there") {
      try $0.send($0.atRoot().operation(.securityInformation).string("x"))
    },
    ConformanceCase(.remove, .noEntry, "a name that is not there") { try $0.send($0.atRoot().remove("x")) },
    ConformanceCase(.remove, .notEmpty, "a directory with an entry") { stage in
      _ = try stage.send(stage.atDirectory().makeDirectory("inside"))
      return try stage.send(stage.atRoot().remove("d"))
    },
    ConformanceCase(.rename, .noEntry, "a name that is not there") { try $0.send($0.atRoot().rename("x", "y")) },
    ConformanceCase(.rename, .exists, "a directory over a file") { try $0.send($0.atRoot().rename("d", "f")) },
    ConformanceCase(.rename, .exists, "a directory over one with an entry") { stage in
      _ = try stage.send(stage.atDirectory().makeDirectory("inside"))
      _ = try stage.server.makeDirectory("e")
      return try stage.send(stage.atRoot().rename("e", "d"))
    },
    ConformanceCase(.rename, .invalid, "a directory into itself") { stage in
      try stage.send(CompoundBuilder().root().save().handle(stage.directory).rename("d", "x"))
    },
    ConformanceCase(.rename, .noSpace, "no room for another entry", configure: { $0.spaceLimit = 64 << 10 }) { stage in
      try stage.fillDirectory()
      return try stage.send(
        CompoundBuilder().root().save().handle(stage.directory).rename("f", ConformanceStage.longName))
    },
    ConformanceCase(.create, .exists, "a name that is there") { try $0.send($0.atRoot().makeDirectory("f")) },
    ConformanceCase(.create, .badType, "a regular file") {
      try $0.send($0.atRoot().operation(.create).word(1).string("x").attributes(.mode(0)))
    },
    ConformanceCase(.create, .notOwner, "a device by another user than root") {
      try $0.send($0.atRoot().makeNode("x", .blockDevice), uid: 5, gid: 5)
    },
    ConformanceCase(.create, .notOwner, "a directory for another user") {
      try $0.send($0.atRoot().operation(.create).word(2).string("x").attributes(.owner(6)), uid: 5, gid: 5)
    },
    ConformanceCase(.create, .badOwner, "an owner that nobody goes by") {
      try $0.send($0.atRoot().operation(.create).word(2).string("x").word(2).word(0).word(1 << 4).opaque(Self.bob))
    },
    ConformanceCase(.create, .attributeNotSupported, "an ACL") {
      try $0.send($0.atRoot().operation(.create).word(2).string("x").word(1).word(1 << 12).opaque([0, 0, 0, 0]))
    },
    ConformanceCase(.create, .invalid, "an attribute that is read-only") {
      try $0.send($0.atRoot().operation(.create).word(2).string("x").word(1).word(1 << 3).long(0))
    },
    ConformanceCase(.create, .noSpace, "no file is left", configure: { $0.fileLimit = 4 }) {
      try $0.send($0.atRoot().makeDirectory("x"))
    },
    ConformanceCase(.link, .exists, "a name that is there") { try $0.send($0.atFile().save().root().link("d")) },
    ConformanceCase(.link, .isDirectory, "a directory") { try $0.send($0.atDirectory().save().root().link("x")) },
    ConformanceCase(.link, .noSpace, "no room for another entry", configure: { $0.spaceLimit = 64 << 10 }) { stage in
      try stage.fillDirectory()
      return try stage.send(stage.atFile().save().handle(stage.directory).link(ConformanceStage.longName))
    },
    ConformanceCase(.link, .tooManyLinks, "a file with 32,767 links") { stage in
      stage.server.checksInvariants = false
      for hundred in 0..<328 {
        let compound = stage.atFile().save().handle(stage.directory)
        for index in 0..<100 { _ = compound.link("\(hundred) \(index)") }
        let reply = try stage.send(compound)
        if reply.status != .ok { return reply }
      }
      return try stage.send(stage.atFile().save().handle(stage.directory).link("last"))
    },
  ]

  private static let changing: [Plain] = [
    (.create, { $0.atRoot().makeDirectory("x") }), (.link, { $0.atFile().save().root().link("x") }),
    (.remove, { $0.atRoot().remove("d") }), (.rename, { $0.atRoot().rename("d", "x") }),
    (.setAttributes, { $0.atFile().setAttributes(.mode(0)) }),
    (.write, { $0.atFile().write($0.file.stateid, offset: 0, data: [1]) }),
  ]
  private static let readOnly = changing.map { plain in
    ConformanceCase(plain.operation, .readOnlyFileSystem, "a read-only export") { stage in
      stage.server.service.setReadOnly(true)
      return try stage.send(plain.compound(stage))
    }
  }

  /// The owner string `bob` in a list of its own.
  private static let bob: [UInt8] = [0, 0, 0, 3, 0x62, 0x6F, 0x62, 0]

  private static let attributes: [ConformanceCase] = [
    ConformanceCase(.access, .invalid, "a bit that NFSv4.0 does not know") {
      try $0.send($0.atFile().operation(.access).word(64))
    },
    ConformanceCase(.getAttributes, .invalid, "an attribute that can only be set") {
      try $0.send($0.atFile().getAttributes(.timeModifySet))
    },
    ConformanceCase(.setAttributes, .invalid, "an attribute that is read-only") {
      try $0.send($0.atFile().operation(.setAttributes).stateid(.anonymous).word(1).word(1 << 3).opaque([0, 0, 0, 0]))
    },
    ConformanceCase(.setAttributes, .invalid, "a time of too many nanoseconds") {
      try $0.send(
        $0.atFile().operation(.setAttributes).stateid(.anonymous).mask(.timeModifySet)
          .opaque(CompoundBuilder.list { $0.word(1).long(0).word(1_000_000_000) }))
    },
    ConformanceCase(.setAttributes, .attributeNotSupported, "an ACL") {
      try $0.send($0.atFile().operation(.setAttributes).stateid(.anonymous).word(1).word(1 << 12).opaque([0, 0, 0, 0]))
    },
    ConformanceCase(.setAttributes, .badOwner, "an owner that nobody goes by") {
      try $0.send($0.atFile().operation(.setAttributes).stateid(.anonymous).mask(.owner).opaque(Self.bob))
    },
    ConformanceCase(.setAttributes, .notOwner, "the mode of another user's file") {
      try $0.send($0.atFile().setAttributes(.mode(0)), uid: 5, gid: 5)
    },
    ConformanceCase(.setAttributes, .accessDenied, "the size without the right to write") {
      try $0.send($0.atFile().setAttributes(.size(0)), uid: 5, gid: 5)
    },
    ConformanceCase(.setAttributes, .isDirectory, "the size of a directory") {
      try $0.send($0.atDirectory().setAttributes(.size(0)))
    },
    ConformanceCase(.setAttributes, .fileTooBig, "a size past the largest file") {
      try $0.send($0.atFile().setAttributes(.size(.max), stateid: $0.file.stateid))
    },
    ConformanceCase(.verify, .notSame, "another type") {
      try $0.send($0.atFile().operation(.verify).mask(.type).opaque([0, 0, 0, 2]))
    },
    ConformanceCase(.verifyNot, .same, "the same type") {
      try $0.send($0.atFile().operation(.verifyNot).mask(.type).opaque([0, 0, 0, 1]))
    },
  ]

  private static let verifications = [NFSOperation.verify, .verifyNot].flatMap { operation in
    [
      ConformanceCase(operation, .invalid, "rdattr_error") {
        try $0.send($0.atFile().operation(operation).mask(.readdirError).opaque([0, 0, 0, 0]))
      },
      ConformanceCase(operation, .attributeNotSupported, "an ACL") {
        try $0.send($0.atFile().operation(operation).word(1).word(1 << 12).opaque([0, 0, 0, 0]))
      },
    ]
  }

  private static let data: [ConformanceCase] = [
    ConformanceCase(.read, .accessDenied, "a file without the right to read") { stage in
      _ = try stage.send(stage.atFile().setAttributes(.mode(0o600)))
      return try stage.send(stage.atFile().read(.anonymous, offset: 0, count: 1), uid: 5, gid: 5)
    },
    ConformanceCase(.read, .isDirectory, "a directory") {
      try $0.send($0.atDirectory().read(.anonymous, offset: 0, count: 1))
    },
    ConformanceCase(.read, .invalid, "a symbolic link") {
      try $0.send($0.atLink().read(.anonymous, offset: 0, count: 1))
    },
    ConformanceCase(.write, .accessDenied, "a file without the right to write") {
      try $0.send($0.atFile().write(.anonymous, offset: 0, data: [1]), uid: 5, gid: 5)
    },
    ConformanceCase(.write, .isDirectory, "a directory") {
      try $0.send($0.atDirectory().write(.anonymous, offset: 0, data: [1]))
    },
    ConformanceCase(.write, .invalid, "a symbolic link") {
      try $0.send($0.atLink().write(.anonymous, offset: 0, data: [1]))
    },
    ConformanceCase(.write, .fileTooBig, "past the largest file") {
      try $0.send($0.atFile().write($0.file.stateid, offset: 1 << 60, data: [1]))
    },
    ConformanceCase(.write, .noSpace, "no block is left", configure: { $0.spaceLimit = 64 << 10 }) { stage in
      _ = try stage.send(
        stage.atFile().write(stage.file.stateid, offset: 0, data: [UInt8](repeating: 1, count: 70_000)))
      return try stage.send(stage.atFile().write(stage.file.stateid, offset: 100_000, data: [1]))
    },
    ConformanceCase(.write, .quotaExceeded, "a user's quota is used up", configure: { $0.userQuota = 4096 }) { stage in
      _ = try stage.send(stage.atFile().setAttributes(.owner(5)))
      return try stage.send(
        stage.atFile().write(.anonymous, offset: 0, data: [UInt8](repeating: 1, count: 4096))
          .write(.anonymous, offset: 4096, data: [1]), uid: 5, gid: 5)
    },
    ConformanceCase(.commit, .isDirectory, "a directory") {
      try $0.send($0.atDirectory().operation(.commit).long(0).word(0))
    },
    ConformanceCase(.commit, .invalid, "a symbolic link") {
      try $0.send($0.atLink().operation(.commit).long(0).word(0))
    },
    ConformanceCase(.commit, .invalid, "a range past the last offset") {
      try $0.send($0.atFile().operation(.commit).long(.max).word(2))
    },
    ConformanceCase(.readLink, .invalid, "a file") { try $0.send($0.atFile().operation(.readLink)) },
    ConformanceCase(.readLink, .invalid, "a directory") { try $0.send($0.atDirectory().operation(.readLink)) },
    ConformanceCase(.readDirectory, .notDirectory, "a file") { try $0.send($0.atFile().readDirectory()) },
    ConformanceCase(.readDirectory, .accessDenied, "a directory without the right to read") { stage in
      _ = try stage.send(stage.atDirectory().setAttributes(.mode(0o711)))
      return try stage.send(stage.atDirectory().readDirectory(), uid: 5, gid: 5)
    },
    ConformanceCase(.readDirectory, .badCookie, "the reserved cookie 2") {
      try $0.send($0.atRoot().readDirectory(cookie: 2))
    },
    ConformanceCase(.readDirectory, .notSame, "a verifier of no listing") {
      try $0.send($0.atRoot().readDirectory(cookie: 3, verifier: 77))
    },
    ConformanceCase(.readDirectory, .tooSmall, "no room for an entry") {
      try $0.send($0.atRoot().readDirectory(maximum: 20))
    },
    ConformanceCase(.readDirectory, .invalid, "an attribute that can only be set") {
      try $0.send($0.atRoot().readDirectory(mask: .timeAccessSet))
    },
  ]

  private static let handles: [ConformanceCase] = [
    ConformanceCase(.restoreFilehandle, .restoreFilehandle, "nothing was saved") {
      try $0.send(CompoundBuilder().root().restore())
    },
    ConformanceCase(.openNamedAttributes, .notSupported, "of any file") {
      try $0.send($0.atFile().operation(.openNamedAttributes).word(0))
    },
  ]

  private static let entering: [Plain] = [
    (.putFilehandle, { CompoundBuilder().handle($0.root) }), (.putRootFilehandle, { _ in CompoundBuilder().root() }),
    (.putPublicFilehandle, { _ in CompoundBuilder().operation(.putPublicFilehandle) }),
  ]
  private static let flavors = entering.map { plain in
    ConformanceCase(
      plain.operation, .wrongSecurity, "AUTH_NONE, which is not served", configure: { $0.allowsAuthNone = false }
    ) { try $0.server.callWithoutCredential(plain.compound($0)) }
  }
}

extension ConformanceStage {
  /// A name whose entry makes any table of names grow.
  static let longName = String(repeating: "n", count: 250)

  /// Fills the directory `d` with links of `f` until there is no room for ``longName``.
  func fillDirectory() throws {
    server.checksInvariants = false
    for index in 0..<10_000 {
      let name = String(Self.longName.dropLast(10)) + "\(index)"
      if try send(atFile().save().handle(directory).link(name)).status == .noSpace { return }
    }
  }
}
