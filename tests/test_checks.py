import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from adt_gym.checks import MOST, InputError, first_line, flag, number, one_of, share, shown, whole

NOT_WHOLE = (2.0, True, np.True_, "2", None, math.nan, math.inf, [2], np.array([2]), np.array(2), 2j, Fraction(2), b"2")
NOT_NUMBERS = (True, np.False_, "0.5", None, math.nan, math.inf, -math.inf, [0.5], np.float32("nan"), 0.5j, 10**400)


@pytest.mark.parametrize("value", [1, 7, MOST, np.int8(3), np.uint64(4)], ids=repr)
def test_whole_numbers_become_pythons(value: Any) -> None:
    assert whole("k", value) == value
    assert type(whole("k", value)) is int


@pytest.mark.parametrize("value", NOT_WHOLE, ids=repr)
def test_what_is_no_whole_number_is_named_with_what_it_must_be(value: Any) -> None:
    with pytest.raises(InputError, match=r"^k must be a whole number of at least 1, got ") as caught:
        whole("k", value)
    assert str(caught.value).endswith(shown(value))


@pytest.mark.parametrize(
    ("value", "message"),
    [(0, "k must be at least 1, got 0"), (-5, "got -5"), (10**12, "k must be at most 1,000,000,000, got 10000")],
)
def test_whole_numbers_have_limits(value: int, message: str) -> None:
    with pytest.raises(InputError, match=message):
        whole("k", value)


@pytest.mark.parametrize("value", [0, 1, 0.5, np.float32(0.25), np.int64(1), Fraction(1, 2)], ids=repr)
@pytest.mark.parametrize("check", [number, share])
def test_numbers_become_pythons(check: Callable[..., float], value: Any) -> None:
    assert check("alpha", value) == value
    assert type(check("alpha", value)) is float


@pytest.mark.parametrize("value", NOT_NUMBERS, ids=lambda value: shown(value)[:20])
@pytest.mark.parametrize("check", [number, share])
def test_what_is_no_number_is_refused(check: Callable[..., float], value: Any) -> None:
    with pytest.raises(InputError, match=r"^alpha must be "):
        check("alpha", value)


def test_numbers_have_limits() -> None:
    with pytest.raises(InputError, match=r"^cost must be at least 0, got -0\.1$"):
        number("cost", -0.1, least=0)
    with pytest.raises(InputError, match=r"^alpha must be in \[0, 1\], got 1\.1$"):
        share("alpha", 1.1)


@pytest.mark.parametrize("value", [1, 0, "yes", None, np.int64(1)], ids=repr)
def test_only_true_and_false_are_flags(value: Any) -> None:
    assert flag("double", np.True_) is True
    with pytest.raises(InputError, match=r"^double must be True or False, got "):
        flag("double", value)


@pytest.mark.parametrize("value", ["huge", 5, None, ["mse"], {}], ids=repr)
def test_words_are_one_of_those_known(value: Any) -> None:
    with pytest.raises(InputError, match=r"^unknown loss .*; known: mse, huber$"):
        one_of("loss", value, ("mse", "huber"))


@pytest.mark.parametrize("value", [np.zeros((9, 9)), "a\nb" * 99, 10**5000, [[]] * 10**5], ids=lambda v: str(type(v)))
def test_a_value_is_shown_on_one_short_line(value: Any) -> None:
    assert "\n" not in shown(value)
    assert len(shown(value)) <= 80


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (ValueError("no variance\nsee the manual"), "ValueError: no variance"),
        (KeyError("a"), "KeyError: 'a'"),
        (RuntimeError(), "RuntimeError: "),
    ],
    ids=repr,
)
def test_of_an_error_of_another_library_its_type_and_first_line_are_told(error: Exception, line: str) -> None:
    assert first_line(error) == line
