// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

// What Swift cannot reach of libtirpc (function-like macros, the variadic
// xdrproc_t, the handle operation tables), and two transports behind ordinary
// libtirpc handles:
//
//   SVCXPRT  whose "receive" decodes one whole record already in memory and
//            whose "reply" encodes into memory of the caller;
//   CLIENT   whose "call" encodes one whole record in memory and hands it to an
//            exchange function of the caller.
//
// Neither does I/O: sockets belong to the Swift side. Argument and result bodies
// stay where their owner wrote them; only the ONC RPC header (RFC 5531) passes
// through libtirpc's codec and authenticators.
#ifndef CTIRPC_SHIM_H
#define CTIRPC_SHIM_H

#include <rpc/rpc.h>
#include <stddef.h>
#include <stdint.h>

// Room in front of a body for the record mark and the longest header: a call has
// 24 bytes, a credential and a verifier of 8 + 400 bytes each (RFC 5531 section 8.2).
#define CTIRPC_HEADROOM 1024

// ---- server side ----

// A call that passed the header decoder and the authenticator. The pointers are
// valid until the next ctirpc_server_take on the same handle.
typedef struct ctirpc_call {
  uint32_t xid;
  uint32_t procedure;
  uint32_t flavor;  // AUTH_NONE or AUTH_SYS
  uint32_t uid;
  uint32_t gid;
  uint32_t group_count;
  const uint32_t *groups;
  const char *machine;  // NUL-terminated
  const uint8_t *arguments;
  size_t argument_length;
} ctirpc_call;

typedef enum ctirpc_verdict {
  CTIRPC_DISPATCH = 0,  // a call for the service
  CTIRPC_REPLIED = 1,   // an error reply or the answer to NULL is ready
  CTIRPC_DROP = 2,      // no RPC call can be made out of the record
} ctirpc_verdict;

// A server handle for one program and version. `reply` must be aligned to 8 bytes
// and hold CTIRPC_HEADROOM bytes in front of the largest reply body. NULL when
// there is no memory.
SVCXPRT *ctirpc_server_create(uint32_t program, uint32_t version, uint8_t *reply, size_t reply_capacity);
void ctirpc_server_destroy(SVCXPRT *xprt);

// Decodes and authenticates one record (without its mark, aligned to 4 bytes).
ctirpc_verdict ctirpc_server_take(SVCXPRT *xprt, const uint8_t *record, size_t length, ctirpc_call *call);

// Answers the call just taken: success with `body_length` bytes that lie behind the
// headroom, or one of the accepted errors of RFC 5531 section 9.
void ctirpc_server_reply(SVCXPRT *xprt, size_t body_length);
void ctirpc_server_reply_no_procedure(SVCXPRT *xprt);
void ctirpc_server_reply_garbage(SVCXPRT *xprt);
void ctirpc_server_reply_system_error(SVCXPRT *xprt);

// Refuses the call just taken: MSG_DENIED, AUTH_ERROR, AUTH_TOOWEAK.
void ctirpc_server_reply_too_weak(SVCXPRT *xprt);

// The encoded reply with its record mark; NULL when encoding failed.
const uint8_t *ctirpc_server_record(SVCXPRT *xprt, size_t *length);

// ---- client side ----

// Carries a record (with its mark) to the server and gives back the reply's record
// (without mark, aligned to 4 bytes). RPC_SUCCESS when there is a reply.
typedef enum clnt_stat (*ctirpc_exchange)(void *context, const uint8_t *record, size_t length, uint32_t xid,
                                          const uint8_t **reply, size_t *reply_length);

// Outcome of a call as libtirpc's _seterr_reply reports it.
typedef struct ctirpc_outcome {
  uint32_t status;  // enum clnt_stat
  uint32_t low;     // lowest version supported, or enum auth_stat
  uint32_t high;    // highest version supported
  const uint8_t *body;
  size_t body_length;
} ctirpc_outcome;

// A client handle. `arguments` must be aligned to 8 bytes and hold CTIRPC_HEADROOM
// bytes in front of the largest argument body. `auth` becomes the handle's. NULL
// when there is no memory.
CLIENT *ctirpc_client_create(uint32_t program, uint32_t version, uint32_t first_xid, AUTH *auth, uint8_t *arguments,
                             size_t capacity, ctirpc_exchange exchange, void *context);
void ctirpc_client_destroy(CLIENT *client);

// One call through the handle with the body that lies behind the headroom.
void ctirpc_client_call(CLIENT *client, uint32_t procedure, size_t argument_length, ctirpc_outcome *outcome);

#endif
