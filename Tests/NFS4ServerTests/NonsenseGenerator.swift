// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import NFS4

/// Compounds that are sound as XDR and nonsense otherwise: every operation, with arguments from pools of what is good, what once
/// was, and what never was.
struct NonsenseGenerator {
  private var random: SeededRandom
  private(set) var handles: [[UInt8]]
  private(set) var stateids: [Stateid] = [.anonymous, .readBypass]
  private(set) var clients: [UInt64] = [0, .max]
  private(set) var confirmations: [UInt64] = [0]
  private static let names = [
    "a", "b", "c", "d", ".", "..", "", "a/b", "\u{E9}", "nul\0", String(repeating: "n", count: 256),
  ]
  private static let owners = ["owner one", "owner two", "", String(repeating: "o", count: 1024)]
  private static let texts = ["a", "/", "", String(repeating: "t", count: 1100)]
  /// Pools keep this many of the newest values.
  private static let poolLimit = 24

  init(seed: UInt64, root: [UInt8]) {
    random = SeededRandom(seed: seed)
    handles = [root, [], [UInt8](repeating: 7, count: 28), [UInt8](repeating: 1, count: 128)]
  }

  mutating func learn(handle: [UInt8]) { Self.add(handle, to: &handles) }
  mutating func learn(stateid: Stateid) { Self.add(stateid, to: &stateids) }
  mutating func learn(client: UInt64, confirmation: UInt64) {
    Self.add(client, to: &clients)
    Self.add(confirmation, to: &confirmations)
  }

  private static func add<Value>(_ value: Value, to pool: inout [Value]) {
    pool.append(value)
    if pool.count > poolLimit { pool.remove(at: 2) }
  }

  /// One to eight operations.
  mutating func compound() -> (builder: CompoundBuilder, operations: [NFSOperation]) {
    var builder = CompoundBuilder(capacity: 1 << 16)
    var operations: [NFSOperation] = []
    if below(8) != 0 {
      operations.append(.putFilehandle)
      builder = builder.handle(pick(handles))
    }
    for _ in 0...below(7) {
      let operation = NFSOperation.allCases[below(NFSOperation.allCases.count)]
      operations.append(operation)
      builder = append(operation, to: builder)
    }
    return (builder, operations)
  }

  private mutating func below(_ limit: Int) -> Int { Int(random.next() % UInt64(limit)) }
  private mutating func pick<Value>(_ pool: [Value]) -> Value { pool[below(pool.count)] }
  private mutating func name() -> String { pick(Self.names) }
  /// Mostly small numbers; sometimes the edges.
  private mutating func word() -> UInt32 { below(8) == 0 ? pick([0, 1, .max, 1 << 31]) : UInt32(below(6)) }
  private mutating func long() -> UInt64 { below(4) == 0 ? pick([0, .max, 1 << 63, 1 << 32]) : UInt64(below(10_000)) }

  private mutating func stateid() -> Stateid {
    var stateid = pick(stateids)
    switch below(6) {
    case 0: stateid.sequence = stateid.sequence &+ word()
    case 1: stateid.otherLow ^= 1 << UInt32(below(32))
    case 2: stateid.otherHigh ^= 1 << UInt64(below(64))
    default: break
    }
    return stateid
  }

  private mutating func attributes() -> SettableAttributes {
    var wanted = SettableAttributes()
    let bits: [AttributeMask] = [.size, .mode, .owner, .ownerGroup, .timeAccessSet, .timeModifySet]
    for bit in bits where below(3) == 0 { wanted.mask.insert(bit) }
    wanted.size = UInt64(below(100_000))
    wanted.mode = word()
    wanted.owner = UInt32(below(3))
    wanted.ownerGroup = UInt32(below(3))
    wanted.timeModify = .clientTime(NFSTime(seconds: Int64(below(1000)), nanoseconds: UInt32(below(1_000_000_000))))
    return wanted
  }

  private mutating func mask() -> AttributeMask { AttributeMask(rawValue: random.next() & random.next()) }

