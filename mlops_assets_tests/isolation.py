"""What keeps one test out of the next."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def process_kept() -> Iterator[None]:
    """Leave the process as it was: the variables of settings, and the main module.

    Commands set variables for their children, and Streamlit's runner changes `__main__`, from which children of multiprocessing
    begin. Other variables may be those of servers that serve several tests.
    """
    from mlops_assets.settings import setting_variables

    names, main = [*setting_variables(), "DAGSTER_HOME"], sys.modules["__main__"]
    before = {name: os.environ.get(name) for name in names}
    try:
        yield
    finally:
        sys.modules["__main__"] = main
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
