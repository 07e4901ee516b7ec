// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import NFS4

/// VERIFY and NVERIFY (RFC 7530 sections 16.15 and 16.35).
extension ServerCore {
  /// VERIFY goes on where every attribute has the given value, NVERIFY where one differs.
  ///
  /// Values are compared by their meaning: both sides are written anew with owners as numbers, so that another spelling of an owner or a
  /// bitmap with a word of zeros behind is no difference (section 5.9).
  func verify(_ c: inout Compound, wantsSame: Bool) throws(NFSStatus) {
    let (wanted, beyond) = try c.mask()
    let values = try c.opaque(limit: NFS4Protocol.attributeListLimit)
    let file = try currentFile(c)
    guard wanted.isDisjoint(with: [.readdirError, .timeAccessSet, .timeModifySet]) else { throw .invalid }
    guard !beyond, attributeTemplate.pointee.supported.isSuperset(of: wanted) else { throw .attributeNotSupported }
    var theirs = FileAttributes()
    let isKnown = try read(wanted, values, into: &theirs)
    let size = try delegatedSize(c, file, wanted: wanted)
    fillAttributes(wanted, of: file)
    if let size { attributeTemplate.pointee.size = size }
    let half = Self.scratchBytes / 2
    var ourWriter = XDRWriter(UnsafeMutableRawBufferPointer(rebasing: scratch[0..<half]))
    attributeTemplate.pointee.encode(wanted, into: &ourWriter)
    var theirWriter = XDRWriter(UnsafeMutableRawBufferPointer(rebasing: scratch[half...]))
    theirs.encode(wanted, into: &theirWriter)
    let isSame = isKnown && equalBytes(ourWriter.written, theirWriter.written)
    if isSame != wantsSame { throw wantsSame ? .notSame : .same }
  }

  /// Reads the values of a client.
  ///
  /// - Returns: false where an owner string stands for nobody, who cannot be the owner then.
  private func read(
    _ wanted: AttributeMask, _ values: UnsafeRawBufferPointer, into attributes: inout FileAttributes
  ) throws(NFSStatus) -> Bool {
    let outcome: OwnerResolution
    do throws(XDRError) {
      let owners = owners
      outcome = try attributes.decode(wanted, from: values) { owners.resolve($0, isGroup: $1) }
    } catch {
      if case .badTime = error { throw .invalid }
      throw .badXDR
    }
    switch outcome {
    case .number: return true
    case .unknown: return false
    case .malformed: throw .invalid
    }
  }
}
