// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

// A libtirpc CLIENT over whole records in memory.

#include <rpc/rpc.h>
#include <stdlib.h>
#include <string.h>

#include "ctirpc_body.h"
#include "ctirpc_shim.h"

// xid, direction, RPC version, program, version: what xdr_callhdr writes.
#define CALL_STATIC_BYTES 20

// As often as libtirpc's own clnt_vc asks the authenticator for a new credential.
#define MAXIMUM_REFRESHES 2

struct client {
  CLIENT client;
  struct rpc_err error;
  uint32_t xid;
  char call_header[CALL_STATIC_BYTES];
  uint8_t *arguments;
  size_t capacity;
  size_t header_length;  // of the last call; the next has the same unless the credential changed
  ctirpc_exchange exchange;
  void *context;
  _Alignas(8) char verifier[MAX_AUTH_BYTES];
};

static inline struct client *client_of(CLIENT *client) { return client->cl_private; }

// Encodes a call header into `room` bytes; gives its length, 0 when it does not fit.
static size_t encode_header(struct client *client, rpcproc_t procedure, uint8_t *start, size_t room) {
  XDR xdrs;
  xdrmem_create(&xdrs, (char *)start, (u_int)room, XDR_ENCODE);
  uint32_t xid = client->xid;
  uint32_t number = procedure;
  if (!xdr_u_int32_t(&xdrs, &xid)) return 0;
  if (!XDR_PUTBYTES(&xdrs, client->call_header + 4, CALL_STATIC_BYTES - 4)) return 0;
  if (!xdr_u_int32_t(&xdrs, &number)) return 0;
  if (!AUTH_MARSHALL(client->client.cl_auth, &xdrs)) return 0;
  return XDR_GETPOS(&xdrs);
}

// Puts the header so that it ends where the arguments begin. Its length is that of the
// last call; if the credential changed it is measured anew, in the headroom, so that the
// arguments are never written over.
static uint8_t *place_header(struct client *client, rpcproc_t procedure) {
  uint8_t *body = client->arguments + CTIRPC_HEADROOM;
  for (int attempt = 0; attempt < 2; attempt++) {
    size_t length = client->header_length;
    uint8_t *start = body - length;
    if (length != 0 && encode_header(client, procedure, start, length) == length) return start;
    client->header_length = encode_header(client, procedure, client->arguments + 8, CTIRPC_HEADROOM - 8);
  }
  return NULL;
}

static enum clnt_stat fail(struct client *client, enum clnt_stat status) {
  client->error.re_status = status;
  return status;
}

static enum clnt_stat client_call(CLIENT *handle, rpcproc_t procedure, xdrproc_t encode, void *arguments,
                                  xdrproc_t decode, void *results, struct timeval timeout) {
  (void)timeout;  // the exchange function has its own
  struct client *client = client_of(handle);
  AUTH *auth = handle->cl_auth;
  for (int refreshes = 0;; refreshes++) {
    uint8_t *start = place_header(client, procedure);
    if (start == NULL) return fail(client, RPC_CANTENCODEARGS);
    XDR xdrs;
    xdrmem_create(&xdrs, (char *)client->arguments + CTIRPC_HEADROOM, (u_int)client->capacity, XDR_ENCODE);
    if (!AUTH_WRAP(auth, &xdrs, encode, arguments)) return fail(client, RPC_CANTENCODEARGS);
    size_t length = client->header_length + XDR_GETPOS(&xdrs);
    ctirpc_put_mark(start - 4, length);

    const uint8_t *reply = NULL;
    size_t reply_length = 0;
    uint32_t xid = client->xid++;
    enum clnt_stat status = client->exchange(client->context, start - 4, length + 4, xid, &reply, &reply_length);
    if (status != RPC_SUCCESS) return fail(client, status);

    struct rpc_msg message = {.rm_direction = REPLY};
    message.acpted_rply.ar_verf.oa_base = client->verifier;
    message.acpted_rply.ar_results.proc = (xdrproc_t)xdr_void;
    xdrmem_create(&xdrs, (char *)reply, (u_int)reply_length, XDR_DECODE);
    if (!xdr_replymsg(&xdrs, &message) || message.rm_xid != xid) return fail(client, RPC_CANTDECODERES);
    _seterr_reply(&message, &client->error);
    if (client->error.re_status == RPC_SUCCESS) {
      if (!AUTH_VALIDATE(auth, &message.acpted_rply.ar_verf)) {
        client->error.re_why = AUTH_INVALIDRESP;
        return fail(client, RPC_AUTHERROR);
      }
      if (!AUTH_UNWRAP(auth, &xdrs, decode, results)) return fail(client, RPC_CANTDECODERES);
      return RPC_SUCCESS;
    }
    if (client->error.re_status != RPC_AUTHERROR || refreshes >= MAXIMUM_REFRESHES ||
        !AUTH_REFRESH(auth, &message)) {
      return client->error.re_status;
    }
  }
}

static void client_abort(CLIENT *handle) { (void)handle; }

static void client_geterr(CLIENT *handle, struct rpc_err *error) { *error = client_of(handle)->error; }

static bool_t client_freeres(CLIENT *handle, xdrproc_t decode, void *results) {
  (void)handle;
  XDR xdrs = {.x_op = XDR_FREE};
  return (*decode)(&xdrs, results);
}

static void client_destroy(CLIENT *handle) {
  struct client *client = client_of(handle);
  auth_destroy(handle->cl_auth);
  free(client);
}

static bool_t client_control(CLIENT *handle, u_int request, void *info) {
  (void)handle;
  (void)request;
  (void)info;
  return FALSE;
}

static struct clnt_ops client_ops = {client_call,    client_abort,   client_geterr,
                                     client_freeres, client_destroy, client_control};

CLIENT *ctirpc_client_create(uint32_t program, uint32_t version, uint32_t first_xid, AUTH *auth, uint8_t *arguments,
                             size_t capacity, ctirpc_exchange exchange, void *context) {
  struct client *client = calloc(1, sizeof *client);
  if (client == NULL) return NULL;
  client->client.cl_ops = &client_ops;
  client->client.cl_auth = auth;
  client->client.cl_private = client;
  client->xid = first_xid;
  client->arguments = arguments;
  client->capacity = capacity;
  client->exchange = exchange;
  client->context = context;

  struct rpc_msg message = {.rm_xid = first_xid};
  message.rm_call.cb_prog = program;
  message.rm_call.cb_vers = version;
  XDR xdrs;
  xdrmem_create(&xdrs, client->call_header, CALL_STATIC_BYTES, XDR_ENCODE);
  if (!xdr_callhdr(&xdrs, &message)) {
    free(client);
    return NULL;
  }
  return &client->client;
}

void ctirpc_client_destroy(CLIENT *client) { clnt_destroy(client); }

void ctirpc_client_call(CLIENT *handle, uint32_t procedure, size_t argument_length, ctirpc_outcome *outcome) {
  ctirpc_view view = {NULL, 0};
  struct timeval none = {0, 0};
  outcome->status = (uint32_t)clnt_call(handle, procedure, (xdrproc_t)ctirpc_xdr_in_place, (void *)&argument_length,
                                        (xdrproc_t)ctirpc_xdr_rest, (void *)&view, none);
  outcome->body = view.bytes;
  outcome->body_length = view.length;
  if (outcome->status == RPC_SUCCESS) return;
  struct rpc_err error;
  clnt_geterr(handle, &error);
  outcome->low = error.re_vers.low;
  outcome->high = error.re_vers.high;
  if (outcome->status == RPC_AUTHERROR) outcome->low = (uint32_t)error.re_why;
}
