"""What a cluster of so many workers would need of a server: room for each, or a place in a line."""

from quantdb.cli.findings import Finding
from quantdb.room import Room

__all__ = ["of_cluster"]


def of_cluster(room: Room, workers: int, *, pooled: bool) -> list[Finding]:
    """Judge whether *workers* processes find the connections they need; each needs one."""
    spare = room.connections(pooled=pooled)
    found = [Finding("ok", "room", _of_room(room, spare, pooled=pooled))]
    if spare >= workers:
        each = spare // workers
        said = f"{workers} × {each}: each worker may open so many connections"
        return [*found, Finding("ok", "cluster", said)]
    if pooled:
        said = (
            f"{workers} workers have one connection each to the pooler, and take turns there on "
            f"{spare} of the server's; who waits too long is sent away (query_wait_timeout)"
        )
        advice = (
            f"see that the pooler takes {workers} clients more (max_client_conn), or let the tasks "
            f"call an actor that has {max(1, spare)} connections"
        )
        return [*found, Finding("warning", "cluster", said, advice)]
    said = (
        f"{workers} workers need one connection each, and there is room for {spare}: whoever is "
        "refused (53300) asks again until its acquire_timeout is up, and then fails with "
        "PoolTimeout"
    )
    return [*found, Finding("warning", "cluster", said, _advice(room, workers, spare))]


def _of_room(room: Room, spare: int, *, pooled: bool) -> str:
    parts = [
        f"{room.max_connections} max_connections",
        f"{room.reserved} reserved for superusers",
        f"{room.headroom} left for others to come",
    ]
    if not pooled:
        parts.append(f"{room.held} in use by others")
    said = " − ".join(parts)
    limits: list[str] = []
    if room.role_limit is not None:
        limits.append(f"{room.role_limit} for the role ({room.held_by_role} in use)")
    if room.database_limit is not None:
        limits.append(f"{room.database_limit} for the database ({room.held_in_database} in use)")
    most = f"; at most {' and '.join(limits)}" if limits else ""
    return f"{spare} connections to share: {said}{most}"


def _advice(room: Room, workers: int, spare: int) -> str:
    needed: list[str] = []
    if room.on_server(pooled=False) < workers:
        needed.append(
            f"raise max_connections to {room.needed(workers)} (a restart; each costs a few MB)"
        )
    if room.role_limit is not None and room.role_limit - room.held_by_role < workers:
        needed.append(f"ALTER ROLE … CONNECTION LIMIT {workers + room.held_by_role}")
    if room.database_limit is not None and room.database_limit - room.held_in_database < workers:
        needed.append(f"ALTER DATABASE … CONNECTION LIMIT {workers + room.held_in_database}")
    others = [
        "connect through a pooler (on Neon the -pooler host)",
        f"let the tasks call an actor that has {max(1, spare)} connections",
    ]
    if spare:
        others.append(f"run {spare} workers")
    return f"{' and '.join(needed)}; or {'; or '.join(others)}"
