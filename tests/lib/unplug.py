#!/usr/bin/python3 -IB
"""Takes the disk away from under a mounted filesystem: from now on everything that needs it is an I/O error.

usage: unplug.py DIRECTORY   (EXT4_IOC_SHUTDOWN, which XFS has too; needs root)
"""

import fcntl
import os
import struct
import sys

SHUTDOWN = 0x8004587D  # _IOR('X', 125, __u32)
NO_LOG_FLUSH = 2

fcntl.ioctl(os.open(sys.argv[1], os.O_RDONLY), SHUTDOWN, struct.pack("I", NO_LOG_FLUSH))
