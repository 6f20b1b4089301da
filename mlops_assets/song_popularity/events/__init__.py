"""From messages of the log to events, dead letters, tracks and history. Pure functions."""
