"""A data and ML platform as one Dagster asset graph."""

import os
import sys

# Several runs may compute at once. OpenMP's threads wait actively by default and then take the processor from those that work: with
# two fits on two cores, one of three seconds takes forty. The libraries read this when they are loaded, so it is set before any is.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

# Arrow's default allocator keeps what it has freed; this one gives it back after a second: 100 MB at a year of crimes. If buffers
# were given back at once, each write of a table would fetch them anew from the system, page by page, and take twice the time.
if sys.platform == "linux":
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "jemalloc")
    os.environ.setdefault("JE_ARROW_MALLOC_CONF", "dirty_decay_ms:1000,muzzy_decay_ms:0")
