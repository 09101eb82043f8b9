"""What can be NULL in a statement: reasoning over its parse tree and the catalogue.

Each query of the statement is a *level* (`levels`). What is known in it (`known`) follows from its
conditions and from those of what it reads: which expressions are not NULL, and of which outer joins
a side was not filled up. With that, `expressions` goes through an expression, `sources` through the
columns of FROM, `returning` through those of rows that were written. ``False`` is said only of what
is proven.
"""
