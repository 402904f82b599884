/* Endpoint: synchronous recognition, DashScope's own layout. */
#pragma once

#include "tests/emulator/reply.h"

void sync_serve(struct request *r, struct reply *a);
