// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

// Umbrella of libtirpc's public headers. The folder that holds <rpc/rpc.h>
// (/usr/include/tirpc on most distributions) comes from pkg-config.
#ifndef CTIRPC_H
#define CTIRPC_H
#include <rpc/rpc.h>
#include <rpc/svc_auth.h>
#endif
