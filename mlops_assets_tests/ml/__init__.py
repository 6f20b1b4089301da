"""Tests of what every domain's models share."""
