// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import KernelModel

/// One transport connection.
struct Connection {
  /// The transport's number of the connection.
  var id: UInt64
  /// The server's own number: never used again, so that a cache entry can tell its connection from later ones.
  var serial: UInt32
  var isOpen: Bool
  /// What the connection keeps in modelled memory.
  var buffers: ConnectionBuffers
  /// Saved replies that the client has not acknowledged yet.
  var savedHead: KernelLink
  /// Index of the only client that was seen to use the connection, 0 for none yet.
  var client: UInt32 = 0
}

/// The open connections, found by the transport's number.
final class ConnectionTable {
  private struct Storage {
    var slots: UnsafeMutablePointer<Connection>
    var capacity = 16
    var used = 0
    /// Where the last search ended: one client sends many requests in a row.
    var last = 0
    var serials: UInt32 = 0
  }

  private let storage: UnsafeMutablePointer<Storage>

  init() {
    storage = .allocate(capacity: 1)
    storage.initialize(to: Storage(slots: .allocate(capacity: 16)))
  }

  deinit {
    storage.pointee.slots.deinitialize(count: storage.pointee.used).deallocate()
    storage.deinitialize(count: 1).deallocate()
  }

  /// The connections; moves when one is added.
  @inline(__always) var slots: UnsafeMutablePointer<Connection> { storage.pointee.slots }

  /// Connections that are open.
  var openCount: Int {
    var count = 0
    for index in 0..<storage.pointee.used where slots[index].isOpen { count += 1 }
    return count
  }

  /// Empties the lists of saved replies, whose entries the caller frees.
  func forgetSavedReplies() {
    for index in 0..<storage.pointee.used { slots[index].savedHead = 0 }
  }

  /// Forgets which clients use the connections: their ids are those of an instance that is gone.
  func forgetClients() {
    for index in 0..<storage.pointee.used { slots[index].client = 0 }
  }

  /// The slot of a connection, -1 if it is not open.
  @inline(__always)
  func find(_ id: UInt64) -> Int {
    let last = storage.pointee.last
    if last < storage.pointee.used && slots[last].isOpen && slots[last].id == id { return last }
    var index = 0
    while index < storage.pointee.used {
      if slots[index].isOpen && slots[index].id == id {
        storage.pointee.last = index
        return index
      }
      index &+= 1
    }
    return -1
  }

  /// Adds a connection that is not there.
  func add(_ id: UInt64, _ buffers: ConnectionBuffers) -> Int {
    storage.pointee.serials &+= 1
    let connection = Connection(
      id: id, serial: storage.pointee.serials, isOpen: true, buffers: buffers, savedHead: 0)
    for index in 0..<storage.pointee.used where !slots[index].isOpen {
      slots[index] = connection
      return index
    }
    if storage.pointee.used == storage.pointee.capacity {
      let grown = UnsafeMutablePointer<Connection>.allocate(capacity: storage.pointee.capacity &* 2)
      grown.moveInitialize(from: slots, count: storage.pointee.used)
      slots.deallocate()
      storage.pointee.slots = grown
      storage.pointee.capacity &*= 2
    }
    (slots + storage.pointee.used).initialize(to: connection)
    storage.pointee.used &+= 1
    return storage.pointee.used &- 1
  }
}
