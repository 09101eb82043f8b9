"""The error tree: what each error is, what it says of retries, and that it survives a pickle."""

import copy
import pickle
import re
import traceback

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import texts

from quantdb import errors
from quantdb.errors import (
    Ambiguous,
    CommitUnknown,
    ConfigError,
    Conflict,
    ConnectionLost,
    Contention,
    InexactValue,
    NotFound,
    Outcome,
    PoolTimeout,
    QuantDBError,
    ReadOnly,
    ShapeMismatch,
    StatementTimeout,
    StoredInexact,
    TransactionAborted,
)

# Class, what else it is, may be retried, what became of the work.
TREE: list[tuple[type[QuantDBError], type[Exception], bool, Outcome]] = [
    (InexactValue, ValueError, False, "not_applied"),
    (StoredInexact, InexactValue, False, "applied"),
    (NotFound, LookupError, False, "not_applied"),
    (Ambiguous, LookupError, False, "not_applied"),
    (ShapeMismatch, TypeError, False, "not_applied"),
    (Conflict, Exception, False, "not_applied"),
    (PoolTimeout, TimeoutError, True, "not_applied"),
    (StatementTimeout, TimeoutError, True, "not_applied"),
    (ConnectionLost, ConnectionError, True, "not_applied"),
    (CommitUnknown, ConnectionError, False, "unknown"),
    (TransactionAborted, Exception, False, "not_applied"),
    (Contention, Exception, True, "not_applied"),
    (ReadOnly, Exception, False, "not_applied"),
    (ConfigError, ValueError, False, "not_applied"),
]

WHOLE = [
    QuantDBError("something"),
    InexactValue("row 7: user_id 9 is of no user", "user_id", 7),
    StoredInexact("price: the database made 2 of 1", "price"),
    NotFound("get: no such row"),
    Ambiguous("get: 2 rows"),
    ShapeMismatch("between.sql: no column for fee"),
    Conflict("row 7 is there", "trades_pkey", 7),
    PoolTimeout("no connection", 20, 19, 5),
    StatementTimeout("too slow"),
    ConnectionLost("gone"),
    CommitUnknown("gone during COMMIT"),
    TransactionAborted("swallowed"),
    Contention("deadlock"),
    ReadOnly("standby"),
    ConfigError("no DSN"),
]


def name_of(case: object) -> str:
    return case.__name__ if isinstance(case, type) else type(case).__name__


@pytest.mark.parametrize(("kind", "also", "retryable", "outcome"), TREE, ids=name_of)
def test_each_error_says_whether_to_retry_and_what_became_of_the_work(
    kind: type[QuantDBError],
    also: type[Exception],
    *,
    retryable: bool,
    outcome: Outcome,
) -> None:
    error = kind("message")

    assert isinstance(error, QuantDBError)
    assert isinstance(error, also)
    assert (retryable, outcome) == (error.retryable, error.outcome)


def test_the_tree_is_complete() -> None:
    # The command line has one of its own, which never leaves it.
    flat = {kind for kind in QuantDBError.__subclasses__() if kind.__module__ == errors.__name__}

    assert {kind for kind, *_ in TREE} == flat | {StoredInexact}
    assert [StoredInexact] == [below for kind, *_ in TREE for below in kind.__subclasses__()]
    assert {type(error) for error in WHOLE} == {kind for kind, *_ in TREE} | {QuantDBError}


def test_the_docstring_draws_the_whole_tree_and_nothing_else() -> None:
    drawn = re.findall(r"[├└]── (\w+)", errors.__doc__ or "")

    assert {kind.__name__ for kind, *_ in TREE} == set(drawn)
    assert len(drawn) == len(set(drawn))


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("error", WHOLE, ids=name_of)
def test_an_error_survives_a_pickle_with_its_fields_and_notes(
    error: QuantDBError, protocol: int
) -> None:
    noted = copy.copy(error)
    noted.add_note("in between.sql, line 4")
    noted.add_note("and the rollback failed")

    copied = pickle.loads(pickle.dumps(noted, protocol))

    assert type(noted) is type(copied)
    assert vars(noted) == vars(copied)
    assert noted.__notes__ == copied.__notes__
    assert (str(noted), repr(noted)) == (str(copied), repr(copied))
    assert (noted.retryable, noted.outcome) == (copied.retryable, copied.outcome)


@pytest.mark.parametrize("error", WHOLE, ids=name_of)
def test_an_error_can_be_copied(error: QuantDBError) -> None:
    for copied in (copy.copy(error), copy.deepcopy(error)):
        assert type(error) is type(copied)
        assert vars(error) == vars(copied)


@given(message=texts(), constraint=texts(), row=st.none() | st.integers(1))
def test_a_conflict_survives_a_pickle_whatever_it_says(
    message: str, constraint: str, row: int | None
) -> None:
    copied = pickle.loads(pickle.dumps(Conflict(message, constraint, row)))

    assert isinstance(copied, Conflict)
    assert (message, constraint, row) == (copied.message, copied.constraint, copied.row)
    assert message == str(copied)


@given(sizes=st.tuples(st.integers(0), st.integers(0), st.integers(0)))
def test_a_pool_timeout_keeps_its_figures_though_it_is_an_oserror(
    sizes: tuple[int, int, int],
) -> None:
    copied = pickle.loads(pickle.dumps(PoolTimeout("none free", *sizes)))

    assert isinstance(copied, PoolTimeout)
    assert sizes == (copied.size, copied.in_use, copied.waiting)


def test_a_pickled_error_is_still_caught_by_its_python_base() -> None:
    with pytest.raises(TimeoutError):
        raise pickle.loads(pickle.dumps(PoolTimeout("none free", 1, 1, 1)))


@pytest.mark.parametrize("error", WHOLE, ids=name_of)
def test_an_error_prints_its_message_and_its_notes_once(error: QuantDBError) -> None:
    noted = copy.copy(error)
    noted.add_note("in between.sql, line 4")

    said = "".join(traceback.format_exception(noted))

    assert said.count(error.message) == 1
    assert said.count("in between.sql, line 4") == 1


def test_errors_are_compared_by_identity_and_can_stand_in_a_set() -> None:
    assert NotFound("a") != NotFound("a")
    assert len(set(WHOLE)) == len(WHOLE)


def test_what_is_not_said_is_neutral() -> None:
    assert (InexactValue("message").field, InexactValue("message").row) == ("", None)
    assert (Conflict("message").constraint, Conflict("message").row) == ("", None)
    timeout = PoolTimeout("message")
    assert (timeout.size, timeout.in_use, timeout.waiting) == (0, 0, 0)
