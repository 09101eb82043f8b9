"""A first model, statements, repository and test for a table that a database has."""
