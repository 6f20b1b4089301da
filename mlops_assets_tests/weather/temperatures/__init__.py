"""From measurements to tables."""
