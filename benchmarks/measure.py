"""Run a function in a process of its own and say how long it took and how much memory the process had at most."""

import multiprocessing
import resource
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import Any


@dataclass
class Measurement:
    """One measured run.

    Attributes:
        seconds: wall time of the function, without the start of the process and what `prepare` imported.
        peak_mib: largest resident memory of the process, libraries included.
        steps: wall time of the parts that the function reported, in order.
        value: what the function returned.
    """

    seconds: float
    peak_mib: float
    steps: dict[str, float] = field(default_factory=dict)
    value: Any = None


class Laps:
    """Collects the wall time of consecutive steps."""

    def __init__(self) -> None:
        """Start the clock."""
        self.steps: dict[str, float] = {}
        self._last = time.perf_counter()

    def lap(self, name: str) -> None:
        """Add the time since the last lap to a step."""
        now = time.perf_counter()
        self.steps[name] = self.steps.get(name, 0.0) + now - self._last
        self._last = now


def measure(function: Callable[..., Any], *arguments: Any, cores: int | None = None) -> Measurement:
    """Call `function(laps, *arguments)` in a fresh process.

    Args:
        function: importable; gets a `Laps` first.
        *arguments: for the function.
        cores: how many processors the process may use; all if None.
    """
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_run, args=(sender, cores, function, arguments))
    process.start()
    sender.close()
    try:
        result = receiver.recv()
    except EOFError:
        raise RuntimeError(f"{function.__name__} ended without a result") from None
    finally:
        process.join()
    return result


def quickest_steps(runs: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Return the shortest wall time of each step among runs of the same steps.

    On a machine whose speed changes from second to second, as others come and go, no whole run is undisturbed, but some run of each
    step is.
    """
    return {step: min(run[step] for run in runs) for step in runs[0]}


def _run(sender: Connection, cores: int | None, function: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    if cores is not None:
        _keep_to(cores)
    laps = Laps()
    started = time.perf_counter()
    value = function(laps, *arguments)
    seconds = time.perf_counter() - started
    peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    sender.send(Measurement(seconds, peak_mib, laps.steps, value))


def _keep_to(cores: int) -> None:
    import os

    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:cores])
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "LOKY_MAX_CPU_COUNT"):
        os.environ[variable] = str(cores)
    import pyarrow as pa

    pa.set_cpu_count(cores)
    pa.set_io_thread_count(cores)
