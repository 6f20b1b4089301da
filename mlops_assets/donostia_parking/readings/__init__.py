"""From snapshots to tables: readings, kept rejects, car parks and the hourly series."""
