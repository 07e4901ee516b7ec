// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

/// A client handle: one connection to one version of one program, used from one thread at a time.
///
/// To make a call, encode the argument body at the start of ``argumentBuffer`` and call ``call(procedure:argumentLength:)``.
public protocol RPCTransport: AnyObject {
  /// Where the argument body goes, aligned to 8 bytes; its count is the limit.
  ///
  /// The same memory for the whole life of the transport. A call leaves it as it is.
  var argumentBuffer: UnsafeMutableRawBufferPointer { get }
  /// Makes one call and waits for its result.
  ///
  /// - Parameters:
  ///   - procedure: the procedure number.
  ///   - argumentLength: length in bytes of the argument body.
  /// - Returns: the result body, aligned to 4 bytes, valid until the next call or ``close()``.
  /// - Throws: ``RPCError``; after ``RPCError/timedOut(milliseconds:)`` and any error reply the connection can go on
  ///   being used.
  func call(procedure: UInt32, argumentLength: Int) throws(RPCError) -> UnsafeRawBufferPointer
  /// Ends the connection; calls after it throw ``RPCError/connectionLost(reason:)``.
  func close()
}
