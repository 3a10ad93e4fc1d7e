from __future__ import annotations

import pytest

from peerstats.data.raw import plain


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("  a  b ", "a b"),
        ("Tecu\u0301n", "Tec\u00fan"),
        ("a\u200bb\ufeff", "ab"),
        ("\u00a0a\u00a0", "a"),
        ("soft\u00adhyphen", "softhyphen"),
        ("\u202eabc", "abc"),
        ("two\nlines", "two lines"),
        ("", ""),
    ],
)
def test_text_as_one_would_type_it(text: str, expected: str) -> None:
    assert plain(text) == expected
