/* Endpoint: submit a task. */
#pragma once

#include "tests/emulator/reply.h"

void submit_serve(struct request *r, struct reply *a);
