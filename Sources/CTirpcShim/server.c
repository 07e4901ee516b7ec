// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

// A libtirpc SVCXPRT over whole records in memory.

#include <rpc/rpc.h>
#include <rpc/svc_auth.h>
#include <stdlib.h>
#include <string.h>

#include "ctirpc_body.h"
#include "ctirpc_shim.h"

// Size of the cooked credential, private to libtirpc; _svcauth_unix lays an
// authunix_parms, 256 bytes of machine name and 16 groups into it.
#define COOKED_BYTES 400

// Bytes of a call header in front of the credential, and of an AUTH_SYS body
// without name and groups (RFC 5531 sections 9 and appendix A).
#define CALL_WORDS_BYTES 24
#define AUTH_SYS_FIXED_BYTES 20

// Bytes of an accepted reply's header with an empty verifier.
#define REPLY_HEADER_BYTES 24

// libtirpc's SVCXPRT_EXT, which xp_p3 points to; the authenticators fill `auth`.
struct server_extension {
  int flags;
  SVCAUTH auth;
};

struct server {
  SVCXPRT xprt;
  struct server_extension extension;
  uint32_t program;
  uint32_t version;
  const uint8_t *record;
  size_t record_length;
  XDR input;
  struct rpc_msg message;
  struct svc_req request;
  uint8_t *reply;
  size_t reply_capacity;
  const uint8_t *out;
  size_t out_length;
  _Alignas(8) char credential[MAX_AUTH_BYTES];
  _Alignas(8) char verifier[MAX_AUTH_BYTES];
  _Alignas(8) char cooked[COOKED_BYTES];
};

static inline struct server *server_of(SVCXPRT *xprt) { return xprt->xp_p1; }

static bool_t server_recv(SVCXPRT *xprt, struct rpc_msg *message) {
  struct server *server = server_of(xprt);
  message->rm_call.cb_cred.oa_base = server->credential;
  message->rm_call.cb_verf.oa_base = server->verifier;
  xdrmem_create(&server->input, (char *)server->record, (u_int)server->record_length, XDR_DECODE);
  return xdr_callmsg(&server->input, message);
}

static enum xprt_stat server_stat(SVCXPRT *xprt) {
  (void)xprt;
  return XPRT_IDLE;
}

static bool_t server_getargs(SVCXPRT *xprt, xdrproc_t decode, void *where) {
  struct server *server = server_of(xprt);
  return SVCAUTH_UNWRAP(&server->extension.auth, &server->input, decode, where);
}

static bool_t server_freeargs(SVCXPRT *xprt, xdrproc_t decode, void *where) {
  (void)xprt;
  XDR xdrs = {.x_op = XDR_FREE};
  return (*decode)(&xdrs, where);
}

// Puts the header so that it ends where the body begins. The results of svc_sendreply
// are encoded behind it through the authenticator's wrap, as libtirpc's own svc_vc does.
static bool_t server_reply(SVCXPRT *xprt, struct rpc_msg *message) {
  struct server *server = server_of(xprt);
  bool_t success = message->rm_reply.rp_stat == MSG_ACCEPTED && message->acpted_rply.ar_stat == SUCCESS;
  xdrproc_t results = NULL;
  void *where = NULL;
  size_t header = REPLY_HEADER_BYTES;
  if (message->rm_reply.rp_stat == MSG_ACCEPTED) header += RNDUP(message->acpted_rply.ar_verf.oa_length);
  if (header > CTIRPC_HEADROOM - 4) return FALSE;
  if (success) {
    results = message->acpted_rply.ar_results.proc;
    where = message->acpted_rply.ar_results.where;
    message->acpted_rply.ar_results.proc = (xdrproc_t)xdr_void;
    message->acpted_rply.ar_results.where = NULL;
  }
  message->rm_xid = server->message.rm_xid;

  uint8_t *start = server->reply + CTIRPC_HEADROOM - header;
  XDR xdrs;
  xdrmem_create(&xdrs, (char *)start, (u_int)(header + server->reply_capacity), XDR_ENCODE);
  if (!xdr_replymsg(&xdrs, message)) return FALSE;
  if (success) {
    if (XDR_GETPOS(&xdrs) != header) return FALSE;
    if (!SVCAUTH_WRAP(&server->extension.auth, &xdrs, results, where)) return FALSE;
  }
  server->out_length = XDR_GETPOS(&xdrs) + 4;
  server->out = start - 4;
  ctirpc_put_mark(start - 4, server->out_length - 4);
  return TRUE;
}

