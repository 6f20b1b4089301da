"""A data and ML platform as one Dagster asset graph."""

import os

# Several runs may compute at once. OpenMP's threads wait actively by default and then take the processor from those that work: with
# two fits on two cores, one of three seconds takes forty. The libraries read this when they are loaded, so it is set before any is.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
