import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_type_hints

import pytest

from adt_gym import InputError, data, scoring, thresholds
from adt_gym.registry import Entry, Registry

RULES = Registry("rule", {name: Entry(f"adt_registry_example:{name}") for name in ("half", "broken")})


@pytest.fixture(autouse=True)
def example(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "adt_registry_example.py").write_text(
        "def half(number, *, up=False):\n    return -(-number // 2) if up else number // 2\n"
        "def broken():\n    raise TypeError('a defect of its own')\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "adt_registry_example", raising=False)


def test_a_name_is_called_with_its_options() -> None:
    assert RULES.make("half", number=7) == 3
    assert RULES.make("half", number=7, up=True) == 4


def test_an_unknown_name_lists_the_known_ones_and_imports_nothing() -> None:
    with pytest.raises(InputError, match="unknown rule 'third'; known: broken, half"):
        RULES.make("third")
    assert "adt_registry_example" not in sys.modules


@pytest.mark.parametrize("options", [{"number": 7, "down": True}, {}])
def test_options_that_do_not_fit_name_those_that_do(options: dict[str, object]) -> None:
    with pytest.raises(InputError, match=r"rule 'half': .*; it takes \(number, \*, up=False\)"):
        RULES.make("half", **options)


def test_a_defect_is_not_taken_for_bad_input() -> None:
    with pytest.raises(TypeError, match="a defect of its own"):
        RULES.make("broken")


@pytest.mark.parametrize("make", [data.load, scoring.make, thresholds.make])
def test_every_registry_of_the_package_refuses_an_unknown_name(make: Callable[[str], object]) -> None:
    with pytest.raises(InputError, match=r"unknown .* 'nonesuch'; known: "):
        make("nonesuch")


@pytest.mark.parametrize("module", [data, scoring, thresholds], ids=lambda module: module.__name__)
def test_every_name_of_the_package_stands_for_something(module: Any) -> None:
    make = module.load if module is data else module.make
    for name in module.names():
        with pytest.raises(InputError, match=r"it takes|unknown setting"):
            make(name, no_such_option=1)


@pytest.mark.parametrize("registry", [scoring.registry, thresholds.registry])
def test_a_function_is_refused_where_what_it_makes_is_saved(registry: Registry) -> None:
    with pytest.raises(InputError, match=f"{registry.kind} 'mine': register the class, not a function"):
        registry.register("mine", lambda: None)
    assert "mine" not in registry.names()


def numeric_options() -> list[tuple[str, str, type]]:
    """Return every number that a method takes: its name, the option, and the type."""
    found = []
    for name in thresholds.names():
        factory = thresholds.registry[name].load()
        for option, kind in get_type_hints(factory.__init__).items():
            found += [(name, option, kind)] if kind in (int, float, bool) else []
    return found


@pytest.mark.parametrize(("name", "option", "kind"), numeric_options(), ids=str)
def test_an_option_of_another_type_is_named(name: str, option: str, kind: type) -> None:
    bad = {int: (2.0, True, "x", None, [2], 10**12), float: (True, "x", None, float("nan")), bool: (1, "x", None)}[kind]
    for value in bad:
        with pytest.raises(InputError, match=rf"method '{name}': {option} must be "):
            thresholds.make(name, **{option: value})
