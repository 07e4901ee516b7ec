// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import NFS4

/// What a lookup is for: the LOOKUP_ flags of Linux, the nameiop of BSD.
struct LookupIntent: OptionSet {
  let rawValue: UInt8
  /// open(2) of any kind, opendir(3) too (LOOKUP_OPEN).
  static let open = LookupIntent(rawValue: 1)
  /// The result must be a directory (LOOKUP_DIRECTORY).
  static let directory = LookupIntent(rawValue: 2)
  /// The name may be made (LOOKUP_CREATE).
  static let create = LookupIntent(rawValue: 4)
  /// The name must not exist (LOOKUP_EXCL).
  static let exclusive = LookupIntent(rawValue: 8)
  /// Target of a rename (LOOKUP_RENAME_TARGET).
  static let renameTarget = LookupIntent(rawValue: 16)
  /// New name of a link; the BSD client believes a negative entry here.
  static let linkTarget = LookupIntent(rawValue: 32)
}

/// What a lookup found.
enum LookupResult {
  /// The file.
  case found(Int)
  /// The name does not exist, or the client does not care (Linux, exclusive creation).
  case absent
  /// Not known: OPEN itself will find out (Linux atomic_open).
  case unknown
}

extension NFSClient {
  /// Looks a name up in a directory whose search permission has been checked.
  func lookup(
    _ directory: Int, _ name: UnsafeRawBufferPointer, _ intent: LookupIntent
  ) throws(NFSClientFailure) -> LookupResult {
    guard name.count <= NameTable.nameLimit else { throw .local(.nameTooLong) }
    nodes[directory].lastCall = callNumber
    let result = isLinux ? try linuxLookup(directory, name, intent) : try bsdLookup(directory, name, intent)
    if case .found(let index) = result { nodes[index].lastCall = callNumber }
    return result
  }

  /// Looks up a name that must exist.
  func lookupExisting(
    _ directory: Int, _ name: UnsafeRawBufferPointer, _ intent: LookupIntent
  ) throws(NFSClientFailure) -> Int {
    switch try lookup(directory, name, intent) {
    case .found(let index): return index
    case .absent, .unknown: throw .local(.noEntry)
    }
  }

  /// LOOKUP, and the name as the reply says; `.absent` for NFS4ERR_NOENT.
  private func lookupRemotely(
    _ directory: Int, _ name: UnsafeRawBufferPointer
  ) throws(NFSClientFailure) -> LookupResult {
    // nfs_save_change_attribute() before the RPC: a change in between shows.
    let verifier = nodes[directory].verifier
    do throws(NFSClientFailure) {
      let (index, _) = try rpcLookup(directory, name)
      try enter(directory, name, node: index, verifier: verifier)
      return .found(index)
    } catch {
      guard error.isNoEntry else { throw error }
      try enter(directory, name, node: -1, verifier: verifier)
      return .absent
    }
  }

  // MARK: Linux (fs/nfs/dir.c)

  /// nfs_check_verifier(): the name is as the directory was when it last changed, and the directory's attributes are
  /// fresh.
  private func verifierIsCurrent(_ directory: Int, _ entry: Int) throws(NFSClientFailure) -> Bool {
    guard entries[entry].verifier == nodes[directory].verifier else { return false }
    if nodes[directory].stale.contains(.change) || expired(directory) { try rpcGetAttributes(directory) }
    return entries[entry].verifier == nodes[directory].verifier
  }

  private func linuxLookup(
    _ directory: Int, _ name: UnsafeRawBufferPointer, _ intent: LookupIntent
  ) throws(NFSClientFailure) -> LookupResult {
    if let entry = nameTable.find(directory, name) {
      let index = Int(entries[entry].node)
      if index < 0 {
        // nfs_neg_need_reval()
        if !intent.isDisjoint(with: [.create, .renameTarget]) { return .absent }
        if intent.contains(.open) && !intent.contains(.directory) { return .unknown }
        if try verifierIsCurrent(directory, entry) { return .absent }
      } else if try revalidate(directory, entry, index, intent) {
        return .found(index)
      } else if let again = nameTable.find(directory, name) {
        forget(again)
      }
    }
    // nfs_lookup(): nothing is asked where the name must not exist or does not matter.
    if intent.contains([.create, .exclusive]) || intent.contains(.renameTarget) { return .absent }
    if intent.contains(.open) && !intent.contains(.directory) { return .unknown }
    return try lookupRemotely(directory, name)
  }

  /// nfs4_do_lookup_revalidate() and nfs_do_lookup_revalidate() of a name that leads to a file.
  private func revalidate(
    _ directory: Int, _ entry: Int, _ index: Int, _ intent: LookupIntent
  ) throws(NFSClientFailure) -> Bool {
    nodes[index].lastCall = callNumber
    let opensFile = intent.contains(.open) && !intent.contains(.directory) && nodes[index].isRegular
    if !intent.contains(.exclusive), try verifierIsCurrent(directory, entry) {
      if opensFile { return true }
      // nfs_lookup_verify_inode(): opening a directory asks the server (close-to-open).
      if intent.contains(.open) && nodes[index].isDirectory { try rpcGetAttributes(index) }
      return nodes[index].attributes.linkCount > 0
    }
    // nfs_lookup_revalidate_dentry()
    let verifier = nodes[directory].verifier
    do throws(NFSClientFailure) {
      let (found, _) = try rpcLookup(directory, nameTable.name(entry))
      guard found == index else {
        freeIfUnused(found)
        return false
      }
      entries[entry].verifier = verifier
      return true
    } catch {
      guard error.isNoEntry || error.systemCallError == .stale else { throw error }
      return false
    }
  }

  // MARK: BSD (fs/nfsclient/nfs_clvnops.c, nfs_lookup)

  private func bsdLookup(
    _ directory: Int, _ name: UnsafeRawBufferPointer, _ intent: LookupIntent
  ) throws(NFSClientFailure) -> LookupResult {
    if let entry = nameTable.find(directory, name) {
      let index = Int(entries[entry].node)
      if index >= 0 {
        nodes[index].lastCall = callNumber
        // A hit counts if the file is still there; the attributes are read again if they are too old.
        do throws(NFSClientFailure) {
          if expired(index) && nodes[index].dirtyBlocks == 0 { try rpcGetAttributes(index) }
          return .found(index)
        } catch {
          guard error.systemCallError == .stale || error.isNoEntry else { throw error }
          if let again = nameTable.find(directory, name) { forget(again) }
        }
      } else {
        // A name that did not exist counts while the directory has not changed, but not where it is to be made.
        let believed =
          entries[entry].verifier == nodes[directory].verifier
          && clock.nanoseconds &- entries[entry].nanoseconds < Self.bsdBelief
        let makes = !intent.isDisjoint(with: [.create, .renameTarget]) && !intent.contains(.linkTarget)
        if believed && !makes { return .absent }
        forget(entry)
      }
    }
    return try lookupRemotely(directory, name)
  }
}
