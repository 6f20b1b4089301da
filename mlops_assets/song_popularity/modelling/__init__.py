"""From training tracks to a model of popularity, its figures, and what it says of a day. Pure functions."""
