"""From the portal's records to tables: typed crimes, kept rejects, and the enriched crimes that models learn from."""
