"""One module a peer: ``connect(dsn, mode)`` gives what `benchmarks.peer` describes.

They are linted but not type checked: the peers' libraries are no dependency of quantdb's
development, are not installed where it is checked, and some have no types.
"""
