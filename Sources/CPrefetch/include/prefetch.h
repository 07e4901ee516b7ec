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

/// All bits of a number that is below 0, none of another one: a condition as a number, which the compiler cannot turn into a jump.
///
/// A jump on a condition that nothing foretells costs more than the work behind it. Swift has no way to ask for that.
static inline __attribute__((always_inline)) long nfschurn_mask_of_negative(long number) {
  long mask = number >> 63;
  __asm__("" : "+r"(mask));
  return mask;
}

#endif
