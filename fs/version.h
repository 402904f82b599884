/* The version, as --version and the man pages say it. */
#pragma once

#define SCRIBEFS_VERSION "0.1.0"
