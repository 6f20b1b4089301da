"""Where snapshots come from: the live feed, historical files, or a simulated city; and how their bodies are read."""
