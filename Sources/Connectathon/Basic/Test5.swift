// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import NFS4Client

private var bigFile: UnsafeRawBufferPointer { StaticString("bigfile").pathBytes }
private let fileSize = 1_048_576
private let blockSize = 8192

extension TestProgram {
  /// test5: read and write.
  func test5() throws(ProgramExit) {
    let count = timed ? 10 : 1
    fileSystem.umask(0)
    title("read and write")
    try makeTestDirectory()
    fillBlock()
    startTime()
    for _ in 0..<count { try writeBigFile() }
    let writing = endTime()
    try readBigFile(verify: true)
    say("\twrote \(fileSize) byte file \(count) times\(rate(writing, count))\n")
    startTime()
    for _ in 0..<count { try readBigFile(verify: false) }
    let reading = endTime()
    say("\tread \(fileSize) byte file \(count) times\(rate(reading, count))\n")
    try must("can't unlink 'bigfile'") { () throws(SystemCallError) in try fileSystem.unlink(bigFile) }
    complete()
  }

  /// Integer i at word i of the buffer.
  private func fillBlock() {
    for word in 0..<(blockSize / 4) {
      buffer.storeBytes(of: Int32(truncatingIfNeeded: word), toByteOffset: word &* 4, as: Int32.self)
    }
  }

  private func writeBigFile() throws(ProgramExit) {
    let block = UnsafeRawBufferPointer(rebasing: buffer[0..<blockSize])
    let descriptor = try must("can't create 'bigfile'") { () throws(SystemCallError) in
      try fileSystem.open(bigFile, flags: .creat, mode: 0o666)
    }
    let empty = try must("can't stat 'bigfile'") { () throws(SystemCallError) in try fileSystem.stat(bigFile) }
    if empty.size != 0 { throw failed("'bigfile' has size \(empty.size), should be 0") }
    for _ in 0..<(fileSize / blockSize) {
      let written = try must("'bigfile' write failed") { () throws(SystemCallError) in
        try fileSystem.write(descriptor, from: block)
      }
      if written != blockSize { throw failed("'bigfile' write failed") }
    }
    try must("can't close bigfile") { () throws(SystemCallError) in try fileSystem.close(descriptor) }
    let full = try must("can't stat 'bigfile'") { () throws(SystemCallError) in try fileSystem.stat(bigFile) }
    if full.size != UInt64(fileSize) { throw failed("'bigfile' has size \(full.size), should be \(fileSize)") }
  }

  private func readBigFile(verify: Bool) throws(ProgramExit) {
    let block = UnsafeMutableRawBufferPointer(rebasing: buffer[0..<blockSize])
    let descriptor = try must("can't open 'bigfile'") { () throws(SystemCallError) in
      try fileSystem.open(bigFile, flags: .read, mode: 0)
    }
    let mapping = try must("can't mmap 'bigfile'") { () throws(SystemCallError) in
      try fileSystem.mmap(descriptor, length: fileSize)
    }
    try must("can't invalidate pages for 'bigfile'") { () throws(SystemCallError) in
      try fileSystem.msyncInvalidate(mapping)
    }
    try must("can't munmap 'bigfile'") { () throws(SystemCallError) in try fileSystem.munmap(mapping) }
    for _ in 0..<(fileSize / blockSize) {
      let length = try must("'bigfile' read failed") { () throws(SystemCallError) in
        try fileSystem.read(descriptor, into: block)
      }
      if length != blockSize { throw failed("'bigfile' read failed") }
      if verify && !blockIsRight() { throw failed("bad data in 'bigfile'") }
    }
    // The original does not look at what this close returns.
    do throws(SystemCallError) { try fileSystem.close(descriptor) } catch { errno = error.code }
  }

  private func blockIsRight() -> Bool {
    var wrong: Int32 = 0
    for word in 0..<(blockSize / 4) {
      let value = buffer.load(fromByteOffset: word &* 4, as: Int32.self)
      wrong |= value ^ Int32(truncatingIfNeeded: word)
    }
    return wrong == 0
  }

  /// ` in S.HH seconds (N bytes/sec)`; N overflows to -2147483648 as the cast from double to int does on x86.
  private func rate(_ nanoseconds: UInt64, _ count: Int) -> String {
    if !timed { return "" }
    let microseconds = nanoseconds / 1000
    if microseconds == 0 { return "\(timing(nanoseconds)) (> \(fileSize * count) bytes/sec)" }
    let elapsed = Double(microseconds / 1_000_000) + Double(microseconds % 1_000_000) / 1_000_000.0
    let rate = Double(fileSize) * (Double(count) / elapsed)
    let number = rate < 2_147_483_648.0 ? Int32(rate) : Int32.min
    return "\(timing(nanoseconds)) (\(number) bytes/sec)"
  }
}
