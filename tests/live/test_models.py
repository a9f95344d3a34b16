from pathlib import Path

import numpy as np
import pytest
from streams import CONFIG, MINUTE, PAST, START, config, values

from adt_gym import InputError, Monitor, Series, scoring
from adt_gym.live.models import Models, packed, strangest, unpacked, usual
from adt_gym.scored_files import save_scored


def past(columns: int = 1) -> Series:
    times = np.array([START + i * MINUTE for i in range(PAST)], "M8[ms]")
    return Series(values(0, PAST, columns), index=times, columns=tuple(f"m{i}" for i in range(columns)))


def model(**words: object) -> str:
    given = "\n".join(f"{name} = {value!r}" for name, value in words.items())
    return CONFIG.replace("[model]", f"[model]\n{given}")


def test_every_scorer_with_every_seed_is_a_member() -> None:
    models = Models(config("", model(scorers=["pca", "isolation"], seeds=[0, 1])))
    assert [tuple(one) for one in models.members] == [("pca", 0), ("pca", 1), ("isolation", 0), ("isolation", 1)]
    monitors = models.fit(past())
    assert [one.scorer.settings.seed for one in monitors] == [0, 1, 0, 1]


def test_settings_of_scorers_and_the_method_are_theirs() -> None:
    text = model(method="quantile") + "[model.method_options]\nq = 0.9\n[model.scorer_options.pca]\nvariance = 0.5\n"
    models = Models(config("", text))
    assert models.method.q == 0.9  # type: ignore[attr-defined]
    assert models.fit(past())[0].scorer.settings.variance == 0.5


def test_a_method_that_learns_from_labels_needs_a_run_and_learns_from_its_scores(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"static learns from labelled series; name as model.run a folder of adt run"):
        Models(config("", model(method="static")))
    scorer = scoring.make("pca", window=5).fit([past()])
    labels = np.zeros(PAST, bool)
    labels[60:70] = True
    scored = scorer.score(Series(past().values, labels))
    save_scored(tmp_path / "scores-train.npz", [scored])
    scorer.save(tmp_path / "scorer.npz")
    models = Models(config("", model(method="static", run=str(tmp_path))))
    from adt_gym import thresholds

    assert models.method.threshold == thresholds.make("static").fit([scored]).threshold  # type: ignore[attr-defined]
    assert models.scorers(past())[0].settings == scorer.settings
    with pytest.raises(FileNotFoundError, match=r"model\.run: .* is no folder"):
        Models(config("", model(run=str(tmp_path / "none"))))


def test_a_scorer_and_a_past_are_what_they_were() -> None:
    known = past(2)
    scorer = scoring.make("pca", window=5, scaling="tail").fit([known])
    again, series = unpacked(*packed(scorer, known))
    np.testing.assert_array_equal(series.values, known.values)
    np.testing.assert_array_equal(series.index, known.index)
    assert series.columns == ("m0", "m1")
    method = Models(config()).method
    one, other = Monitor(scorer, method, known), Monitor(again, method, series)
    for i in range(20):
        time = np.datetime64(START + (PAST + i) * MINUTE, "ms")
        assert one.push(time, [0.1 * i, 1.0]) == other.push(time, [0.1 * i, 1.0])


def test_what_stands_out_the_most_comes_first() -> None:
    known = Series(np.array([[0.0, 10.0, 5.0], [1.0, 12.0, 5.0], [2.0, 14.0, 5.0]]))
    found = strangest([[4.0, 12.0, 5.0], [1.5, 12.5, 5.0]], ("a", "b", "c"), *usual(known))
    assert [(one["name"], one["distance"]) for one in found] == [("a", 3.0), ("b", 0.25), ("c", 0.0)]
    assert [one["usual"] for one in found] == [1.0, 12.0, 5.0]
    assert [one["value"] for one in found] == [4.0, 12.5, 5.0]
    moved = strangest([[1.0, 12.0, 5.1], [1.0, 12.0, 5.0]], ("a", "b", "c"), *usual(known))[0]
    assert (moved["name"], moved["distance"]) == ("c", None)  # it never moved: infinitely strange


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("scorer_options = {pca = {windw = 3}}", "pca: unknown setting 'windw'"),
        ("method_options = {dealy = 3}", "pretrained has no option 'dealy'"),
    ],
)
def test_an_option_that_is_none_is_an_error_at_once(text: str, says: str) -> None:
    with pytest.raises(InputError, match=says):
        Models(config(text=CONFIG.replace("[model]", f"[model]\n{text}")))


@pytest.mark.filterwarnings("error")
def test_a_series_that_never_moved_is_learned_from_in_silence() -> None:
    times = np.array([START + i * MINUTE for i in range(PAST)], "M8[ms]")
    assert Models(config()).fit(Series(np.ones((PAST, 1)), index=times))
