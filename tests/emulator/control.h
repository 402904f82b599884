/* The tests' own entrance, /_emulator/…: see main.c for the list. */
#pragma once

#include "tests/emulator/reply.h"

void control_serve(struct request *r, struct reply *a);

/* control_storage.c: …/buckets and …/keys. */
void control_buckets(struct request *r, struct reply *a, const char *rest);
void control_keys(struct request *r, struct reply *a, const char *rest);
void control_error(struct reply *a, int status, const char *why, const char *what);
void control_ok(struct reply *a);
