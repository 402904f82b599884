/* From a complete request to a complete reply: which endpoint it is, what is refused before the endpoint sees
 * it, which faults hit it. */
#pragma once

#include "tests/emulator/reply.h"

void router_serve(struct request *r, struct reply *a);
