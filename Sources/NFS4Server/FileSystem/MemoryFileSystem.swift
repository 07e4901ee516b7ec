// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import NFS4

/// The exported file system: inodes, directories and data in the memory of the host.
///
/// Files are known by dense indexes, which are reused (last freed, first used) with a new generation. Nothing here allocates per
/// operation once the tables have grown. Functions throw the NFS status that the client is told.
final class MemoryFileSystem {
  /// Index and fileid of the root directory, as on UFS (ROOTINO).
  static let root = 2
  /// Most links that a file can have (UFS LINK_MAX).
  static let linkLimit: UInt32 = 32_767
  private static let initialInodes = 1024

  private struct Storage {
    var inodes: UnsafeMutablePointer<Inode>
    var capacity: Int
    var count: Int
    var freeHead: Int
    var freeCount: Int
    var pool: BlockPool
    var now: NFSTime
    var isReadOnly: Bool
    var quotas: QuotaTable
  }

  /// Most files.
  let fileLimit: Int
  /// Largest file, bytes.
  let maximumFileSize: UInt64
  private let storage: UnsafeMutablePointer<Storage>

  /// An empty file system.
  ///
  /// - Parameters:
  ///   - spaceLimit: bytes that data may take.
  ///   - fileLimit: most files, the root included.
  ///   - maximumFileSize: largest file in bytes.
  ///   - userQuota: bytes of data that a user may own, nil for no limit.
  init(spaceLimit: Int, fileLimit: Int, maximumFileSize: UInt64, userQuota: Int? = nil) {
    self.fileLimit = max(fileLimit, 1)
    self.maximumFileSize = min(maximumFileSize, UInt64(Int64.max))
    let inodes = UnsafeMutablePointer<Inode>.allocate(capacity: Self.initialInodes)
    inodes.initialize(repeating: Inode(), count: Self.initialInodes)
    storage = .allocate(capacity: 1)
    storage.initialize(
      to: Storage(
        inodes: inodes, capacity: Self.initialInodes, count: Self.root, freeHead: 0, freeCount: 0,
        pool: BlockPool(limit: spaceLimit), now: NFSTime(seconds: 0, nanoseconds: 0),
        isReadOnly: false, quotas: QuotaTable(limit: userQuota)))
    let root = takeInode(kind: .directory, mode: 0o777, uid: 0, gid: 0)
    inodes[root].linkCount = 2
    inodes[root].parent = UInt32(root)
    inodes[root].size = UInt64(DirectoryTable.blockBytes)
  }

  deinit {
    var index = Self.root
    while index < count {
      if inodes[index].kind != Inode.freeKind { releaseContents(of: index) }
      index &+= 1
    }
    storage.pointee.inodes.deinitialize(count: storage.pointee.capacity).deallocate()
    storage.pointee.pool.deallocate()
    storage.pointee.quotas.deallocate()
    storage.deinitialize(count: 1).deallocate()
  }

  /// The inodes; moves when a file is made.
  @inline(__always) var inodes: UnsafeMutablePointer<Inode> { storage.pointee.inodes }
  /// Inodes that were ever used, and the two that never are.
  var count: Int { storage.pointee.count }
  /// Files that exist.
  var fileCount: Int { storage.pointee.count &- Self.root &- storage.pointee.freeCount }
  /// Space of data.
  @inline(__always) var pool: BlockPool {
    get { storage.pointee.pool }
    _modify { yield &storage.pointee.pool }
  }
  /// Data by user.
  @inline(__always) var quotas: QuotaTable {
    get { storage.pointee.quotas }
    _modify { yield &storage.pointee.quotas }
  }
  /// The time that operations stamp files with.
  @inline(__always) var now: NFSTime {
    get { storage.pointee.now }
    set { storage.pointee.now = newValue }
  }

  /// Whether every change is refused: the export is read-only.
  var isReadOnly: Bool {
    get { storage.pointee.isReadOnly }
    set { storage.pointee.isReadOnly = newValue }
  }

  /// Refuses a change of a read-only file system.
  ///
  /// - Throws: NFS4ERR_ROFS.
  @inline(__always)
  func requireWritable() throws(NFSStatus) {
    if isReadOnly { throw .readOnlyFileSystem }
  }

  /// Notes that contents were read.
  @inline(__always)
  func touchAccess(_ file: Int) {
    if !isReadOnly { inodes[file].accessTime = now }
  }

  /// True where a file with this generation exists.
  @inline(__always)
  func exists(_ file: Int, generation: UInt32) -> Bool {
    file >= Self.root && file < count && inodes[file].kind != Inode.freeKind && inodes[file].generation == generation
  }

  /// Takes an inode; the caller has checked ``hasFreeInode``.
  func takeInode(kind: NFSFileType, mode: UInt32, uid: UInt32, gid: UInt32) -> Int {
    let index: Int
    if storage.pointee.freeHead != 0 {
      index = storage.pointee.freeHead
      storage.pointee.freeHead = Int(inodes[index].parent)
      storage.pointee.freeCount &-= 1
    } else {
      if count == storage.pointee.capacity { growInodes() }
      index = count
      storage.pointee.count &+= 1
    }
    let generation = inodes[index].generation
    var inode = Inode()
    inode.generation = generation &+ 1
    inode.kind = kind.rawValue
    inode.mode = mode & 0o7777
    inode.uid = uid
    inode.gid = gid
    inode.change = 1
    inode.accessTime = now
    inode.modifyTime = now
    inode.metadataTime = now
    inodes[index] = inode
    return index
  }

  /// True while another file can be made.
  var hasFreeInode: Bool { fileCount < fileLimit }

  /// Gives the file's contents and inode back; there must be no link and no open.
  func destroy(_ file: Int) {
    releaseContents(of: file)
    let generation = inodes[file].generation
    inodes[file] = Inode()
    inodes[file].generation = generation
    inodes[file].parent = UInt32(truncatingIfNeeded: storage.pointee.freeHead)
    storage.pointee.freeHead = file
    storage.pointee.freeCount &+= 1
  }

  /// Notes a change of attributes alone.
  @inline(__always)
  func touchMetadata(_ file: Int) {
    inodes[file].change &+= 1
    inodes[file].metadataTime = now
  }

  /// Notes a change of contents.
  @inline(__always)
  func touchContents(_ file: Int) {
    inodes[file].change &+= 1
    inodes[file].modifyTime = now
    inodes[file].metadataTime = now
  }

  private func releaseContents(of file: Int) {
    if inodes[file].blocks != nil { dropBlocks(of: file, from: 0) }
    if let table = inodes[file].directory {
      pool.refund(table.pointee.grownBytes)
      table.pointee.deallocate()
      table.deinitialize(count: 1).deallocate()
      inodes[file].directory = nil
    }
    if let text = inodes[file].linkText {
      pool.refund(Int(inodes[file].size))
      text.deallocate()
      inodes[file].linkText = nil
    }
  }

  private func growInodes() {
    let capacity = storage.pointee.capacity
    let grown = UnsafeMutablePointer<Inode>.allocate(capacity: capacity &* 2)
    grown.moveInitialize(from: inodes, count: capacity)
    (grown + capacity).initialize(repeating: Inode(), count: capacity)
    storage.pointee.inodes.deallocate()
    storage.pointee.inodes = grown
    storage.pointee.capacity = capacity &* 2
  }
}
