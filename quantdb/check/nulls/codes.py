"""The numbers that PostgreSQL's parse trees hold where its sources have names."""

from enum import IntEnum, IntFlag
from typing import Final

__all__ = [
    "BOOL_TYPE",
    "CONFLICT_UPDATES",
    "CURRENT_SCHEMA",
    "IMPLICIT_CAST",
    "IS_NOT_NULL",
    "VOID_TYPE",
    "Action",
    "BooleanTest",
    "Entry",
    "Frame",
    "GroupingSet",
    "Join",
    "JsonBehavior",
    "JsonFound",
    "JsonMade",
    "Link",
    "Match",
    "Parameter",
    "PgType",
    "Returning",
    "SetOperation",
    "Xml",
]

IS_NOT_NULL: Final = 1
"""What a NULL test asks (nulltesttype)."""
CURRENT_SCHEMA: Final = 14
"""Of the functions without parentheses, the one that can be NULL (op)."""
CONFLICT_UPDATES: Final = 2
"""What ON CONFLICT does (action)."""
IMPLICIT_CAST: Final = 2
"""How a function came to be called (funcformat)."""
BOOL_TYPE: Final = 16
"""The OID of boolean."""
VOID_TYPE: Final = 2278
"""The OID of void, which the driver gives as None."""


class PgType(IntEnum):
    """The OIDs of the types that have infinity or NaN."""

    FLOAT4 = 700
    FLOAT8 = 701
    DATE = 1082
    TIMESTAMP = 1114
    TIMESTAMPTZ = 1184
    INTERVAL = 1186
    NUMERIC = 1700


class Entry(IntEnum):
    """What an entry of the range table is (rtekind)."""

    RELATION = 0
    SUBQUERY = 1
    JOIN = 2
    FUNCTION = 3
    TABLE_FUNCTION = 4
    VALUES = 5
    CTE = 6
    RESULT = 8
    GROUP = 9


class Join(IntEnum):
    """What a join keeps (jointype)."""

    INNER = 0
    LEFT = 1
    FULL = 2
    RIGHT = 3


class Link(IntEnum):
    """What a query in an expression stands for (subLinkType)."""

    EXISTS = 0
    ALL = 1
    ANY = 2
    ROW_COMPARISON = 3
    VALUE = 4
    SEVERAL = 5
    ARRAY = 6


class Parameter(IntEnum):
    """What a parameter is (paramkind): ``$n``, a column behind IN, one of SET (a, b) = (…)."""

    GIVEN = 0
    TESTED = 2
    SEVERAL = 3


class BooleanTest(IntEnum):
    """What IS asks of a boolean (booltesttype); one that is even and the next are opposites."""

    IS_TRUE = 0
    IS_NOT_TRUE = 1
    IS_FALSE = 2
    IS_NOT_FALSE = 3
    IS_UNKNOWN = 4
    IS_NOT_UNKNOWN = 5


class GroupingSet(IntEnum):
    """What an item of GROUP BY is (kind)."""

    EMPTY = 0
    SIMPLE = 1
    ROLLUP = 2
    CUBE = 3
    SETS = 4


class SetOperation(IntEnum):
    """How two queries are put together (op)."""

    UNION = 1
    INTERSECT = 2
    EXCEPT = 3


class Match(IntEnum):
    """When a MERGE acts (matchKind)."""

    MATCHED = 0
    NOT_MATCHED_BY_SOURCE = 1
    NOT_MATCHED_BY_TARGET = 2


class Action(IntEnum):
    """What a MERGE does (commandType)."""

    UPDATE = 2
    INSERT = 3
    DELETE = 4


class Returning(IntEnum):
    """Which row RETURNING means (varreturningtype)."""

    DEFAULT = 0
    OLD = 1
    NEW = 2


class Frame(IntFlag):
    """Where a window's frame begins and ends, and what it leaves out (frameOptions)."""

    FROM_UNBOUNDED_PRECEDING = 0x20
    TO_UNBOUNDED_FOLLOWING = 0x100
    FROM_CURRENT_ROW = 0x200
    TO_CURRENT_ROW = 0x400
    FROM_PRECEDING = 0x800
    TO_FOLLOWING = 0x4000
    WITHOUT_CURRENT_ROW = 0x8000
    WITHOUT_GROUP = 0x10000


class Xml(IntEnum):
    """What an XML expression is (op)."""

    CONCAT = 0
    ELEMENT = 1
    FOREST = 2
    PARSE = 3
    PI = 4
    ROOT = 5
    SERIALIZE = 6
    DOCUMENT = 7


class JsonMade(IntEnum):
    """What makes JSON (type)."""

    OBJECT = 1
    ARRAY = 2


class JsonFound(IntEnum):
    """What is looked for in JSON (op)."""

    EXISTS = 0
    QUERY = 1
    VALUE = 2


class JsonBehavior(IntEnum):
    """What stands where nothing is found, or an error (btype)."""

    NULL = 0
    UNKNOWN = 5