static void server_destroy(SVCXPRT *xprt) { free(server_of(xprt)); }

static bool_t server_control(SVCXPRT *xprt, const u_int request, void *info) {
  (void)xprt;
  (void)request;
  (void)info;
  return FALSE;
}

static const struct xp_ops server_ops = {server_recv,  server_stat,     server_getargs,
                                         server_reply, server_freeargs, server_destroy};
static const struct xp_ops2 server_ops2 = {server_control};

SVCXPRT *ctirpc_server_create(uint32_t program, uint32_t version, uint8_t *reply, size_t reply_capacity) {
  struct server *server = calloc(1, sizeof *server);
  if (server == NULL) return NULL;
  SVCXPRT *xprt = &server->xprt;
  xprt->xp_fd = RPC_ANYFD;
  xprt->xp_ops = &server_ops;
  xprt->xp_ops2 = &server_ops2;
  xprt->xp_p1 = server;
  xprt->xp_p3 = &server->extension;
  xprt->xp_verf.oa_base = server->verifier;
  server->request.rq_xprt = xprt;
  server->program = program;
  server->version = version;
  server->reply = reply;
  server->reply_capacity = reply_capacity;
  return xprt;
}

void ctirpc_server_destroy(SVCXPRT *xprt) { svc_destroy(xprt); }

static void deny_rpc_version(SVCXPRT *xprt) {
  struct rpc_msg reply = {.rm_direction = REPLY};
  reply.rm_reply.rp_stat = MSG_DENIED;
  reply.rjcted_rply.rj_stat = RPC_MISMATCH;
  reply.rjcted_rply.rj_vers.low = RPC_MSG_VERSION;
  reply.rjcted_rply.rj_vers.high = RPC_MSG_VERSION;
  (void)server_reply(xprt, &reply);
}

// xdr_callmsg says only that it failed. The causes that RFC 5531 has an answer for are
// another RPC version and a credential or verifier above 400 bytes.
static ctirpc_verdict refuse(struct server *server) {
  const uint8_t *record = server->record;
  size_t length = server->record_length;
  if (length < 12 || ctirpc_word(record, 4) != CALL) return CTIRPC_DROP;
  server->message.rm_xid = ctirpc_word(record, 0);
  if (ctirpc_word(record, 8) != RPC_MSG_VERSION) {
    deny_rpc_version(&server->xprt);
    return CTIRPC_REPLIED;
  }
  if (length < CALL_WORDS_BYTES + 8) return CTIRPC_DROP;
  size_t credential = ctirpc_word(record, CALL_WORDS_BYTES + 4);
  if (credential > MAX_AUTH_BYTES) {
    svcerr_auth(&server->xprt, AUTH_BADCRED);
    return CTIRPC_REPLIED;
  }
  size_t verifier = CALL_WORDS_BYTES + 8 + RNDUP(credential);
  if (length < verifier + 8) return CTIRPC_DROP;
  if (ctirpc_word(record, verifier + 4) > MAX_AUTH_BYTES) {
    svcerr_auth(&server->xprt, AUTH_BADVERF);
    return CTIRPC_REPLIED;
  }
  return CTIRPC_DROP;
}

