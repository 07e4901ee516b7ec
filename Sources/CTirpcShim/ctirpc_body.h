// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

// The two xdrproc_t of both handles. A body is never copied by the RPC layer:
// on the way out it already lies behind its header, on the way in it is looked at
// where it was received.
#ifndef CTIRPC_BODY_H
#define CTIRPC_BODY_H

#include <rpc/rpc.h>
#include <stddef.h>
#include <stdint.h>

typedef struct ctirpc_view {
  const uint8_t *bytes;
  size_t length;
} ctirpc_view;

// Encoding: steps over `*length` bytes that their owner wrote before. For memory
// streams aligned to 4 bytes, where x_inline gives the place itself.
static inline bool_t ctirpc_xdr_in_place(XDR *xdrs, size_t *length) {
  if (xdrs->x_op != XDR_ENCODE || *length > xdrs->x_handy) return FALSE;
  return *length == 0 || XDR_INLINE(xdrs, (u_int)*length) != NULL;
}

// Decoding: takes the rest of a memory stream as a view.
static inline bool_t ctirpc_xdr_rest(XDR *xdrs, ctirpc_view *view) {
  if (xdrs->x_op == XDR_FREE) return TRUE;
  if (xdrs->x_op != XDR_DECODE) return FALSE;
  view->bytes = xdrs->x_private;
  view->length = xdrs->x_handy;
  return TRUE;
}

// Big-endian words of a header, for the few places that libtirpc gives no name to.
static inline uint32_t ctirpc_word(const uint8_t *bytes, size_t offset) {
  const uint8_t *at = bytes + offset;
  return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | (uint32_t)at[3];
}

// Writes the mark of a record that is one fragment (RFC 5531 section 11).
static inline void ctirpc_put_mark(uint8_t *mark, size_t length) {
  uint32_t word = 0x80000000u | (uint32_t)length;
  mark[0] = (uint8_t)(word >> 24);
  mark[1] = (uint8_t)(word >> 16);
  mark[2] = (uint8_t)(word >> 8);
  mark[3] = (uint8_t)word;
}

#endif
