"""A Ray of the demo's own: on this machine, quiet, gone at the end."""

import logging
import signal
import tempfile
import threading
from collections.abc import Generator
from contextlib import contextmanager
from typing import Final

import ray

from quantdb.errors import ConfigError

__all__ = ["local_ray"]

_OBJECT_STORE: Final = 80 * 1024 * 1024
"""Bytes, about the least that Ray takes: the demo sends symbols and gets counts."""


@contextmanager
def local_ray(cpus: int, object_store: int = _OBJECT_STORE) -> Generator[None]:
    """Start Ray on this machine, unless it runs already, and end it.

    It listens on loopback only if `environment.prepare` came before the import of Ray.

    Raises:
        ConfigError: It does not start.
    """
    if ray.is_initialized():
        yield
        return
    # Ray's sockets lie below it, and the path of a socket has room for some 100 bytes.
    with tempfile.TemporaryDirectory(
        prefix="quantdb-ray-", dir="/tmp", ignore_cleanup_errors=True
    ) as folder:
        try:
            with _interrupted_later():
                _start(cpus, object_store, folder)
            yield
        finally:
            with _interrupted_later():
                _call("shutdown")


@contextmanager
def _interrupted_later() -> Generator[None]:
    """Have Ctrl-C wait for the end of the block: half of a start or of an end crashes Ray."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _frame: came.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if came:
        raise KeyboardInterrupt


def _start(cpus: int, object_store: int, folder: str) -> None:
    try:
        _call(
            "init",
            address="local",
            num_cpus=cpus,
            object_store_memory=object_store,
            include_dashboard=False,
            log_to_driver=False,
            logging_level=logging.ERROR,
            _temp_dir=folder,
        )
    except Exception as error:
        raise ConfigError(f"Ray does not start here: {error}") from error


def _call(name: str, **settings: object) -> None:
    """Call a function of Ray's whose types are not all there."""
    getattr(ray, name)(**settings)
