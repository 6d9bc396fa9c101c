from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from refiner.files.names import safe_name


@pytest.mark.parametrize(
    "name",
    ["photo", "Foto 3 (2)", "видео", "视频", "é", "ガ", "नमस्ते", "naïve_1.v2", "صورة", "a-b"],
)
def test_letters_of_every_script_stay(name: str) -> None:
    assert safe_name(name, "x") == name


def test_a_decomposed_name_is_composed() -> None:
    assert safe_name(unicodedata.normalize("NFD", "Müller"), "x") == "Müller"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\photos\\cat", "cat"),
        ("<img src=x onerror=alert(1)>", "img src=x onerror=alert(1)"),
        ("a\0b\nc", "a-b-c"),
        ("a\u202egnp", "a-gnp"),
        ("..", "x"),
        ("", "x"),
        ("-rf", "rf"),
        ("con", "_con"),
        ("LPT1.tar", "_LPT1.tar"),
        ("\ud800", "x?"[:1]),
    ],
)
def test_what_is_unsafe_goes(name: str, expected: str) -> None:
    assert safe_name(name, "x") == expected


def test_long_names_that_begin_alike_stay_different() -> None:
    one, two = (safe_name("家" * 80 + end, "x") for end in "ab")
    assert one != two
    assert len(one.encode()) <= 150 and one.startswith("家家")
    assert safe_name("a" * 61, "x") != safe_name("a" * 62, "x")


@given(st.text())
def test_any_text_gives_a_name_that_is_its_own_safe_name(name: str) -> None:
    safe = safe_name(name, "x")
    assert 0 < len(safe) <= 61 and len(safe.encode()) <= 151
    assert not set(safe) & set('/\\:*?"<>|\0\n') and safe[0] not in ".-" and safe[-1] not in ". "
    assert safe_name(safe, "y") == safe
