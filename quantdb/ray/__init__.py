"""quantdb on Ray: pools in workers, ids that survive a retry."""
