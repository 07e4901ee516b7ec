// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import KernelMemory

/// mbuf chains in modelled memory, with clusters shared between chains.
///
/// A chain is linked through the bytes of its mbufs, as the kernel does it: the address of the next mbuf at offset 0 (m_next) and that
/// of the cluster at offset 56 (m_ext.ext_buf behind a 24-byte m_hdr and a 28-byte pkthdr; FreeBSD 6 sys/sys/mbuf.h, offsets
/// on i386 computed). Reference counts of clusters are kept beside.
final class MbufLayer {
  /// Bytes of a reply that the first, plain mbuf holds: MLEN = MSIZE 256 − m_hdr 24 on i386 (computed).
  static let plainMbufBytes = 232
  /// Bytes of one cluster (MCLBYTES).
  static let clusterBytes = 2048
  /// Bytes of one TCP segment on Ethernet with time stamps: 1500 − 20 − 20 − 12.
  static let segmentBytes = 1448
  /// Bytes that fit behind the headers in the first mbuf of a segment: MHLEN 204 − max_linkhdr 16 − 52 of TCP/IP (computed).
  static let inlineSegmentBytes = 136
  /// Bytes of a struct sockaddr_in.
  static let socketAddressBytes = 16

  private static let nextOffset = 0
  private static let clusterOffset = 56

  let socketNameType: MallocType
  private let heap: KernelHeap
  private let clusterReferences: UnsafeMutablePointer<UInt16>
  private static let clusterSlots = AddressSpace.size / clusterBytes

  init(heap: KernelHeap) {
    self.heap = heap
    socketNameType = heap.mallocType("soname")
    clusterReferences = .allocate(capacity: Self.clusterSlots)
    clusterReferences.initialize(repeating: 0, count: Self.clusterSlots)
  }

  deinit { clusterReferences.deinitialize(count: Self.clusterSlots).deallocate() }

  /// Segments, and so mbufs with a cluster each, of a record that arrives.
  func segments(of bytes: Int) -> Int { max(1, (bytes + Self.segmentBytes - 1) / Self.segmentBytes) }

  /// Takes the chain of a record that arrives: one mbuf and cluster a segment from the driver's receive ring, and an mbuf for each
  /// acknowledgement that is sent on its own, one for every second full segment (FreeBSD 6 tcp_input, delayed ACK).
  func receive(_ bytes: Int) -> KernelAddress {
    let count = segments(of: bytes)
    var head = KernelAddress.null
    var index = 0
    while index < count {
      head = push(on: head, withCluster: true, .noWait)
      if index & 1 == 1 { heap.free(.mbuf, heap.allocate(.mbuf, .noWait)) }
      index &+= 1
    }
    return head
  }

  /// Builds a reply: one plain mbuf, then clusters (nfsm_build as of reference page "nfsv4-server-state", section 5).
  func build(_ bytes: Int) -> KernelAddress {
    var rest = bytes - Self.plainMbufBytes
    var head = KernelAddress.null
    while rest > 0 {
      head = push(on: head, withCluster: true, .wait)
      rest &-= Self.clusterBytes
    }
    return push(on: head, withCluster: false, .wait)
  }

  /// Sends a reply: per segment one mbuf for the headers, and where the data does not fit behind them one more for each mbuf of the
  /// reply that the segment touches, sharing its cluster; all freed once the driver has sent it (FreeBSD 6 tcp_output).
  func transmit(_ bytes: Int) {
    var sent = 0
    while sent < bytes {
      let length = min(Self.segmentBytes, bytes &- sent)
      let header = heap.allocate(.mbuf, .noWait)
      if length > Self.inlineSegmentBytes {
        let first = heap.allocate(.mbuf, .noWait)
        if Self.sourceMbuf(at: sent) != Self.sourceMbuf(at: sent &+ length &- 1) {
          heap.free(.mbuf, heap.allocate(.mbuf, .noWait))
        }
        heap.free(.mbuf, first)
      }
      heap.free(.mbuf, header)
      sent &+= length
    }
  }

  /// Index of the mbuf of a built reply that holds the byte at `offset`.
  private static func sourceMbuf(at offset: Int) -> Int {
    offset < plainMbufBytes ? 0 : 1 &+ (offset &- plainMbufBytes) / clusterBytes
  }

  /// Copies a chain: plain mbufs are copied, clusters shared (m_copym).
  func copy(_ head: KernelAddress) -> KernelAddress {
    var copied = KernelAddress.null
    var mbuf = head
    while mbuf != .null {
      let cluster = self.cluster(of: mbuf)
      let new = heap.allocate(.mbuf, .noWait)
      guard new != .null else { return copied }
      set(next: copied, cluster: cluster, of: new)
      if cluster != .null { clusterReferences[slot(cluster)] &+= 1 }
      copied = new
      mbuf = next(of: mbuf)
    }
    return copied
  }

  /// Frees a chain and the clusters that nobody else shares (m_freem).
  func freeChain(_ head: KernelAddress) {
    var mbuf = head
    while mbuf != .null {
      let following = next(of: mbuf)
      let cluster = self.cluster(of: mbuf)
      heap.free(.mbuf, mbuf)
      if cluster != .null {
        clusterReferences[slot(cluster)] &-= 1
        if clusterReferences[slot(cluster)] == 0 { heap.free(.mbufCluster, cluster) }
      }
      mbuf = following
    }
  }

  /// Puts an mbuf in front of a chain; where memory is refused the chain stays as it is: the driver drops the frame, and a builder that
  /// may wait has met the kernel's end.
  private func push(on head: KernelAddress, withCluster: Bool, _ wait: WaitPolicy) -> KernelAddress {
    let mbuf = heap.allocate(.mbuf, wait)
    guard mbuf != .null else { return head }
    var cluster = KernelAddress.null
    if withCluster {
      cluster = heap.allocate(.mbufCluster, wait)
      guard cluster != .null else {
        heap.free(.mbuf, mbuf)
        return head
      }
      clusterReferences[slot(cluster)] = 1
    }
    set(next: head, cluster: cluster, of: mbuf)
    return mbuf
  }

  private func set(next: KernelAddress, cluster: KernelAddress, of mbuf: KernelAddress) {
    let bytes = heap.pointer(mbuf)
    bytes.storeBytes(of: UInt32(truncatingIfNeeded: next.rawValue), toByteOffset: Self.nextOffset, as: UInt32.self)
    bytes.storeBytes(
      of: UInt32(truncatingIfNeeded: cluster.rawValue), toByteOffset: Self.clusterOffset, as: UInt32.self)
  }

  private func next(of mbuf: KernelAddress) -> KernelAddress {
    KernelAddress(rawValue: UInt64(heap.pointer(mbuf).load(fromByteOffset: Self.nextOffset, as: UInt32.self)))
  }

  private func cluster(of mbuf: KernelAddress) -> KernelAddress {
    KernelAddress(rawValue: UInt64(heap.pointer(mbuf).load(fromByteOffset: Self.clusterOffset, as: UInt32.self)))
  }

  private func slot(_ cluster: KernelAddress) -> Int {
    Int(truncatingIfNeeded: cluster.rawValue &- AddressSpace.start) / Self.clusterBytes
  }
}
