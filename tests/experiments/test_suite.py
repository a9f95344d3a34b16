from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adt_gym.experiments.suite import family_rounds, fold_of, related, unit_rounds

FAMILIES = st.dictionaries(
    st.sampled_from("abcdefg"),
    st.sets(st.integers(0, 25).map("unit-{:02d}".format), min_size=1, max_size=9),
    min_size=1,
)


def servers(names: Any, quiet: Any = ()) -> list[Any]:
    """Stand-ins for series: of those in ``quiet`` nothing is anomalous."""
    return [
        SimpleNamespace(name=name, judged=SimpleNamespace(labels=np.array([name not in quiet])))
        for name in sorted(names)
    ]


@given(FAMILIES)
def test_families_are_related_if_a_chain_of_common_units_leads_from_one_to_the_other(
    units: dict[str, set[str]],
) -> None:
    groups = related(units)
    assert sorted(one for group in groups for one in group) == sorted(units)
    reached = {one: {one} for one in units}
    for _ in units:
        for one, here in reached.items():
            reached[one] = here | {o for o in units for of in here if units[o] & units[of]}
    assert {frozenset(group) for group in groups} == {frozenset(one) for one in reached.values()}


@given(FAMILIES, st.integers(2, 5))
def test_no_unit_is_on_both_sides_of_a_split(units: dict[str, set[str]], folds: int) -> None:
    families = {family: servers(names) for family, names in units.items()}
    rounds = list(unit_rounds(families, folds))
    for one in rounds:
        assert not {o.name for o in one.train} & {o.name for o in one.tests}
        assert sorted(o.name for o in (*one.train, *one.tests)) == sorted(units[one.family])
        assert len(one.train) >= 2
    for family, members in families.items():
        tested = [o for one in rounds if one.family == family for o in one.tests]
        assert sorted(o.name for o in tested) == (sorted(units[family]) if len(members) > 2 else [])
    for group in related(units):
        fold = fold_of({one: units[one] for one in group}, folds)
        sizes = np.bincount(list(fold.values()))
        assert sizes.max() - sizes.min() <= 1
        assert set(fold) == set().union(*(units[one] for one in group))


@given(FAMILIES)
def test_no_family_learns_from_one_with_a_unit_of_its_own(units: dict[str, set[str]]) -> None:
    families = {family: servers(names) for family, names in units.items()}
    for one in family_rounds(families):
        assert [o.name for o in one.tests] == sorted(units[one.family])
        assert not {o.name for o in one.train} & units[one.family]


def test_units_of_one_name_are_in_one_fold_in_every_family() -> None:
    names = {"two": {f"service-{i:02d}" for i in range(15)}, "three": {f"service-{i:02d}" for i in range(5, 20)}}
    rounds = list(unit_rounds({family: servers(own) for family, own in names.items()}, 3))
    folds = [{o.name: one.fold for one in rounds if one.family == family for o in one.tests} for family in names]
    assert len(folds[0]) == len(folds[1]) == 15
    assert all(folds[0][one] == folds[1][one] for one in names["two"] & names["three"])


def test_a_small_family_is_left_out_one_by_one_and_one_that_cannot_teach_not_at_all(
    capsys: pytest.CaptureFixture[str],
) -> None:
    rounds = list(unit_rounds({"small": servers("abc"), "pair": servers("de"), "quiet": servers("fghi", "fg")}, 2))
    assert [(one.family, [o.name for o in one.tests]) for one in rounds] == [("small", [o]) for o in "abc"]
    told = capsys.readouterr().out
    assert "pair: left out of the panel of units" in told
    assert "quiet: left out of the panel of units" in told
