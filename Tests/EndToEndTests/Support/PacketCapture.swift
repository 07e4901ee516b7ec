// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import Foundation

/// A capture by tshark of all packets of one port on the loopback interface, read afterwards.
struct PacketCapture {
  private let child: ChildProcess
  private let file: String
  private let tshark: String
  private let port: UInt16
  private let scratch: ScratchDirectory

  /// MiB that the kernel may hold for tshark while it is not scheduled.
  private static let bufferMiB = "128"

  /// Starts capturing and waits until tshark says that it does.
  init(port: UInt16, in scratch: ScratchDirectory) throws {
    tshark = try Installation.tool("tshark", package: "tshark")
    self.port = port
    self.scratch = scratch
    file = scratch.path("capture-\(port).pcapng")
    let child = try ChildProcess(
      tshark, ["-i", "lo", "-f", "tcp port \(port)", "-B", Self.bufferMiB, "-w", file], outputsIn: scratch)
    self.child = child
    try child.waitUntil("'Capture started'") { child.errors.contains("Capture started") }
  }

  /// Ends the capture once the packets of a last, known connection are in it.
  ///
  /// - Throws: ``EndToEndFailure`` where tshark fails or packets were dropped: then nothing can be said about what was on the wire.
  func stop() throws {
    // The file lies still once dumpcap has written what was sent; a half-written end would look like a malformed packet.
    var size = -1
    var since = Deadline(seconds: 1)
    let limit = Deadline(seconds: ChildProcess.deadlineSeconds)
    while !since.isOver, !limit.isOver {
      let now = Int((try? FileManager.default.attributesOfItem(atPath: file)[.size] as? UInt64) ?? 0)
      if now != size {
        size = now
        since = Deadline(seconds: 1)
      }
      usleep(20_000)
    }
    child.send(SIGINT)
    let termination = try child.wait()
    guard termination == .exited(0) else { throw EndToEndFailure("tshark: \(termination): \(child.errors)") }
    if child.errors.contains("packets dropped") || child.errors.contains("packet dropped") {
      throw EndToEndFailure("tshark dropped packets, so the capture says nothing: \(child.errors)")
    }
  }

  /// What tshark made of the packets.
  struct Dissection {
    /// Frames that hold NFS.
    var nfsFrames = 0
    /// Frames of which some part is malformed, by number.
    var malformed: [String] = []
    /// Numbers of the NFSv4 operations in all calls and replies, each as often as it occurs.
    var operations: [Int: Int] = [:]
  }

  /// Reads the capture once.
  func dissect() throws -> Dissection {
    let done = try Execution.successful(
      tshark,
      [
        "-r", file, "-d", "tcp.port==\(port),rpc", "-Y", "nfs || _ws.malformed", "-T", "fields", "-e", "frame.number",
        "-e", "frame.protocols", "-e", "_ws.malformed", "-e", "nfs.opcode",
      ], in: scratch)
    var dissection = Dissection()
    for line in done.outputLines {
      let fields = line.split(separator: "\t", omittingEmptySubsequences: false)
      guard fields.count == 4 else { throw EndToEndFailure("tshark: expected four fields in '\(line)'") }
      if fields[1].split(separator: ":").contains("nfs") { dissection.nfsFrames += 1 }
      if !fields[2].isEmpty { dissection.malformed.append("frame \(fields[0]): \(fields[2])") }
      for text in fields[3].split(separator: ",") {
        if let number = Int(text) { dissection.operations[number, default: 0] += 1 }
      }
    }
    return dissection
  }
}
