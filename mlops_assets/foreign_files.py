"""Files that nobody put there on purpose: what file managers, editors, spreadsheets and the consoles of buckets leave behind.

They turn up wherever people look at data: in export folders, in the lake, among landed objects. Nothing here ever has such a name.
"""

import re

_FOREIGN = re.compile(
    r"""
      (?:^|/) [.~\#]                                # .DS_Store, ._crimes.csv, .x.json.swp, ~$crimes.csv, #x.json#, hidden folders
    | ~ (?:/|$)                                     # x.json~
    | (?:^|/) (?:thumbs\.db|ehthumbs\.db|desktop\.ini|icon\r|__macosx) (?:/|$)
    | / $                                           # the marker that a bucket's console makes for an empty folder
    """,
    re.IGNORECASE | re.VERBOSE,
)


def is_foreign(name: str) -> bool:
    """Tell whether a file or object is none of ours by its name, a path with `/` between its parts."""
    return _FOREIGN.search(name) is not None
