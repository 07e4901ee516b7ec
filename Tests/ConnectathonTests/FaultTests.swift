// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import Connectathon
import NFS4Client
import Testing

/// What a fault must be reported as: by which program, with which first line, and with which exit status.
private struct Expectation: Sendable {
  var test: Int
  /// Without the working directory, which stands between the parentheses.
  var message: String
  var status: Int32 = 1
}

private let expectations: [Fault: Expectation] = [
  .createFails: .init(test: 1, message: "creat file.1 failed : Input/output error"),
  .closeFails: .init(test: 1, message: "close N failed : Input/output error"),
  .mkdirFails: .init(test: 1, message: "mkdir dir.1 failed : Permission denied"),
  .chdirFails: .init(test: 1, message: "chdir dir.1 failed : Permission denied"),
  .chdirUpFails: .init(test: 1, message: "chdir .. failed : Input/output error"),
  .unlinkInTreeFails: .init(test: 2, message: "unlink file.0 failed : Input/output error"),
  .rmdirInTreeFails: .init(test: 2, message: "rmdir dir.0 failed : Input/output error"),
  .directoryNotEmpty: .init(test: 2, message: "rmdir dir.0 failed : Directory not empty"),
  .statOfOwnPathFails: .init(test: 3, message: "can't stat DIR after getcwd : Permission denied"),
  .chmodFails: .init(test: 4, message: "can't chmod 0 file.0 : Operation not permitted", status: 0),
  .chmodIsWrong: .init(test: 4, message: "file.4 has mode 606 after chmod 0"),
  .chmodOfReadWriteDoesNothing: .init(test: 4, message: "file.0 has mode 0 after chmod 0666"),
  .statAfterChmodFails: .init(test: 4, message: "can't stat file.0 after CMOD_NONE : Input/output error"),
  .truncationDoesNothing: .init(test: 5, message: "'bigfile' has size 1048576, should be 0"),
  .writeIsShort: .init(test: 5, message: "'bigfile' write failed"),
  .writeFails: .init(test: 5, message: "'bigfile' write failed : No space left on device"),
  .sizeIsWrong: .init(test: 5, message: "'bigfile' has size 1048575, should be 1048576"),
  .wordIsWrong: .init(test: 5, message: "bad data in 'bigfile'"),
  .readIsShort: .init(test: 5, message: "'bigfile' read failed"),
  .mmapFails: .init(test: 5, message: "can't mmap 'bigfile' : No such device"),
  .msyncFails: .init(test: 5, message: "can't invalidate pages for 'bigfile' : Device or resource busy"),
  .munmapFails: .init(test: 5, message: "can't munmap 'bigfile' : Invalid argument"),
  .bigFileIsGone: .init(test: 5, message: "can't open 'bigfile' : No such file or directory"),
  .bigFileStays: .init(test: 5, message: "can't unlink 'bigfile' : Device or resource busy"),
  .dotIsMissing: .init(test: 6, message: "didn't read '.' dir entry, pass 0"),
  .dotDotIsMissing: .init(test: 6, message: "didn't read '..' dir entry, pass 0"),
  .dotTwice: .init(test: 6, message: "'.' dir entry read twice"),
  .dotDotTwice: .init(test: 6, message: "'..' dir entry read twice"),
  .entryIsMissing: .init(test: 6, message: "didn't read expected 'file.77' dir entry, pass 0"),
  .entryTwice: .init(test: 6, message: "duplicate 'file.12' dir entry read"),
  .entryIsForeign: .init(test: 6, message: "unexpected dir entry 'core'"),
  .removedEntryStays: .init(test: 6, message: "unlinked 'file.0' dir entry read pass 1"),
  .unlinkInListFails: .init(test: 6, message: "can't unlink file.0 : Device or resource busy"),
  .opendirFails: .init(test: 6, message: "can't opendir . : Permission denied"),
  .renameFails: .init(test: 7, message: "can't rename file.7 to newfile.7 : File exists"),
  .oldNameStays: .init(test: 7, message: "file.5 exists after rename to newfile.5 : No such file or directory"),
  .newNameIsMissing: .init(
    test: 7, message: "can't stat newfile.2 after rename from file.2 : No such file or directory"),
  // errno is that of the stat() of the old name before, which is meant to fail.
  .linksAfterRename: .init(
    test: 7, message: "newfile.3 has 3 links after rename (expect 1) : No such file or directory"),
  .linksAfterLinkOfNew: .init(
    test: 7, message: "newfile.3 has 1 links after link (expect 2) : No such file or directory"),
  .linksAfterLinkOfOld: .init(
    test: 7, message: "file.3 has 1 links after link (expect 2) : No such file or directory"),
  .linksAfterUnlink: .init(
    test: 7, message: "file.3 has 2 links after unlink (expect 1) : No such file or directory"),
  .linkFails: .init(test: 7, message: "can't link newfile.0 to file.0 : Too many links"),
  .symlinkFails: .init(test: 8, message: "can't make symlink file.0 : No space left on device"),
  .symlinkIsFile: .init(test: 8, message: "mode of file.0 not symlink"),
  .linkTextTooLong: .init(test: 8, message: "readlink file.0 ret 20, expect 19"),
  .linkTextIsWrong: .init(test: 8, message: "readlink file.0 returned bad linkname"),
  .readlinkFails: .init(test: 8, message: "readlink file.0 ret -1, expect 19 : Input/output error"),
  .statfsFails: .init(test: 9, message: "can't do statfs on \".\" : Input/output error"),
]

