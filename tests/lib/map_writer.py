"""Writes a recording through a shared mapping after its descriptor is closed: map_writer.py FILE GO.

Prints "closed" when only the mapping is left; fills the file and unmaps it when the file GO exists.
"""

import mmap
import os
import sys
import time

fd = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT, 0o644)
text = b"say words written through a mapping\n"
os.ftruncate(fd, len(text))
# Python's mmap keeps a duplicate of the descriptor; that is closed too, by number.
before = set(os.listdir("/proc/self/fd"))
mapping = mmap.mmap(fd, len(text))
for extra in set(os.listdir("/proc/self/fd")) - before:
    try:
        if os.path.samefile(f"/proc/self/fd/{extra}", sys.argv[1]):
            os.close(int(extra))
    except OSError:
        pass
os.close(fd)
print("closed", flush=True)
deadline = time.monotonic() + 60
while not os.path.exists(sys.argv[2]) and time.monotonic() < deadline:
    time.sleep(0.02)
mapping[:] = text
os._exit(0)  # the kernel unmaps
