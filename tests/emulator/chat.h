/* Endpoint: OpenAI-compatible chat completions, qwen3-asr-flash only. */
#pragma once

#include "tests/emulator/reply.h"

void chat_serve(struct request *r, struct reply *a);
