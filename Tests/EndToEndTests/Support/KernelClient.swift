// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import Foundation

/// A Linux kernel in user mode that mounts a server with its NFSv4.0 client, runs a job on the mount and powers off.
///
/// Its root is that of this machine, read-only, so every program here can be run inside.
struct KernelClient {
  let child: ChildProcess
  private let out: String

  private static let scripts = "\(Installation.root)/Tests/EndToEndTests/Support/KernelClient"
  private static let modules = "/usr/lib/uml/modules"

  /// Boots the kernel in a namespace.
  ///
  /// - Parameters:
  ///   - namespace: where the server is, at ``NetworkNamespace/serverAddress``.
  ///   - port: the server's port.
  ///   - options: mount options beside the port and the version.
  ///   - job: name of a script beside `init.sh`.
  ///   - scratch: for the machine's files.
  /// - Throws: ``EndToEndFailure`` where a program is missing.
  init(in namespace: NetworkNamespace, port: UInt16, options: String = "", job: String, scratch: ScratchDirectory)
    throws
  {
    let machine = try Installation.tool("linux.uml", package: "user-mode-linux")
    _ = try Installation.tool("mount.nfs4", package: "nfs-common")
    let serial = scratch.nextSerial()
    out = try scratch.makeDirectory("kernel-\(serial)-out")
    let root = try scratch.makeDirectory("kernel-\(serial)-root")
    try FileManager.default.createDirectory(atPath: "\(root)/lib", withIntermediateDirectories: false)
    try FileManager.default.createSymbolicLink(atPath: "\(root)/lib/modules", withDestinationPath: Self.modules)
    let (executable, arguments) = try namespace.command(
      machine,
      [
        "mem=512M", "root=/dev/root", "rootfstype=hostfs", "rootflags=/", "ro", "con=null", "con0=null,fd:1",
        "ssl=null",
        "init=\(Self.scripts)/init.sh", "umid=k\(serial)", "uml_dir=\(scratch.root)/",
        "vec0:transport=tap,ifname=\(NetworkNamespace.device),depth=64,gro=1",
        "myip=\(NetworkNamespace.machineAddress)",
        "nfssrc=\(NetworkNamespace.serverAddress):/", "nfsopts=port=\(port),vers=4.0,sec=sys,proto=tcp\(options)",
        "modules=\(root)", "out=\(out)", "job=\(Self.scripts)/\(job)", "quiet",
      ])
    child = try ChildProcess(executable, arguments, outputsIn: scratch)
  }

  /// A file that the job wrote, empty where there is none.
  func file(_ name: String) -> String {
    String(decoding: FileManager.default.contents(atPath: "\(out)/\(name)") ?? Data(), as: UTF8.self)
  }

  /// Whether the job has made a file.
  func has(_ name: String) -> Bool { FileManager.default.fileExists(atPath: "\(out)/\(name)") }

  /// Makes a file that the job waits for.
  func tell(_ name: String) { _ = FileManager.default.createFile(atPath: "\(out)/\(name)", contents: nil) }

  /// What the job said that went wrong.
  var failures: [String] {
    file("job.out").split(separator: "\n").filter { $0.hasPrefix("FAILED") }.map(String.init)
  }

  /// Everything there is to see, for a failure's text.
  var report: String {
    "steps: \(file("steps")) job: \(file("job.out")) \(file("job.err").suffix(800)) console: \(child.output.suffix(400))"
  }
}
