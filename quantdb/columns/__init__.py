"""Rows as columns: what a statement returns as Arrow, and Arrow into a table.

All of it needs the extra ``arrow``; nothing here is imported before it is wanted.
"""
