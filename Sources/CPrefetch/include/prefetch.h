// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

#ifndef NFSCHURN_PREFETCH_H
#define NFSCHURN_PREFETCH_H

/// Asks the processor to fetch the line of memory at an address that will be read and written soon; any address will do.
///
/// Swift has no expression for this instruction.
static inline __attribute__((always_inline)) void nfschurn_prefetch(const void *address) {
  __builtin_prefetch(address, 1, 3);
}

#endif
