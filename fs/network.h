/* How the network is reached: what the settings say, else the environment. */
#pragma once

#include "backend/http.h"

struct options;

/* The texts belong to the options or to the environment. */
struct http_config network_config(const struct options *o);
