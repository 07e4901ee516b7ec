// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

extension VMemUMA {
  /// How the items of a zone lie in its slabs (FreeBSD 11 sys/vm/uma_core.c, keg_small_init and keg_large_init).
  ///
  /// Free items are bits, not list entries: an item costs its stride and nothing more.
  struct Layout: Equatable {
    /// Bytes from one item to the next (uk_rsize).
    let stride: Int
    /// Items in a slab (uk_ipers).
    let itemsPerSlab: Int
    /// Pages of a slab (uk_ppera).
    let pagesPerSlab: Int
    /// Bytes of the slab's header.
    let headerBytes: Int
    /// The given flags, with `offPage` and `hash` where the layout calls for them.
    let flags: Flags

    /// Lays out items of `size` bytes on an alignment of `alignmentMask` + 1 bytes.
    init(size: Int, alignmentMask: Int, flags: Flags, policy: Policy) {
      let isInternal = flags.contains(.internal)
      var flags = flags
      if size > kernelPageSize - policy.headerBytes(items: 1) {
        stride = size
        itemsPerSlab = 1
        pagesPerSlab = (size + kernelPageSize - 1) / kernelPageSize
        headerBytes = policy.headerBytes(items: 1)
        if !isInternal, pagesPerSlab * kernelPageSize - size < headerBytes { flags.insert(.offPage) }
      } else {
        let stride = (max(size, VMemUMA.smallestUnit) + alignmentMask) & ~alignmentMask
        let most = kernelPageSize / stride
        let inPage = (kernelPageSize - policy.headerBytes(items: most)) / stride
        let waste = kernelPageSize - inPage * stride - policy.headerBytes(items: most)
        self.stride = stride
        pagesPerSlab = 1
        if !isInternal, waste >= VMemUMA.maximumWaste, inPage < most {
          flags.insert(.offPage)
          itemsPerSlab = most
        } else {
          itemsPerSlab = max(inPage, 1)
        }
        headerBytes = policy.headerBytes(items: itemsPerSlab)
      }
      if policy.hasHashes, flags.contains(.offPage), !flags.contains(.malloc) { flags.insert(.hash) }
      self.flags = flags
    }
  }
}

extension VMemUMA.Layout: CustomStringConvertible {
  /// For test failures.
  var description: String {
    "\(itemsPerSlab) × \(stride) in \(pagesPerSlab) pages\(flags.contains(.offPage) ? ", header off page" : "")"
  }
}
