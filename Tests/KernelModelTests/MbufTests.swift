// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import KernelMemory
import Testing

@testable import KernelModel

@Suite struct MbufTests {
  @Test func aSmallRPCTakesAndReturnsItsMbufs() throws {
    let kernel = try bootKernel()
    var connection = kernel.openConnection()
    kernel.beginRPC(connection: &connection, requestBytes: 200)
    #expect(connection.requestMbufs == 1)
    #expect(kernel.used("mbuf") == 1 && kernel.used("mbuf_cluster") == 1)
    kernel.buildReply(connection: &connection, replyBytes: 120)
    #expect(kernel.used("mbuf") == 2 && kernel.used("mbuf_cluster") == 1)
    kernel.endRPC(connection: &connection)
    #expect(kernel.used("mbuf") == 1 && kernel.used("mbuf_cluster") == 0, "the reply waits for its acknowledgement")
    kernel.beginRPC(connection: &connection, requestBytes: 200)
    #expect(kernel.used("mbuf") == 1)
    kernel.endRPC(connection: &connection)
    kernel.closeConnection(&connection)
    #expect(kernel.used("mbuf") == 0 && kernel.used("mbuf_cluster") == 0 && kernel.used("socket") == 0)
    #expect(kernel.inUse("soname") == 0)
  }

  @Test(arguments: [(232, 1, 0), (233, 2, 1), (2280, 2, 1), (2281, 3, 2), (16_418, 9, 8)])
  func aReplyIsOnePlainMbufAndThenClusters(bytes: Int, mbufs: Int, clusters: Int) throws {
    let kernel = try bootKernel()
    var connection = kernel.openConnection()
    kernel.buildReply(connection: &connection, replyBytes: bytes)
    #expect(kernel.used("mbuf") == mbufs)
    #expect(kernel.used("mbuf_cluster") == clusters)
  }

  @Test func a32KiBWriteArrivesIn23Segments() throws {
    let kernel = try bootKernel()
    var connection = kernel.openConnection()
    kernel.beginRPC(connection: &connection, requestBytes: 32_936)
    #expect(connection.requestMbufs == 23)
    #expect(kernel.used("mbuf") == 23 && kernel.used("mbuf_cluster") == 23)
    kernel.endRPC(connection: &connection)
    #expect(kernel.used("mbuf") == 0)
  }

  @Test func aCopiedReplyKeepsItsClustersUntilBothAreFreed() throws {
    let kernel = try bootKernel()
    var connection = kernel.openConnection()
    kernel.buildReply(connection: &connection, replyBytes: 5000)
    let clusters = kernel.used("mbuf_cluster")
    let copy = kernel.copyReply(connection)
    #expect(kernel.used("mbuf_cluster") == clusters, "clusters are shared")
    #expect(kernel.used("mbuf") == 2 * (clusters + 1))
    kernel.closeConnection(&connection)
    #expect(kernel.used("mbuf_cluster") == clusters && kernel.used("mbuf") == clusters + 1)
    kernel.freeChain(copy)
    #expect(kernel.used("mbuf_cluster") == 0 && kernel.used("mbuf") == 0)
  }

  @Test func onFreeBSD4MbufsLieOutsideOfTheKernelMap() throws {
    let kernel = try bootKernel(model: "freebsd-4")
    let before = kernel.heap.allocator.mapUsedBytes
    var connection = kernel.openConnection()
    let opened = kernel.heap.allocator.mapUsedBytes
    kernel.beginRPC(connection: &connection, requestBytes: 32_936)
    #expect(kernel.heap.allocator.mapUsedBytes == opened)
    #expect(opened - before <= 8192, "a connection costs malloc(9) its address alone")
  }
}
