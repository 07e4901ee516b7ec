// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import KernelMemory
import NFS4

/// The duplicate request cache (FreeBSD 8.1 sys/fs/nfsserver/nfs_nfsdcache.c).
extension ServerCore {
  /// Bytes of a request that its checksum covers.
  static let checksumBytes = 100
  /// Seconds that a saved reply is kept whose acknowledgement is never seen (NFSRVCACHE_TCPTIMEOUT: 12 hours).
  static let savedReplySeconds: UInt32 = 43_200

  /// A sum of the first bytes of a request, which tells a retransmission from a new request with an old xid.
  static func checksum(_ request: UnsafeRawBufferPointer) -> UInt32 {
    let count = min(request.count, checksumBytes)
    var sum: UInt32 = 0
    var index = 0
    while index &+ 4 <= count {
      sum = (sum << 1 | sum >> 31) &+ request.loadUnaligned(fromByteOffset: index, as: UInt32.self)
      index &+= 4
    }
    while index < count {
      sum = (sum << 1 | sum >> 31) &+ UInt32(request[index])
      index &+= 1
    }
    return sum
  }

  /// Enters a request (nfsrvd_getcache, nfsrc_gettcp).
  ///
  /// - Returns: the new entry, and the older one that has the reply already: it came on another connection, is the only one that
  ///   matches, and no owner points at it. With a hit the new entry is freed.
  func enterRequest(
    xid: UInt32, arguments: UnsafeRawBufferPointer, connection: UInt32
  ) throws(NFSStatus) -> (entry: ReplyRecord, hit: Bool) {
    let new = reply(try mallocZeroed(layout.replyCache, types.replyCache))
    let length = UInt32(truncatingIfNeeded: arguments.count)
    let checksum = Self.checksum(arguments)
    let head = Self.head(cacheHeads, xid)
    var matches = 0
    var hit: KernelLink = 0
    var link = head[word: 0]
    while link != 0 {
      let entry = reply(link)
      if entry.xid == xid, entry.requestLength == length, entry.checksum == checksum {
        matches &+= 1
        if entry.references == 0, entry.connection != connection, entry.has(ReplyRecord.hasReply),
          entry.storage != 0
        {
          hit = link
        }
      }
      link = next(link, offset: ReplyRecord.hashOffset)
    }
    if matches == 1 && hit != 0 {
      free(new.link, types.replyCache)
      variables.pointee.counters.cacheHits &+= 1
      return (reply(hit), true)
    }
    new.xid = xid
    new.requestLength = length
    new.checksum = checksum
    new.connection = connection
    new.flags = ReplyRecord.inProgress
    insert(new.link, at: head, offset: ReplyRecord.hashOffset)
    variables.pointee.cacheEntries &+= 1
    return (new, false)
  }

  /// Ends a request (nfsrvd_updatecache): the entry goes at once, unless an owner points at it, or the compound changed the file
  /// system and fewer replies are saved than the flood level.
  ///
  /// - Parameters:
  ///   - entry: the entry of the request.
  ///   - saves: whether the compound held an operation whose reply is saved.
  ///   - reply: the reply's bytes.
  ///   - slot: the connection, whose reply chain is built.
  func completeRequest(_ entry: ReplyRecord, saves: Bool, reply: UnsafeRawBufferPointer, slot: Int) {
    entry.flags &= ~ReplyRecord.inProgress
    let isReferenced = entry.references > 0
    let isKept = isReferenced || (saves && variables.pointee.savedReplies <= configuration.replyCacheFloodLevel)
    if isKept {
      entry.reply = kernel.copyReply(connections.slots[slot].buffers).link
      entry.storage = variables.pointee.replies.keep(reply)
      entry.flags |= ReplyRecord.hasReply
      entry.expiry = seconds &+ Self.savedReplySeconds
      variables.pointee.savedReplies &+= 1
      variables.pointee.counters.savedReplies &+= 1
    } else {
      freeEntry(entry)
    }
    trim(slot: slot)
    if isKept && !isReferenced {
      entry.bytes[word: ReplyRecord.listOffset] = 0
      connections.slots[slot].savedHead = entry.link
    }
  }

  /// A reply that was sent before this request is acknowledged by it (nfsrc_trimcache, nfsrc_activesocket): saved replies of the
  /// connection go, and those whose time is over.
  ///
  /// The original walks every chain and finds the same entries; a connection here lists its own.
  func trim(slot: Int) {
    var link = connections.slots[slot].savedHead
    connections.slots[slot].savedHead = 0
    while link != 0 {
      let entry = reply(link)
      link = next(link, offset: ReplyRecord.listOffset)
      freeEntry(entry)
    }
    while variables.pointee.orphanHead != 0 {
      let entry = reply(variables.pointee.orphanHead)
      guard entry.expiry < seconds else { return }
      popOrphan()
      freeEntry(entry)
    }
  }

  /// The connection is gone: nothing acknowledges its saved replies any more, so they stay until their time is over.
  func orphanReplies(slot: Int) {
    var link = connections.slots[slot].savedHead
    connections.slots[slot].savedHead = 0
    while link != 0 {
      let following = next(link, offset: ReplyRecord.listOffset)
      insertOrphan(link)
      link = following
    }
  }

  /// Enters a reply in the list of orphans, which is in the order of their times.
  private func insertOrphan(_ link: KernelLink) {
    let entry = reply(link)
    var before = variables.pointee.orphanTail
    while before != 0 && reply(before).expiry > entry.expiry {
      before = bytes(before)[word: ReplyRecord.listOffset &+ 4]
    }
    let after = before == 0 ? variables.pointee.orphanHead : next(before, offset: ReplyRecord.listOffset)
    entry.bytes[word: ReplyRecord.listOffset] = after
    entry.bytes[word: ReplyRecord.listOffset &+ 4] = before
    if before == 0 { variables.pointee.orphanHead = link } else { bytes(before)[word: ReplyRecord.listOffset] = link }
    if after == 0 {
      variables.pointee.orphanTail = link
    } else {
      bytes(after)[word: ReplyRecord.listOffset &+ 4] = link
    }
  }

  private func popOrphan() {
    let after = next(variables.pointee.orphanHead, offset: ReplyRecord.listOffset)
    variables.pointee.orphanHead = after
    if after == 0 { variables.pointee.orphanTail = 0 } else { bytes(after)[word: ReplyRecord.listOffset &+ 4] = 0 }
  }

  /// An owner no longer points at an entry, which goes with the last one (nfsrvd_derefcache).
  func dropReference(_ entry: ReplyRecord) {
    entry.references &-= 1
    if entry.references == 0 && !entry.has(ReplyRecord.inProgress) { freeEntry(entry) }
  }

  /// Frees an entry and its reply (nfsrc_freecache).
  func freeEntry(_ entry: ReplyRecord) {
    remove(entry.link, from: Self.head(cacheHeads, entry.xid), offset: ReplyRecord.hashOffset)
    if entry.has(ReplyRecord.hasReply) {
      kernel.freeChain(KernelAddress(link: entry.reply))
      variables.pointee.replies.drop(entry.storage)
      variables.pointee.savedReplies &-= 1
    }
    variables.pointee.cacheEntries &-= 1
    free(entry.link, types.replyCache)
  }
}
