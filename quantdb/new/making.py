"""Statements that make what has no IF NOT EXISTS: types and a partition."""

from quantdb.new.table import MadeType

__all__ = ["made_type", "only_partition", "quoted_text"]


def quoted_text(value: str) -> str:
    """Return a text as a statement has it."""
    escaped = value.replace("'", "''")
    return f"'{escaped}'"


def made_type(made: MadeType, *, whole: bool) -> str:
    """Return the statement that makes a type unless it is there.

    Args:
        made: The type.
        whole: Whether a domain has its default and its checks.
    """
    return _block(
        [
            f"    CREATE {_type(made, whole=whole)};",
            "EXCEPTION WHEN duplicate_object THEN NULL;",
        ]
    )


def only_partition(table: str, partition: str, key: str) -> str:
    """Return the statement that makes a partition for every row, unless there are others.

    Args:
        table: The table, as a statement has it.
        partition: What the partition is called, as a statement has it.
        key: What the table is partitioned by.
    """
    hashed = key.upper().startswith("HASH")
    bound = "FOR VALUES WITH (MODULUS 1, REMAINDER 0)" if hashed else "DEFAULT"
    return _block(
        [
            "    IF NOT EXISTS (",
            f"        SELECT FROM pg_inherits WHERE inhparent = {quoted_text(table)}::regclass",
            "    ) THEN",
            f"        CREATE TABLE {partition} PARTITION OF {table} {bound};",
            "    END IF;",
        ]
    )


def _block(lines: list[str]) -> str:
    tag = "$quantdb$"
    while any(tag in line for line in lines):
        tag = f"{tag[:-1]}_$"
    return "\n".join([f"DO {tag}BEGIN", *lines, f"END{tag};"])


def _type(made: MadeType, *, whole: bool) -> str:
    match made.kind:
        case "e":
            return f"TYPE {made.sql_name} AS ENUM ({', '.join(map(quoted_text, made.labels))})"
        case "c":
            return f"TYPE {made.sql_name} AS ({', '.join(made.attributes)})"
        case "r":
            named = f", multirange_type_name = {made.multirange}" if made.multirange else ""
            return f"TYPE {made.sql_name} AS RANGE (subtype = {made.base}{named})"
        case _:
            return " ".join(
                [f"DOMAIN {made.sql_name} AS {made.base}", *_clauses(made, whole=whole)]
            )


def _clauses(made: MadeType, *, whole: bool) -> list[str]:
    return [
        *([f"DEFAULT {made.expression}"] if made.expression is not None and whole else []),
        *(["NOT NULL"] if made.not_null else []),
        *(made.checks if whole else []),
    ]
