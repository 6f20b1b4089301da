"""A sixth domain, as small as one can be: what docs/adding_a_domain.md asks for, copied beside the others by a test.

Its imports are relative, so that it works in both places.
"""

DOMAIN = "weather"
"""The first part of every asset key of this domain."""
