"""The fault suite: a load that never stops, faults that strike it, and a ledger that is exact.

`scenarios` are the faults, `stage` is what they happen on. The tests run each once, in its short
form; ``make soak`` runs them in random order for as long as you like and writes a report.
"""
