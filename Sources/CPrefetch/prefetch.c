// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

#include "prefetch.h"