// The lengths inside an AUTH_SYS body (RFC 5531 appendix A). libtirpc's authenticator makes
// the same check, but reports a bad length on the program's standard output, which a
// peer must not be able to write to.
static bool_t auth_sys_is_sound(const struct opaque_auth *credential) {
  const uint8_t *body = (const uint8_t *)credential->oa_base;
  size_t length = credential->oa_length;
  if (length < AUTH_SYS_FIXED_BYTES) return FALSE;
  size_t name = ctirpc_word(body, 4);
  if (name > MAX_MACHINE_NAME) return FALSE;
  name = RNDUP(name);
  if (length < AUTH_SYS_FIXED_BYTES + name) return FALSE;
  size_t groups = ctirpc_word(body, 8 + name + 8);
  return groups <= NGRPS && length >= AUTH_SYS_FIXED_BYTES + name + groups * 4;
}

ctirpc_verdict ctirpc_server_take(SVCXPRT *xprt, const uint8_t *record, size_t length, ctirpc_call *call) {
  struct server *server = server_of(xprt);
  struct rpc_msg *message = &server->message;
  struct svc_req *request = &server->request;
  server->record = record;
  server->record_length = length;
  server->out = NULL;
  if (!SVC_RECV(xprt, message)) return refuse(server);

  request->rq_prog = message->rm_call.cb_prog;
  request->rq_vers = message->rm_call.cb_vers;
  request->rq_proc = message->rm_call.cb_proc;
  request->rq_clntcred = server->cooked;
  enum_t flavor = message->rm_call.cb_cred.oa_flavor;
  enum auth_stat why = AUTH_OK;
  // Only the two flavors served reach the authenticators: AUTH_DES and RPCSEC_GSS have code
  // in libtirpc that is of no use here and that no peer should be able to enter.
  if (flavor != AUTH_NONE && flavor != AUTH_SYS) {
    why = AUTH_REJECTEDCRED;
  } else if (flavor == AUTH_SYS && !auth_sys_is_sound(&message->rm_call.cb_cred)) {
    why = AUTH_BADCRED;
  } else {
    why = _authenticate(request, message);
  }
  if (why != AUTH_OK) {
    svcerr_auth(xprt, why);
    return CTIRPC_REPLIED;
  }
  if (request->rq_prog != server->program) {
    svcerr_noprog(xprt);
    return CTIRPC_REPLIED;
  }
  if (request->rq_vers != server->version) {
    svcerr_progvers(xprt, server->version, server->version);
    return CTIRPC_REPLIED;
  }
  if (request->rq_proc == NULLPROC) {
    ctirpc_server_reply(xprt, 0);
    return CTIRPC_REPLIED;
  }
  ctirpc_view arguments;
  if (!svc_getargs(xprt, (xdrproc_t)ctirpc_xdr_rest, &arguments)) {
    svcerr_decode(xprt);
    return CTIRPC_REPLIED;
  }
  call->xid = message->rm_xid;
  call->procedure = request->rq_proc;
  call->flavor = (uint32_t)flavor;
  call->arguments = arguments.bytes;
  call->argument_length = arguments.length;
  if (flavor == AUTH_SYS) {
    const struct authunix_parms *parms = request->rq_clntcred;
    call->uid = parms->aup_uid;
    call->gid = parms->aup_gid;
    call->group_count = parms->aup_len;
    call->groups = parms->aup_gids;
    call->machine = parms->aup_machname;
  } else {
    call->group_count = 0;
    call->groups = NULL;
    call->machine = NULL;
  }
  return CTIRPC_DISPATCH;
}

void ctirpc_server_reply(SVCXPRT *xprt, size_t body_length) {
  (void)svc_sendreply(xprt, (xdrproc_t)ctirpc_xdr_in_place, &body_length);
}

void ctirpc_server_reply_no_procedure(SVCXPRT *xprt) { svcerr_noproc(xprt); }

void ctirpc_server_reply_garbage(SVCXPRT *xprt) { svcerr_decode(xprt); }

void ctirpc_server_reply_too_weak(SVCXPRT *xprt) { svcerr_weakauth(xprt); }

void ctirpc_server_reply_system_error(SVCXPRT *xprt) { svcerr_systemerr(xprt); }

const uint8_t *ctirpc_server_record(SVCXPRT *xprt, size_t *length) {
  struct server *server = server_of(xprt);
  *length = server->out_length;
  return server->out;
}
