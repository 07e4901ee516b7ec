// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import NFS4

/// The arguments of an OPEN, and what becomes of its owner's structure.
struct OpenRequest {
  var sequence: UInt32 = 0
  var access: UInt32 = 0
  var deny: UInt32 = 0
  var clientID: UInt64 = 0
  /// Who opens.
  var uid: UInt32 = 0
  var flavor: UInt32 = 0
  var creates = false
  /// createmode4.
  var createMode: UInt32 = NFSOpen.unchecked
  var verifier: UInt64 = 0
  var attributes = SettableAttributes()
  /// Why the attributes cannot be set, ok if they can.
  var attributesStatus = NFSStatus.ok
  var claim: UInt32 = NFSOpen.claimNull
  var name = UnsafeRawBufferPointer(start: nil, count: 0)
  /// open_delegation_type4 that a reclaim names.
  var reclaimedDelegation: UInt32 = 0
  /// The delegation that CLAIM_DELEGATE_CUR opens under.
  var delegation = Stateid.anonymous
  /// The structure made for the owner while the arguments were read; 0 once it is the owner itself.
  var owner: KernelLink = 0

  /// Reads openflag4 and open_claim4.
  mutating func readHowAndClaim(_ c: inout Compound) throws(NFSStatus) {
    switch try c.word() {
    case NFSOpen.noCreate: break
    case NFSOpen.create: try readCreate(&c)
    default: throw .badXDR
    }
    claim = try c.word()
    switch claim {
    case NFSOpen.claimNull: name = try c.name()
    case NFSOpen.claimPrevious:
      reclaimedDelegation = try c.word()
      guard reclaimedDelegation <= NFSOpen.delegateWrite else { throw .badXDR }
    case NFSOpen.claimDelegateCurrent:
      delegation = try c.stateid()
      name = try c.name()
    case NFSOpen.claimDelegatePrevious: name = try c.name()
    default: throw .badXDR
    }
  }

  private mutating func readCreate(_ c: inout Compound) throws(NFSStatus) {
    creates = true
    createMode = try c.word()
    switch createMode {
    case NFSOpen.unchecked, NFSOpen.guarded:
      attributesStatus = try c.settable(into: &attributes).status
    case NFSOpen.exclusive: verifier = try c.long()
    default: throw .badXDR
    }
  }

  /// Checks the share reservation (RFC 7530 section 16.16.5).
  var shareStatus: NFSStatus {
    access >= NFSOpen.accessRead && access <= NFSOpen.accessBoth && deny <= 3 ? .ok : .invalid
  }

  /// Whether the OPEN reclaims what was there before a restart of the service.
  var reclaims: Bool { claim == NFSOpen.claimPrevious }
}

/// What an OPEN answers.
struct OpenResult {
  var stateid = Stateid.anonymous
  var flags: UInt32 = 0
  var file = 0
  var set: AttributeMask = []
  var changeBefore: UInt64 = 0
  var changeAfter: UInt64 = 0
  /// Whether the opener may read the file.
  var mayRead = false
  /// The delegation that comes with the open.
  var delegation: DelegationRecord? = nil
}
