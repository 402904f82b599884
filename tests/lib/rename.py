"""renameat2 with a flag: rename.py noreplace|exchange FROM TO [ERRNO-NAME]; with a name, that error is expected."""

import ctypes
import errno
import os
import sys

libc = ctypes.CDLL(None, use_errno=True)
flag = {"noreplace": 1, "exchange": 2}[sys.argv[1]]
wanted = sys.argv[4] if len(sys.argv) > 4 else "0"
result = libc.renameat2(-100, os.fsencode(sys.argv[2]), -100, os.fsencode(sys.argv[3]), flag)
got = errno.errorcode[ctypes.get_errno()] if result else "0"
if got != wanted:
    sys.exit(f"rename {sys.argv[1]}: got {got}, expected {wanted}")
