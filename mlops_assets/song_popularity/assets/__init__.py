"""The assets of this domain, in the order in which data flows."""
