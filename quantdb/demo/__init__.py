"""The main job: a strategy on real prices, on Ray, into PostgreSQL; run by ``quantdb demo``."""
