"""Files of records that a person downloaded or collected: finding them, recognizing what they hold, reading them as text.

Every export of a domain is read through this package, so that a dialect of CSV that one domain understands is understood by all.
It knows no domain: what a table's columns are called, and what its records look like, is said by a `TableKind`.
"""
