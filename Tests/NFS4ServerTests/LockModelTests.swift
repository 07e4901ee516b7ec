// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import NFS4
import Testing

@testable import NFS4Server

/// Random traces of locks against an array that has every byte's holders.
@Suite struct LockModelTests {
  /// What a byte is to an owner.
  private enum Hold: Equatable {
    case none, shared, exclusive
  }

  /// The locks of one file: for each owner one entry a byte, the last of which stands for all bytes behind it.
  private struct Model {
    static let bytes = 24
    var holds: [[Hold]]

    init(owners: Int) { holds = Array(repeating: Array(repeating: .none, count: Self.bytes), count: owners) }

    func indices(_ offset: Int, _ length: Int) -> Range<Int> {
      offset..<(length < 0 ? Self.bytes : min(Self.bytes, offset + length))
    }

    func conflicts(_ owner: Int, _ range: Range<Int>, exclusive: Bool) -> Bool {
      for other in holds.indices where other != owner {
        for byte in range {
          if holds[other][byte] == .exclusive || (exclusive && holds[other][byte] == .shared) { return true }
        }
      }
      return false
    }

    /// Ranges of one type, of all owners together.
    var ranges: Int {
      var count = 0
      for owner in holds {
        for byte in owner.indices where owner[byte] != .none && (byte == 0 || owner[byte - 1] != owner[byte]) {
          count += 1
        }
      }
      return count
    }
  }

  @Test(arguments: [1, 2, 3, 4, 5, 6] as [UInt64])
  func locksAreThoseOfTheModel(seed: UInt64) throws {
    var random = SeededRandom(seed: seed)
    let server = try TestServer()
    let stages = [
      try LockStage(server: server, name: "client one", connection: 1),
      try LockStage(server: server, name: "client two", connection: 2),
    ]
    let lockers = stages.flatMap { stage in (0..<3).map { stage.locker("locker \($0)", sequence: UInt32($0)) } }
    let tester = stages[0]
    var model = Model(owners: lockers.count)
    var denied = 0
    for step in 0..<400 {
      let index = random.below(lockers.count)
      let locker = lockers[index]
      let offset = random.below(Model.bytes - 1)
      let length = random.below(8) == 0 ? -1 : 1 + random.below(Model.bytes - 1 - offset)
      let range = model.indices(offset, length)
      let (wireOffset, wireLength) = (UInt64(offset), length < 0 ? UInt64.max : UInt64(length))
      let comment: Comment = "seed \(seed), step \(step)"
      switch random.below(10) {
      case 0..<5:
        let exclusive = random.below(2) == 0
        let type = exclusive ? NFSLock.write : NFSLock.read
        let status = try locker.lock(random.below(2) == 0 ? type : type + 2, wireOffset, wireLength)
        let conflict = model.conflicts(index, range, exclusive: exclusive)
        #expect(status == (conflict ? .denied : .ok), comment)
        if conflict {
          denied += 1
        } else {
          for byte in range { model.holds[index][byte] = exclusive ? .exclusive : .shared }
        }
      case 5..<8:
        if locker.stateid == nil { continue }
        #expect(try locker.unlock(wireOffset, wireLength) == .ok, comment)
        for byte in range { model.holds[index][byte] = .none }
      case 8:
        let holds = model.holds[index].contains { $0 != .none }
        let status = try locker.stage.release(String(decoding: locker.owner.name, as: UTF8.self))
        #expect(status == (holds ? .locksHeld : .ok), comment)
        if !holds { locker.stateid = nil }
      default:
        break
      }
      #expect(server.service.snapshot.locks == model.ranges, comment)
      // One byte, seen by somebody without locks and by one of the owners.
      let byte = random.below(Model.bytes)
      for (type, exclusive) in [(NFSLock.read, false), (NFSLock.write, true)] {
        let seen = try tester.test(type, UInt64(byte), byte == Model.bytes - 1 ? .max : 1)
        #expect((seen != nil) == model.conflicts(-1, byte..<(byte + 1), exclusive: exclusive), comment)
        if let seen {
          #expect(seen.offset <= UInt64(byte) && (seen.length == .max || seen.offset + seen.length > UInt64(byte)))
        }
      }
      let own = try locker.stage.test(
        NFSLock.write, UInt64(byte), byte == Model.bytes - 1 ? .max : 1,
        owner: String(decoding: locker.owner.name, as: UTF8.self))
      #expect((own != nil) == model.conflicts(index, byte..<(byte + 1), exclusive: true), comment)
    }
    #expect(denied > 20, "seed \(seed)")
    for stage in stages { try stage.close() }
    #expect(server.service.snapshot.locks == 0)
    #expect(server.service.snapshot.lockOwners == 0)
  }
}
