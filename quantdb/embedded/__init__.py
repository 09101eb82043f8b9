"""A PostgreSQL server of one's own, for a laptop and for tests; nothing needs to be installed."""

from quantdb.embedded.postgres import EmbeddedPostgres

__all__ = ["EmbeddedPostgres"]
