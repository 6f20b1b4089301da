"""Tests of the Chicago crimes domain."""
