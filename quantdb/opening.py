"""How the connections of a pool are opened: within one budget of time, and again while it lasts.

A serverless compute that sleeps, a server that starts, a limit that is reached: each answers the
first attempts with an error and a later one with a connection. What no repetition heals, a wrong
password or certificate, is said at once.
"""

import asyncio
import logging
import random
import re
import socket
import ssl
from typing import Final

import asyncpg
import attrs

from quantdb.config import PoolConfig
from quantdb.connection import PooledConnection
from quantdb.crowding import Line, is_full
from quantdb.dsn import Target
from quantdb.errors import ConfigError, ConnectionLost, PoolTimeout, ReadOnly
from quantdb.outcomes import is_lost
from quantdb.secrecy import bared

__all__ = ["Opener", "is_transient"]

_log: Final = logging.getLogger(__name__)

_STATEMENTS_KEPT: Final = 100

# Seconds before the second attempt, and the most between two: whoever waits for a server is there
# soon after it.
_FIRST_PAUSE: Final = 0.05
_LONGEST_PAUSE: Final = 1.0
_SILENCE: Final = 1.0
"""Seconds after which a server that used to answer, and now says nothing, is asked once more."""

# 53 are connections, memory and disk that are used up; 57P01..57P03 a server that ends or starts.
_BUSY_STATES: Final = ("53", "57P01", "57P02", "57P03")
# What Neon's proxy says, all of it as XX000, while it wakes a compute.
_WAKING: Final = re.compile(
    r"control plane request failed|console request failed|couldn't connect to compute node"
    r"|failed to acquire permit|too many connections attempts|temporar(?:y|ily) unavailable"
    r"|timed? ?out",
    re.IGNORECASE,
)
# What PgBouncer says, all of it as 08P01, where a later attempt may succeed.
_POOLER_BUSY: Final = re.compile(
    r"cannot connect to server|server login has been failing|shutting down|resources exhaustion"
    r"|login_timeout|wait_timeout|suspended",
    re.IGNORECASE,
)
_FOR_GOOD: Final = re.compile(r"quota|upgrade your plan|endpoint is disabled", re.IGNORECASE)
_PARAMETER: Final = re.compile(r"unsupported startup parameter(?: in options)?: *(\S+)")
_NO_TLS: Final = "rejected SSL upgrade"


