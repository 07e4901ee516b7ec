// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import NFS4Client
import Testing

@Suite struct NFSURLTests {
  @Test(arguments: [
    ("nfs://host/path", "host", UInt16(2049), "/path"), ("nfs://host", "host", 2049, "/"),
    ("nfs://host/", "host", 2049, "/"),
    ("nfs://host:20490/a/b/", "host", 20490, "/a/b"), ("NFS://127.0.0.1:1/", "127.0.0.1", 1, "/"),
    ("nfs://[::1]:2050//x//y", "::1", 2050, "/x/y"), ("nfs://[fe80::1]/", "fe80::1", 2049, "/"),
    ("nfs://host/a%20b", "host", 2049, "/a b"), ("nfs://h:65535/%c3%a9", "h", 65535, "/é"),
  ])
  func addressesAreRead(_ text: String, _ host: String, _ port: UInt16, _ path: String) throws {
    let url = try NFSURL(text)
    #expect(url.host == host)
    #expect(url.port == port)
    #expect(url.path == path)
  }

  @Test(arguments: [
    ("http://host/", NFSURLError.scheme("http://host/")), ("host:/path", .scheme("host:/path")), ("", .scheme("")),
    ("nfs:///path", .noHost("nfs:///path")), ("nfs://:2049/", .noHost("nfs://:2049/")),
    ("nfs://host:/p", .port("", in: "nfs://host:/p")), ("nfs://host:0/", .port("0", in: "nfs://host:0/")),
    ("nfs://host:65536/", .port("65536", in: "nfs://host:65536/")),
    ("nfs://host:+20/", .port("+20", in: "nfs://host:+20/")), ("nfs://host:2x/", .port("2x", in: "nfs://host:2x/")),
    ("nfs://[::1/", .bracket("nfs://[::1/")), ("nfs://[::1]2049/", .bracket("nfs://[::1]2049/")),
    ("nfs://host/%2", .path("nfs://host/%2")), ("nfs://host/%zz", .path("nfs://host/%zz")),
    ("nfs://host/%00", .path("nfs://host/%00")), ("nfs://host/%ff", .path("nfs://host/%ff")),
    ("nfs://host/%+1", .path("nfs://host/%+1")),
  ])
  func whatIsNoAddressIsRefusedInOneLine(_ text: String, _ error: NFSURLError) {
    #expect(throws: error) { try NFSURL(text) }
    #expect(error.description.contains(text))
    #expect(!error.description.contains("\n"))
  }

  @Test func aPrintedAddressReadsTheSame() throws {
    for text in ["nfs://host/path", "nfs://[::1]:77/", "nfs://10.0.0.1:1/a/b"] {
      let url = try NFSURL(text)
      #expect(try NFSURL(url.description) == url)
    }
  }
}