  private mutating func append(_ operation: NFSOperation, to started: CompoundBuilder) -> CompoundBuilder {
    let builder =
      operation == .illegal ? started.number(pick([0, 1, 2, 40, 10_044, .max])) : started.operation(operation)
    switch operation {
    case .access: return builder.word(word())
    case .close: return builder.word(word()).stateid(stateid())
    case .commit: return builder.long(long()).word(word())
    case .create:
      let type = UInt32(below(9))
      builder.word(type)
      if type == NFSFileType.symbolicLink.rawValue { builder.string(pick(Self.texts)) }
      if type == NFSFileType.blockDevice.rawValue || type == NFSFileType.characterDevice.rawValue {
        builder.word(1).word(2)
      }
      return builder.string(name()).attributes(attributes())
    case .delegationPurge, .renew: return builder.long(pick(clients))
    case .delegationReturn: return builder.stateid(stateid())
    case .getAttributes: return builder.mask(mask())
    case .link, .lookup, .remove, .securityInformation: return builder.string(name())
    case .lock: return appendLock(builder)
    case .lockTest:
      return builder.word(1 + UInt32(below(5))).long(long()).long(long()).long(pick(clients)).string(pick(Self.owners))
    case .unlock: return builder.word(1 + UInt32(below(4))).word(word()).stateid(stateid()).long(long()).long(long())
    case .verify, .verifyNot: return builder.word(1).word(1 << 4).word(8).long(long())
    case .open: return appendOpen(builder)
    case .openNamedAttributes: return builder.bool(below(2) == 0)
    case .openConfirm: return builder.stateid(stateid()).word(word())
    case .openDowngrade: return builder.stateid(stateid()).word(word()).word(word()).word(word())
    case .putFilehandle: return builder.opaque(pick(handles))
    case .read: return builder.stateid(stateid()).long(long()).word(UInt32(below(5000)))
    case .readDirectory: return builder.long(long()).long(long()).word(word()).word(UInt32(below(9000))).mask(mask())
    case .rename: return builder.string(name()).string(name())
    case .releaseLockOwner: return builder.long(pick(clients)).string(pick(Self.owners))
    case .setAttributes: return builder.stateid(stateid()).attributes(attributes())
    case .setClientID:
      return builder.long(UInt64(below(3))).string("client \(below(4))").word(word()).string("tcp")
        .string(pick(["127.0.0.1.3.232", "", "nonsense"])).word(1)
    case .setClientIDConfirm: return builder.long(pick(clients)).long(pick(confirmations))
    case .write:
      return builder.stateid(stateid()).long(long()).word(UInt32(below(4)))
        .opaque([UInt8](repeating: 5, count: below(3000)))
    case .getFilehandle, .lookupParent, .putPublicFilehandle, .putRootFilehandle, .readLink, .restoreFilehandle,
      .saveFilehandle, .illegal:
      return builder
    }
  }

  private mutating func appendLock(_ builder: CompoundBuilder) -> CompoundBuilder {
    builder.word(1 + UInt32(below(4))).bool(below(6) == 0).long(long()).long(long())
    if below(2) == 0 {
      return builder.bool(true).word(word()).stateid(stateid()).word(word()).long(pick(clients))
        .string(pick(Self.owners))
    }
    return builder.bool(false).stateid(stateid()).word(word())
  }

  private mutating func appendOpen(_ builder: CompoundBuilder) -> CompoundBuilder {
    builder.word(word()).word(UInt32(below(5))).word(UInt32(below(5))).long(pick(clients)).string(pick(Self.owners))
    switch below(4) {
    case 0: builder.word(NFSOpen.noCreate)
    case 1: builder.word(NFSOpen.create).word(NFSOpen.unchecked).attributes(attributes())
    case 2: builder.word(NFSOpen.create).word(NFSOpen.guarded).attributes(attributes())
    default: builder.word(NFSOpen.create).word(NFSOpen.exclusive).long(UInt64(below(2)))
    }
    switch below(8) {
    case 0: return builder.word(NFSOpen.claimPrevious).word(UInt32(below(3)))
    case 1: return builder.word(NFSOpen.claimDelegateCurrent).stateid(stateid()).string(name())
    case 2: return builder.word(NFSOpen.claimDelegatePrevious).string(name())
    default: return builder.word(NFSOpen.claimNull).string(name())
    }
  }
}
