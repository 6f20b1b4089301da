"""Tests of the Donostia parking domain."""
