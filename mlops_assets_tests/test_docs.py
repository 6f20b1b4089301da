"""Guides lead where they say."""

import re
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[1]
PAGES = sorted(path.relative_to(PROJECT) for path in [*PROJECT.glob("*.md"), *PROJECT.glob("docs/**/*.md")])
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


def anchors(page: Path) -> set[str]:
    """Return what a link to a part of a page may say, as GitHub makes it of headings."""
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in _HEADING.findall(page.read_text())}


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_links_lead_to_files_and_headings_that_exist(page: Path) -> None:
    """Whoever follows a link within the repository arrives."""
    for link in _LINK.findall((PROJECT / page).read_text()):
        if "://" in link:
            continue
        name, _, anchor = link.partition("#")
        target = (PROJECT / page.parent / name).resolve() if name else PROJECT / page
        assert target.exists(), link
        if anchor and target.suffix == ".md":
            assert anchor in anchors(target), link


def test_every_guide_is_in_the_index() -> None:
    """A guide that the index does not name is read by nobody."""
    named = set(_LINK.findall((PROJECT / "docs" / "README.md").read_text()))
    assert {page.name for page in PAGES if page.parent.name == "docs" and page.name != "README.md"} <= named


def test_every_target_is_explained_once() -> None:
    """`make help` tells of each target that people may ask for, and no target is a file by accident."""
    makefile = (PROJECT / "Makefile").read_text()
    explained = set(re.findall(r"^([a-z-]+):.*## ", makefile, re.MULTILINE))
    phony = re.search(r"^\.PHONY: (.+)$", makefile, re.MULTILINE)
    assert phony is not None
    assert set(phony[1].split()) == explained
    for target in set(re.findall(r"`make ([a-z-]+)", "".join((PROJECT / page).read_text() for page in PAGES))):
        assert target in explained, target