class Opener:
    """Opens the connections of a pool; asyncpg's pool calls it in place of ``asyncpg.connect``."""

    __slots__ = ("_config", "_known", "_line", "_target", "_trouble")

    def __init__(self, config: PoolConfig) -> None:
        self._config = config
        self._target = config.target()
        self._known = False
        self._line = Line(max(config.acquire_timeout, config.connect_timeout))
        self._trouble = ""

    @property
    def trouble(self) -> str:
        """Why there is no connection at the moment; empty if nothing is known to hinder."""
        return str(self._line) or self._trouble

    async def __call__(self, *_args: object, **_options: object) -> PooledConnection:
        """Open a connection.

        Raises:
            ConfigError: The certificate, the TLS or a setting is refused; no repetition would help.
            PoolTimeout: There was no answer, or no connection to spare, within the budget.
            ConnectionLost: The server could not be reached within the budget.
        """
        budget = self._target.connect_timeout or self._config.connect_timeout
        attempts = 0
        error: Exception | None = None
        try:
            async with asyncio.timeout(budget):
                while True:
                    async with self._line.turn():
                        attempts += 1
                        try:
                            connection = await self._first_to_answer(budget)
                        except Exception as failure:
                            error = failure
                            if not is_transient(error, known=self._known):
                                self._line.admit()
                                break
                            await asyncio.sleep(self._in_vain(error, attempts, budget))
                        else:
                            self._open()
                            return connection
        except TimeoutError:
            if error is None and (self._line.refused or not attempts):
                # There was no turn for it, or no time left in it, after what another was told.
                error = self._line.last
            raise self._given_up(error, budget, attempts) from error
        meaning = _meaning(error, self._target)
        if meaning is error:
            raise error
        raise meaning from error

    async def _first_to_answer(self, budget: float) -> PooledConnection:
        """Open a connection; while a server that was there says nothing, try beside it.

        What went into a black hole stays there when the network is back. The first attempt goes on
        as well, because the server may only be slow; of the others each ends the one before.
        """
        tasks = [asyncio.create_task(self._attempt(budget))]
        try:
            while True:
                limit = _SILENCE if self._known else None
                done, _pending = await asyncio.wait(
                    tasks, timeout=limit, return_when=asyncio.FIRST_COMPLETED
                )
                for task in done:
                    tasks.remove(task)
                    return task.result()
                for task in tasks[1:]:
                    tasks.remove(task)
                    _let_go(task)
                tasks.append(asyncio.create_task(self._attempt(budget)))
        finally:
            for task in tasks:
                _let_go(task)

    async def _attempt(self, budget: float) -> PooledConnection:
        config, target = self._config, self._target
        cached = config.statement_cache_size
        if cached is None:
            cached = 0 if target.pooled else _STATEMENTS_KEPT
        name = config.application_name
        if name == attrs.fields(PoolConfig).application_name.default:
            name = target.application_name or name
        try:
            connection: PooledConnection = await asyncpg.connect(
                target.dsn,
                # The driver keeps what it is given, in a tuple that shows it.
                password=target.password,
                connection_class=PooledConnection,
                timeout=budget,
                command_timeout=config.command_timeout,
                statement_cache_size=cached,
                server_settings={
                    "application_name": name,
                    "timezone": "UTC",
                    "datestyle": "ISO",
                },
                ssl=target.tls,
            )
        except BaseException as error:
            raise bared(error)  # noqa: B904 - itself, without the driver's frames
        connection.behind_pooler = target.pooled
        return connection

    def _in_vain(self, error: Exception, attempts: int, budget: float) -> float:
        """Note that an attempt failed, and return the seconds until the next.

        It is said once that there is trouble, whoever meets it first.
        """
        if not self._trouble:
            _log.warning(
                "%s gives no connection, and is asked again for up to %g s: %s",
                self._target.hosts or "the server",
                budget,
                _said(error),
            )
        self._trouble = f"the last attempt to open one failed: {_said(error)}"
        if is_full(error):
            self._line.refuse(error)
            return 0.0  # the line has pauses of its own
        self._line.admit()
        return _pause(attempts)

    def _given_up(self, error: Exception | None, budget: float, attempts: int) -> Exception:
        """Return what it means that the budget ran out, *error* being that of the last attempt."""
        where = self._target.hosts or "the server"
        said = f"within {budget:g} s"
        if is_full(error):
            why = str(self._line) or str(error)
            return PoolTimeout(f"{where} had no connection to spare {said}; {why}")
        if error is None or isinstance(error, TimeoutError):
            return PoolTimeout(f"{where} did not answer {said}")
        said += f", in {attempts} attempts; the last one failed: {_said(error)}"
        if isinstance(error, asyncpg.TargetServerAttributeNotMatched):
            return ReadOnly(f"{where} is not what target_session_attrs asks for {said}")
        return ConnectionLost(f"{where} gave no connection {said}")

    def _open(self) -> None:
        self._known = True
        self._line.admit()
        if self._trouble:
            self._trouble = ""
            _log.info("%s gives connections again", self._target.hosts or "the server")


def _let_go(attempt: asyncio.Task[PooledConnection]) -> None:
    """End an attempt to connect that nobody waits for, and whatever comes of it."""
    attempt.cancel()
    attempt.add_done_callback(_unwanted)


def _unwanted(attempt: asyncio.Task[PooledConnection]) -> None:
    if not attempt.cancelled() and attempt.exception() is None:
        attempt.result().terminate()


def _said(error: Exception) -> str:
    return str(error) or type(error).__name__  # a socket that closes says nothing


