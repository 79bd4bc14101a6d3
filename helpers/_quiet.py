"""Start TensorFlow and LiteRT without the lines that their C++ parts print on standard error."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
from collections.abc import Iterator


@contextlib.contextmanager
def standard_error() -> Iterator[None]:
    """Send what is written to the file descriptor of standard error nowhere.

    Exceptions pass as ever: only lines are lost, so use it around starting up and nothing else.
    """
    sys.stderr.flush()
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(nowhere)
        os.close(kept)


def start_keras() -> None:
    """Import Keras and run one operation, which is when TensorFlow greets; once a process."""
    if "keras" not in sys.modules:
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
        with standard_error():
            import keras

            keras.ops.zeros(1)
        # Its advice on retracing counts the calls of all models of a process together, and so
        # turns up wherever several small ones are used; errors are still told.
        logging.getLogger("tensorflow").setLevel(logging.ERROR)
