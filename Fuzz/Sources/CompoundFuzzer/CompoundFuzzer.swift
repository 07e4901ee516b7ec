// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import KernelModel
import NFS4Server
import ONCRPC
import Synchronization

/// A server that is asked whatever libFuzzer makes up.
final class FuzzedServer: @unchecked Sendable {
  /// Inputs of one server: few, so that what a crash needs lies in the inputs of a moment ago.
  private static let lifetime = 256
  private static let replyBytes = 1 << 17
  private static let mapBytes = 16 << 20

  private var service: NFSService?
  private var inputs = 0
  private var xid: UInt32 = 0
  private let reply = UnsafeMutableRawBufferPointer.allocate(byteCount: replyBytes, alignment: 8)

  static let shared = Mutex(FuzzedServer())

  /// Carries one compound out: the first byte says who asks on which connection, the others are the arguments.
  func run(_ input: UnsafeRawBufferPointer) {
    guard let first = input.first, let service = current() else { return }
    let arguments = UnsafeMutableRawBufferPointer.allocate(byteCount: max(input.count - 1, 1), alignment: 8)
    defer { arguments.deallocate() }
    arguments.copyBytes(from: UnsafeRawBufferPointer(rebasing: input.dropFirst()))
    let body = UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(arguments)[0..<(input.count - 1)])
    xid &+= 1
    let credential = RPCCredential(
      flavor: .sys, uid: UInt32(first & 3), gid: 0, groups: UnsafeBufferPointer(start: nil, count: 0))
    let outcome = service.handle(
      procedure: 1, xid: xid, credential: credential, connection: UInt64(first >> 6), arguments: body, reply: reply)
    if case .success(let length) = outcome { precondition(length >= 0 && length <= Self.replyBytes) }
    inputs += 1
    if inputs % Self.lifetime == 0 {
      do { try service.checkInvariants() } catch { preconditionFailure("\(error)") }
      self.service = nil
    }
  }

  private func current() -> NFSService? {
    if let service { return service }
    var kernel = KernelConfiguration(model: "freebsd-6")
    kernel.checked = true
    kernel.mapBytes = Self.mapBytes
    var configuration = ServerConfiguration()
    configuration.spaceLimit = 1 << 20
    configuration.fileLimit = 1000
    configuration.stateLimit = 2000
    guard let booted = try? Kernel(kernel) else { return nil }
    service = try? NFSService(kernel: booted, configuration: configuration)
    return service
  }
}

/// What libFuzzer calls.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOneInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  FuzzedServer.shared.withLock { $0.run(UnsafeRawBufferPointer(start: start, count: count)) }
  return 0
}