def _pause(attempts: int) -> float:
    """Return the seconds before the next attempt: twice as many each time, and no two alike."""
    most: float = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2.0 ** min(attempts - 1, 10))
    return random.uniform(most / 2, most)  # noqa: S311 - no secret


def is_transient(error: Exception, *, known: bool) -> bool:
    """Tell whether another attempt to connect may succeed where this one failed.

    Args:
        error: Of the driver, the server or the socket.
        known: Whether there was a server before. If so, that nobody listens means that it is being
            started again; if not, that the address is wrong.
    """
    if isinstance(error, asyncpg.PostgresError):
        return _is_transient_answer(error)
    if isinstance(error, asyncpg.TargetServerAttributeNotMatched):
        return True  # while a standby is being promoted
    if isinstance(error, TimeoutError):
        return False  # the budget is used up
    if isinstance(error, socket.gaierror):
        return known or error.errno == socket.EAI_AGAIN
    if isinstance(error, ssl.SSLError):
        return isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError)
    if isinstance(error, ConnectionRefusedError) or type(error) is OSError:
        return known
    if isinstance(error, ConnectionError):
        return _NO_TLS not in str(error)
    return is_lost(error) or (isinstance(error, OSError) and known)


def _is_transient_answer(error: asyncpg.PostgresError) -> bool:
    said, state = str(error), error.sqlstate or ""
    if _FOR_GOOD.search(said):
        return False
    if isinstance(error.__cause__, asyncpg.PostgresError):  # what was said before the socket closed
        return _is_transient_answer(error.__cause__)
    if is_full(error):
        return True
    if state == "08P01":
        return _POOLER_BUSY.search(said) is not None
    if state == "XX000":
        return _WAKING.search(said) is not None
    return state.startswith(("08", *_BUSY_STATES))


def _meaning(error: Exception, target: Target) -> Exception:
    """Return what an error means that no further attempt would heal."""
    where = target.hosts or "the server"
    if isinstance(error, ssl.SSLCertVerificationError):
        return ConfigError(_of_certificate(error, where))
    if isinstance(error, ConnectionError) and _NO_TLS in str(error):
        return ConfigError(
            f"{where} speaks no TLS, and without it everybody on the way reads the password; "
            "switch TLS on there, or, on a network that is all yours, add sslmode=disable to the "
            "DSN"
        )
    if isinstance(error, ssl.SSLError):
        return ConfigError(f"{where} and this host agree on no TLS: {error.reason or error}")
    if isinstance(error, TimeoutError):
        return PoolTimeout(f"{where} did not answer in time")
    if isinstance(error, OSError):
        return ConnectionLost(f"{where} cannot be reached: {_said(error)}")
    if isinstance(error, asyncpg.PostgresError):
        return _of_answer(error, where)
    return error


def _of_certificate(error: ssl.SSLCertVerificationError, where: str) -> str:
    said = error.verify_message.rstrip(".")
    advice = {
        9: "its clock or ours is wrong",
        10: "renew it there",
        18: "name it, or its issuer's certificate, by sslrootcert=/path/to/root.pem in the DSN",
        62: "connect by a name that the certificate is for",
        64: "connect by an address that the certificate is for, or by its name",
    }.get(
        error.verify_code,
        "name its issuer's certificate by sslrootcert=/path/to/root.pem in the DSN",
    )
    return f"the certificate of {where} is refused: {said}; {advice}"


def _of_answer(error: asyncpg.PostgresError, where: str) -> Exception:
    said = str(error)
    refused = _PARAMETER.search(said)
    if refused is not None:
        return ConfigError(
            f"{where} takes no startup parameter {refused[1]!r}, as a PgBouncer does; take it out "
            "of the DSN, and set it in the transactions that need it: SET LOCAL"
        )
    if error.sqlstate == "08P01":
        return ConfigError(f"{where} refuses the connection: {said}")
    error.add_note(f"while connecting to {where}")
    return error
