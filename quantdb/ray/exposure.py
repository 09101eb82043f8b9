"""Where Ray would show a password: the variables of a runtime environment are no place for one.

Ray keeps them in its metadata: ``ray list tasks --detail``, the dashboard and a log of each node
tell them. A variable that is set where ``ray start`` runs is told by none.
"""

import logging
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Final

import ray

from quantdb.config import PoolConfig
from quantdb.dsn import holds_secret
from quantdb.errors import ConfigError
from quantdb.safekeeping import is_reference

if TYPE_CHECKING:
    from typing_extensions import TypeIs

__all__ = ["exposed", "refuse_text", "warn_if_exposed", "warn_if_job_exposed", "warn_if_left"]

_log: Final = logging.getLogger(__name__)

_ALWAYS: Final = "PGPASSWORD"


def exposed(runtime_env: object) -> list[str]:
    """Return the variables of a runtime environment that hold a password, sorted."""
    if not _is_mapping(runtime_env):
        return []
    variables = runtime_env.get("env_vars")
    if not _is_mapping(variables):
        return []
    texts = {str(name): str(value) for name, value in variables.items()}
    return sorted(name for name, value in texts.items() if value and _is_secret(name, value))


def warn_if_job_exposed() -> None:
    """Warn as `warn_if_exposed` does, of what ``ray.init`` was given for the running job."""
    warn_if_exposed(_of_job())


def warn_if_exposed(runtime_env: object) -> None:
    """Warn if a runtime environment holds a password, and name the variable.

    Args:
        runtime_env: What ``ray.remote`` was given, if anything.
    """
    for name in exposed(runtime_env):
        _log.warning(
            "the variable %s of the runtime_env holds a password, and Ray shows it in its "
            "dashboard and logs: set it where ray start runs, or name a file on each node, "
            "file:/path",
            name,
        )


def refuse_text(config: object) -> None:
    """Refuse what is no config: a DSN would travel as it is, with its password.

    Raises:
        ConfigError: It is no `PoolConfig`; it is not shown.
    """
    if not isinstance(config, PoolConfig):
        raise ConfigError(
            f"a PoolConfig travels without its password, and nothing else does: PoolConfig(dsn), "
            f"not {type(config).__name__}"
        )


def warn_if_left(config: PoolConfig) -> None:
    """Warn if a config's password is in this process's keeping only, which may end before others.

    Args:
        config: Of something that outlives the process.
    """
    if not is_reference(config.dsn) and holds_secret(config.dsn):
        _log.warning(
            "a detached actor is to outlive this process, and this process keeps the password of "
            "its DSN: when the actor is started again it will find none; give the DSN by "
            "reference, env:NAME or file:/path"
        )


def _is_secret(name: str, value: str) -> bool:
    if name.upper() == _ALWAYS:
        return True
    try:
        return "://" in value and holds_secret(value)
    except ValueError:
        return False


def _of_job() -> object:
    if not ray.is_initialized():
        return None
    found: object = None
    with suppress(RuntimeError, TypeError, ValueError):  # a client of Ray's may not know
        found = getattr(ray.get_runtime_context(), "runtime_env", None)
    return found


def _is_mapping(value: object) -> "TypeIs[Mapping[object, object]]":
    return isinstance(value, Mapping)
