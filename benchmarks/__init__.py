"""quantdb's benchmarks: the same work by quantdb, by asyncpg by hand, and by their peers.

`make bench` runs the quick form, `make bench ARGS=--full` all of it.
"""
