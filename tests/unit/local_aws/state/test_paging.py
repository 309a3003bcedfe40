"""Paging: pages join to the whole, whatever is made or deleted between them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local_aws.state.paging import BadToken, page


def all_pages(items: list[str], limit: int, *, descending: bool = False) -> list[list[str]]:
    pages, token = [], None
    while True:
        found, token = page(items, token=token, limit=limit, key=str, descending=descending)
        pages.append(found)
        if token is None:
            return pages


@given(st.sets(st.text()), st.integers(1, 5), st.booleans())
def test_pages_join_to_the_whole(items: set[str], limit: int, descending: bool) -> None:
    ordered = sorted(items, reverse=descending)
    pages = all_pages(ordered, limit, descending=descending)
    assert [item for found in pages for item in found] == ordered
    assert all(len(found) == limit for found in pages[:-1])


def test_no_empty_last_page() -> None:
    assert all_pages(["a", "b"], 2) == [["a", "b"]]


def test_a_deleted_item_hides_nothing() -> None:
    _, token = page(["a", "b", "c"], token=None, limit=2, key=str)
    assert page(["a", "c", "d"], token=token, limit=2, key=str) == (["c", "d"], None)


def test_keys_of_several_parts() -> None:
    items = [(2.5, "a"), (2.5, "b"), (3.0, "a")]
    found, token = page(items, token=None, limit=1, key=lambda item: item)
    assert page(items, token=token, limit=None, key=lambda item: item) == (items[1:], None)
    assert found == items[:1]


@pytest.mark.parametrize("token", ["made up", "e30=", "\u00e4", "====", "Mw=="])
def test_a_token_that_was_never_given(token: str) -> None:
    with pytest.raises(BadToken):
        page(["a"], token=token, limit=1, key=str)


def test_a_token_of_another_list() -> None:
    _, token = page([1, 2], token=None, limit=1, key=int)
    with pytest.raises(BadToken):
        page(["a"], token=token, limit=1, key=str)