@Suite struct FaultTests {
  private func run(_ fault: Fault, _ variant: ConnectathonOptions.Variant) throws -> LocalRun {
    try LocalRun(variant) { FaultyFileSystem($0, fault) }
  }

  /// The first error line without the part in parentheses; numbers of descriptors become N, the test directory DIR.
  private func message(_ run: LocalRun, _ test: Int) throws -> String {
    let line = try #require(run.errors.lines.first)
    let prefix = "\t./test\(test): (\(run.testDirectory)"
    #expect(line.hasPrefix(prefix), "\(line)")
    let end = try #require(line.firstRange(of: ") "))
    var text = String(line[end.upperBound...]).replacing(run.testDirectory, with: "DIR")
    if text.hasPrefix("close ") { text = "close N" + text.drop { $0 != " " }.dropFirst().drop { $0 != " " } }
    return text
  }

  @Test(arguments: Fault.allCases.filter { expectations[$0] != nil })
  func everyFaultIsReportedByTheRightTestInTheOriginalsWords(_ fault: Fault) throws {
    let expected = try #require(expectations[fault])
    // A quick pass reads the directory only once, so nothing removed could show.
    let run = try run(fault, fault == .removedEntryStays || fault == .truncationDoesNothing ? .timed : .functional)
    #expect(try message(run, expected.test) == expected.message)
    let result = try #require(run.runner.results.first { !$0.ok })
    #expect(result.name == "test\(expected.test)")
    #expect(result.status == expected.status)
    #expect(result.error?.hasPrefix("./test\(expected.test): (") == true)
    #expect(!run.output.lines.contains("\t./test\(expected.test) ok."))
    if expected.status == 0 {
      // test4 exits 0 after a failing chmod, and the suite goes on.
      #expect(run.failure == nil)
      #expect(run.runner.results.count == 9)
      #expect(run.output.lines.last == "All tests completed")
    } else {
      #expect(run.failure?.test == "test\(expected.test)")
      #expect(run.failure?.message == result.error)
      #expect(run.runner.results.count == expected.test)
      #expect(run.output.lines.last == "basic tests failed")
    }
  }

  @Test func everyFaultHasATest() {
    let elsewhere: Set<Fault> = [.getcwdFails, .linkNotSupported, .symlinkNotSupported]
    for fault in Fault.allCases { #expect((expectations[fault] != nil) != elsewhere.contains(fault), "\(fault)") }
  }

  @Test func aFailingGetcwdIsReportedWithoutAWorkingDirectory() throws {
    let run = try run(.getcwdFails, .functional)
    #expect(run.errors.lines == ["./test3: getcwd failed"])
    #expect(run.failure?.test == "test3")
  }

  @Test(arguments: [(Fault.linkNotSupported, 7), (Fault.symlinkNotSupported, 8)])
  func aFileSystemWithoutLinksPasses(_ fault: Fault, _ test: Int) throws {
    let run = try run(fault, .functional)
    #expect(run.failure == nil)
    #expect(run.errors.lines.count == 1)
    #expect(run.errors.lines[0].hasSuffix(" : Operation not supported"))
    #expect(run.output.lines.contains("\t./test\(test) ok."))
    #expect(run.runner.results.allSatisfy { $0.ok })
  }

  @Test func severalErrorsOfReaddirAreCounted() throws {
    let run = try run(.entryIsMissing, .functional)
    #expect(run.errors.lines.count == 2)
    #expect(run.errors.lines[1].hasSuffix(") Test failed with 1 errors"))
  }
}
