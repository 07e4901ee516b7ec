// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import NFS4
import NFS4Client
import ONCRPC
import Testing

/// A small NFSv4.0 server in memory, behind the transport's protocol: enough for the tests, strict about sequence
/// numbers and stateids.
///
/// Like nfs-ganesha with a local file system and like FreeBSD's server, it says of no change that it was atomic.
/// Filehandles have 24 bytes and every change of a file, a rename of it too, moves its change attribute.
final class FakeServer: RPCTransport {
  struct Entry {
    var name: [UInt8]
    var file: Int
    var cookie: UInt64
  }
  struct File {
    var type: UInt32
    var mode: UInt32
    var links: UInt32
    var change: UInt64
    var data: [UInt8] = []
    var entries: [Entry] = []
    var nextCookie: UInt64 = 3
    var parent = 0
  }
  struct Owner {
    var sequence: UInt32
    var confirmed = false
  }
  struct Open {
    var owner: [UInt8]
    var file: Int
    var access: UInt32
    var sequence: UInt32
  }
  /// One compound as it came: the operations and the bytes.
  struct Call {
    var tag: [UInt8]
    var operations: [NFSOperation]
    var bytes: [UInt8]
    var status: NFSStatus
  }

  let argumentBuffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 128 << 10, alignment: 16)
  let replyBuffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 128 << 10, alignment: 16)
  var files: [File]
  var owners: [[UInt8]: Owner] = [:]
  var opens: [UInt64: Open] = [:]
  var nextOpen: UInt64 = 1
  var changes: UInt64 = 1
  var clientIDs: [[UInt8]: UInt64] = [:]
  var writeVerifier: UInt64 = 7
  var atomicChanges = false
  var records = false
  var calls: [Call] = []
  var isClosed = false
  /// Moves by 2 ms with every call, if there is one.
  var clock: ManualClock?
  var transportError: RPCError?
  /// Statuses to answer instead of doing the operation, in order.
  var planned: [(NFSOperation, NFSStatus)] = []
  /// Every owner is confirmed already, as with old servers that never ask.
  var neverAsksForConfirmation = false
  /// How many OPENs asked with a wrong sequence number or a wrong stateid.
  var protocolErrors = 0
  /// READs, WRITEs with the anonymous stateid.
  var anonymousTransfers = 0
  /// Called before a COMMIT.
  var beforeCommit: ((FakeServer) -> Void)?
  /// Rights that ACCESS does not grant.
  var deniedRights: UInt32 = 0
  /// maxread and maxwrite, bytes.
  var maximumTransfer: UInt64 = 1 << 20
  /// READDIR returns nothing and says that more follows.
  var neverEndsListings = false
  private let fsid: (major: UInt64, minor: UInt64) = (1, 1)

  // The compound in progress.
  var current = -1
  var saved = -1

  init() {
    files = [File(type: NFSFileType.directory.rawValue, mode: 0o777, links: 2, change: 1)]
  }

  deinit {
    argumentBuffer.deallocate()
    replyBuffer.deallocate()
  }

  func close() { isClosed = true }

  func call(procedure: UInt32, argumentLength: Int) throws(RPCError) -> UnsafeRawBufferPointer {
    if let transportError { throw transportError }
    clock?.nanoseconds += 2_000_000
    var reader = XDRReader(UnsafeRawBufferPointer(rebasing: argumentBuffer[0..<argumentLength]))
    var writer = XDRWriter(replyBuffer)
    do {
      let tag = try reader.opaque(limit: 1024)
      let minor = try reader.uint32()
      let count = try reader.uint32()
      precondition(minor == 0)
      writer.put(0 as UInt32)
      writer.putOpaque(tag)
      let countPosition = writer.position
      writer.put(0 as UInt32)
      var done: UInt32 = 0
      var status = NFSStatus.ok
      current = -1
      saved = -1
      var operations: [NFSOperation] = []
      while done < count && status == .ok {
        let number = try reader.uint32()
        guard let operation = NFSOperation(rawValue: number) else { throw XDRError.badValue(number) }
        if records { operations.append(operation) }
        writer.put(operation.rawValue)
        let statusPosition = writer.position
        writer.put(0 as UInt32)
        if let plan = planned.first, plan.0 == operation {
          planned.removeFirst()
          status = plan.1
          noteSequence(operation, &reader, status)
        } else {
          status = try run(operation, &reader, &writer)
        }
        if status != .ok {
          writer.rewind(to: statusPosition + 4)
          writer.patch(status.rawValue, at: statusPosition)
        }
        done += 1
      }
      precondition(status != .ok || reader.remaining == 0, "bytes behind the last operation")
      writer.patch(done, at: countPosition)
      writer.patch(status.rawValue, at: 0)
      if records {
        calls.append(
          Call(
            tag: Array(tag), operations: operations, bytes: Array(argumentBuffer[0..<argumentLength]), status: status))
      }
      precondition(!writer.overflowed, "reply does not fit")
      return writer.written
    } catch {
      Issue.record("the client sent what is no XDR: \(error)")
      throw RPCError.garbageArguments
    }
  }

  /// A planned failure moves the owner's sequence number as a real one does.
  private func noteSequence(_ operation: NFSOperation, _ reader: inout XDRReader, _ status: NFSStatus) {
    let keeps: [NFSStatus] = [.staleClientID, .staleStateid, .badStateid, .badSeqid, .badXDR, .resource, .noFilehandle]
    if operation == .open, !keeps.contains(status), let sequence = try? reader.uint32() {
      _ = try? reader.skip(16)
      if let name = try? reader.opaque(limit: 1024) { owners[Array(name)]?.sequence = sequence }
    } else if operation == .close, !keeps.contains(status), let sequence = try? reader.uint32(),
      let stateid = try? reader.stateid(), let open = opens[stateid.otherHigh]
    {
      owners[open.owner]?.sequence = sequence
    }
  }

  // MARK: Files

  func bump(_ file: Int) {
    changes += 1
    files[file].change = changes
  }

  func find(_ directory: Int, _ name: [UInt8]) -> Int? {
    files[directory].entries.firstIndex { $0.name == name }
  }

  func add(_ directory: Int, _ name: [UInt8], _ file: Int) {
    files[directory].entries.append(Entry(name: name, file: file, cookie: files[directory].nextCookie))
    files[directory].nextCookie += 1
    bump(directory)
  }

  /// Makes a file and returns its number; for tests that want one to be there.
  @discardableResult
  func make(_ directory: Int, _ name: String, type: NFSFileType, mode: UInt32 = 0o644, data: [UInt8] = []) -> Int {
    let isDirectory = type == .directory
    files.append(File(type: type.rawValue, mode: mode, links: isDirectory ? 2 : 1, change: 0, data: data))
    let file = files.count - 1
    bump(file)
    files[file].parent = directory
    if isDirectory { files[directory].links += 1 }
    add(directory, Array(name.utf8), file)
    return file
  }

  func filehandle(_ file: Int) -> Filehandle {
    let bytes: [UInt64] = [UInt64(file), 0x6661_6b65, UInt64(file) &* 3]
    return bytes.withUnsafeBytes { Filehandle($0) ?? Filehandle() }
  }

  func attributes(_ file: Int) -> FileAttributes {
    var attributes = FileAttributes()
    attributes.supported = .known
    attributes.type = files[file].type
    attributes.change = files[file].change
    attributes.size = files[file].type == NFSFileType.directory.rawValue ? 4096 : UInt64(files[file].data.count)
    attributes.fsid = fsid
    attributes.fileid = UInt64(file) + 100
    attributes.mountedOnFileid = UInt64(file) + 100
    attributes.mode = files[file].mode
    attributes.linkCount = files[file].links
    attributes.leaseTime = 90
    attributes.maximumRead = maximumTransfer
    attributes.maximumWrite = maximumTransfer
    attributes.filehandle = filehandle(file)
    attributes.timeModify = NFSTime(nanosecondsSince1970: files[file].change)
    attributes.timeMetadata = NFSTime(nanosecondsSince1970: files[file].change)
    return attributes
  }
}
