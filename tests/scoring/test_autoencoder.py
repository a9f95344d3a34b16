from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from adt_gym import InputError, Series, scoring
from adt_gym.scoring.autoencoder import AutoEncoder, Epoch
from adt_gym.scoring.scaling import quantile

WINDOW = 8
SPIKE = 150


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    """More threads do not speed up such small networks, and on a busy machine they wait for each other."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def wave(
    name: str = "wave", points: int = 240, phase: float = 0.0, scale: float = 1.0, spike: int | None = None
) -> Series:
    """A noisy sine; the point ``spike`` is an anomaly."""
    noise = np.random.default_rng(len(name)).normal(0, 0.05, points)
    values = scale * (np.sin(np.arange(points) / 6 + phase) + noise)
    labels = np.zeros(points, bool)
    if spike is not None:
        values[spike] += 4 * scale
        labels[spike] = True
    return Series(values, labels, name)


def wide(name: str = "wide", points: int = 120) -> Series:
    values = np.column_stack([wave(points=points, phase=phase).values[:, 0] for phase in (0, 1, 2, 3)])
    return Series(values, np.zeros(points), name)


def quick(**settings: Any) -> AutoEncoder:
    return AutoEncoder(**{"window": WINDOW, "epochs": 3, "batch_size": 32, "candidates": 1, **settings})


def weights(scorer: AutoEncoder) -> list[NDArray[np.floating]]:
    """The matrix and the bias of each layer, in their order, as the scorer's file has them."""
    with TemporaryDirectory() as folder:
        scorer.save(Path(folder) / "scorer.npz")
        with np.load(Path(folder) / "scorer.npz") as arrays:
            return [arrays[name] for name in arrays if name.startswith("weights/")]


def widths(scorer: AutoEncoder) -> list[int]:
    matrices = weights(scorer)[::2]
    return [matrices[0].shape[1], *(matrix.shape[0] for matrix in matrices)]


def same_weights(one: AutoEncoder, other: AutoEncoder) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(weights(one), weights(other), strict=True))


def naive_errors(scorer: AutoEncoder, scaled: NDArray[np.floating], starts: Any = None) -> NDArray[np.float64]:
    """Mean squared reconstruction error, window by window and layer by layer: ReLU inside, a sigmoid at the end."""
    parameters = [torch.from_numpy(array).double() for array in weights(scorer)]
    layers = list(zip(parameters[::2], parameters[1::2], strict=True))
    errors = []
    for start in range(len(scaled) - WINDOW + 1) if starts is None else starts:
        window = torch.from_numpy(scaled[start : start + WINDOW].astype(np.float64).flatten())
        x = window
        for weight, bias in layers[:-1]:
            x = torch.clamp(weight @ x + bias, min=0)
        weight, bias = layers[-1]
        x = 1 / (1 + torch.exp(-(weight @ x + bias)))
        errors.append(float(((x - window) ** 2).sum() / len(window)))
    return np.array(errors)


def normal(series: Series) -> NDArray[np.floating]:
    return series.values[~series.labels].astype(np.float64)


def scaled_by(points: NDArray[np.floating], values: NDArray[np.floating]) -> NDArray[np.floating]:
    return (values - points.min(axis=0)) / (points.max(axis=0) - points.min(axis=0))


def normal_starts(series: Series) -> list[int]:
    return [t for t in range(len(series) - WINDOW + 1) if not series.labels[t : t + WINDOW].any()]


# The network


@pytest.mark.parametrize(
    ("series", "window", "expected"),
    [
        (wave(), 12, [12, 6, 3, 3, 3, 6, 12]),
        (wave(), 40, [40, 20, 10, 3, 10, 20, 40]),
        (wide(), 30, [120, 60, 30, 100, 30, 60, 120]),
        (wave(), 1, [1, 1, 1, 3, 1, 1, 1]),
    ],
)
def test_the_layers_have_the_papers_widths(series: Series, window: int, expected: list[int]) -> None:
    assert widths(quick(window=window, epochs=1).fit([series])) == expected


def test_the_latent_layer_may_be_chosen() -> None:
    assert widths(quick(latent=7, epochs=1).fit([wave()])) == [8, 4, 2, 7, 2, 4, 8]


# Training


def test_anomalous_points_do_not_reach_the_training() -> None:
    series = wave(spike=SPIKE)
    other = series.values.copy()
    other[SPIKE] = -1e6
    one, two = quick().fit([series]), quick().fit([replace(series, values=other)])
    assert same_weights(one, two)
    assert one.curve == two.curve
    normal_windows = normal_starts(series)
    np.testing.assert_array_equal(
        one.score(series).scores[normal_windows], two.score(replace(series, values=other)).scores[normal_windows]
    )


def test_training_without_labels_takes_every_window() -> None:
    labelled = wave()
    assert same_weights(quick().fit([labelled]), quick().fit([replace(labelled, labels=None)]))


def test_the_loss_is_over_the_normal_windows_of_each_series_and_none_between_two() -> None:
    # A learning rate of 0 keeps the first weights, so that the loss of the epoch can be computed from them.
    series = [wave("a", 60, spike=30), wave("bb", 45, phase=2, scale=100), wave("c", WINDOW)]
    scorer = quick(epochs=1, learning_rate=0.0, validation=0.0, double=True).fit(series)
    errors = [naive_errors(scorer, scaled_by(normal(s), s.values), normal_starts(s)) for s in series]
    assert [len(part) for part in errors] == [45, 38, 1]
    assert scorer.curve[0].training == pytest.approx(np.concatenate(errors).mean(), rel=1e-5)
    assert scorer.curve[0].validation is None


def test_the_validation_part_is_the_last_normal_windows_of_each_series() -> None:
    series = [wave("a", 57), wave("bb", 107, spike=20)]
    scorer = quick(epochs=1, learning_rate=0.0, validation=0.2, double=True).fit(series)
    errors = [naive_errors(scorer, scaled_by(normal(s), s.values), normal_starts(s)) for s in series]
    last = [errors[0][40:], errors[1][74:]]  # a fifth of 50 and, rounded down, of 92
    assert scorer.curve[0].validation == pytest.approx(np.concatenate(last).mean(), rel=1e-5)


@pytest.mark.parametrize("candidates", [1, 3])
def test_on_epoch_sees_the_whole_curve(candidates: int) -> None:
    seen: list[Epoch] = []
    scorer = quick(epochs=20, candidates=candidates).fit([wave()], seen.append)
    assert seen == scorer.curve
    assert [epoch.epoch for epoch in seen] == list(range(1, 21))
    assert all(epoch.validation is not None and epoch.validation > 0 for epoch in seen)


def test_the_losses_of_an_easy_signal_fall() -> None:
    series = Series(np.sin(np.arange(600) / 6), np.zeros(600), "sine")
    first, *_, last = quick(epochs=60, candidates=8).fit([series]).curve
    assert last.training < first.training / 5
    assert last.validation < first.validation / 5


def test_candidates_never_end_the_first_tenth_worse_than_one() -> None:
    one, many = (quick(epochs=10, candidates=candidates).fit([wave()]) for candidates in (1, 6))
    assert many.curve[0].training <= one.curve[0].training


def test_a_seed_gives_one_scorer() -> None:
    one, two, other = (quick(seed=seed).fit([wave()]) for seed in (3, 3, 4))
    assert same_weights(one, two)
    np.testing.assert_array_equal(one.score(wave()).scores, two.score(wave()).scores)
    assert not same_weights(one, other)


def test_training_leaves_the_global_generator_of_torch_alone() -> None:
    before = torch.get_rng_state()
    quick(epochs=1).fit([wave()])
    assert torch.equal(torch.get_rng_state(), before)


# Scores


@pytest.fixture(scope="module")
def training() -> list[Series]:
    return [wave("a", spike=SPIKE), wave("bb", phase=1, scale=50)]


@pytest.fixture(scope="module")
def fitted(training: list[Series]) -> AutoEncoder:
    return quick(epochs=15, candidates=4).fit(training)


def test_a_raw_score_is_the_error_on_values_scaled_by_the_normal_points_of_the_past(
    fitted: AutoEncoder, training: list[Series]
) -> None:
    for series in training:
        other = wave("judged", 60, scale=3)
        for judged in (series, other):
            errors = naive_errors(fitted, scaled_by(normal(series), judged.values))
            scored = fitted.score(judged, series)
            np.testing.assert_allclose(scored.raw, errors, rtol=1e-3)
            np.testing.assert_allclose(scored.past, [] if judged is series else fitted.score(series, series).raw)


@pytest.mark.parametrize("points", [WINDOW, 60])
def test_a_series_without_a_past_is_scaled_by_all_training_series(
    fitted: AutoEncoder, training: list[Series], points: int
) -> None:
    pool = np.concatenate([normal(series) for series in training])
    usual = np.concatenate([naive_errors(fitted, scaled_by(normal(s), s.values)) for s in training])
    unknown = wave(training[0].name, points, phase=0.5, scale=20)  # a name is a name
    errors = naive_errors(fitted, scaled_by(pool, unknown.values))
    scored = fitted.score(unknown)
    np.testing.assert_allclose(scored.raw, errors, rtol=1e-3)
    np.testing.assert_allclose(scored.scores, quantile(usual)(errors), atol=1e-4)
    assert len(scored.past) == 0


def test_more_windows_than_a_batch_are_scored_like_few(fitted: AutoEncoder) -> None:
    series = wave("a", 9000)
    scores = fitted.score(series).scores
    assert len(scores) == 9000 - WINDOW + 1
    for start in (0, 4090, 4096, 8185):
        part = fitted.score(series[start : start + WINDOW + 7]).scores
        np.testing.assert_allclose(scores[start : start + 8], part, atol=1e-5)


def test_the_extremes_of_a_test_series_leave_the_other_windows_scores_alone(fitted: AutoEncoder) -> None:
    series = wave("a", 80, phase=2)
    extreme = series.values.copy()
    extreme[-1] = 1e9
    before, after = fitted.score(series).scores, fitted.score(replace(series, values=extreme)).scores
    np.testing.assert_array_equal(after[:-1], before[:-1])
    assert before[-1] < after[-1] < 1.0


def test_a_spike_scores_higher_than_normal_windows(fitted: AutoEncoder, training: list[Series]) -> None:
    scored = fitted.score(training[0], training[0])
    assert scored.labels.sum() == WINDOW
    assert scored.scores[scored.labels].min() > np.quantile(scored.scores[~scored.labels], 0.95)


def test_scores_come_with_the_labels_and_times_of_their_windows(fitted: AutoEncoder) -> None:
    index = np.datetime64("2020-01-01T00", "h") + np.arange(40)
    labels = np.arange(40) == 20
    scored = fitted.score(Series(wave(points=40).values, labels, "a", index))
    assert scored.name == "a"
    assert scored.labels.tolist() == [13 <= t <= 20 for t in range(33)]
    np.testing.assert_array_equal(scored.index, index[WINDOW - 1 :])
    assert scored.scores.min() > 0
    assert scored.scores.max() <= 1


def test_a_series_without_labels_is_scored_alike(fitted: AutoEncoder, training: list[Series]) -> None:
    unlabelled = fitted.score(replace(training[0], labels=None))
    np.testing.assert_array_equal(unlabelled.scores, fitted.score(training[0]).scores)
    assert unlabelled.labels is None


def test_wide_series_are_scored_over_all_their_columns() -> None:
    series = wide()
    scorer = quick().fit([series])
    errors = naive_errors(scorer, scaled_by(series.values, series.values))
    np.testing.assert_allclose(scorer.score(series).raw, errors, rtol=1e-3)


def test_a_constant_series_has_finite_scores() -> None:
    series = Series(np.full(60, 3.0), np.zeros(60), "constant")
    assert np.isfinite(quick().fit([series]).score(series).scores).all()


# Files


@pytest.mark.parametrize("double", [False, True])
def test_a_loaded_scorer_scores_alike(training: list[Series], tmp_path: Path, double: bool) -> None:
    scorer = quick(double=double, validation=0.0).fit(training)
    scorer.save(tmp_path / "new" / "scorer.npz")
    loaded = AutoEncoder.load(tmp_path / "new" / "scorer.npz")
    assert loaded.settings == scorer.settings
    assert loaded.curve == scorer.curve
    for series in (*training, wave("unknown", 50, scale=9)):
        np.testing.assert_array_equal(loaded.score(series).scores, scorer.score(series).scores)
    assert [file.name for file in (tmp_path / "new").iterdir()] == ["scorer.npz"]


def cut_short(path: Path) -> None:
    quick(epochs=1).fit([wave()]).save(path)
    path.write_bytes(path.read_bytes()[:-200])


@pytest.mark.parametrize(
    "write",
    [
        Path.touch,
        lambda path: path.write_text("t,value\n0,1\n"),
        lambda path: np.savez(path, weights=np.zeros(3)),
        lambda path: np.savez(path, header=np.array("{}")),
        lambda path: np.savez(path, header=np.array([{"settings": {}}], dtype=object)),
        cut_short,
    ],
    ids=["empty", "text", "other arrays", "other header", "pickle", "cut short"],
)
def test_a_file_of_something_else_is_refused(tmp_path: Path, write: Callable[[Path], object]) -> None:
    write(tmp_path / "other.npz")
    with pytest.raises(InputError, match=r"other\.npz is not a scorer"):
        AutoEncoder.load(tmp_path / "other.npz")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"missing\.npz"):
        AutoEncoder.load(tmp_path / "missing.npz")


def test_another_ending_is_refused(fitted: AutoEncoder, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"scorer\.pt: .*\.npz"):
        fitted.save(tmp_path / "scorer.pt")
    assert not any(tmp_path.iterdir())


# Bad input


@pytest.mark.parametrize("labels", [np.zeros(WINDOW - 1), None])
def test_a_series_shorter_than_a_window(fitted: AutoEncoder, labels: NDArray[np.bool_] | None) -> None:
    short = Series(np.arange(WINDOW - 1), labels, "short")
    for use in (fitted.score, lambda series: quick().fit([wave(), series])):
        with pytest.raises(InputError, match=r"'short' has 7 points.*8"):
            use(short)


def test_other_columns(fitted: AutoEncoder) -> None:
    with pytest.raises(InputError, match="'wide' has 4 columns, the scorer knows 1"):
        fitted.score(wide())
    with pytest.raises(InputError, match="the same columns"):
        quick().fit([wave(), wide()])


def test_a_name_is_a_name() -> None:
    one, other = wave("a"), wave("b", scale=5)
    alike = replace(other, name="a")
    named, renamed = quick().fit([one, other]), quick().fit([one, alike])
    np.testing.assert_array_equal(named.score(other, other).scores, renamed.score(alike, alike).scores)


@pytest.mark.parametrize("labels", [np.ones(40), np.arange(40) % WINDOW == 0])
def test_no_window_without_an_anomaly(labels: NDArray[np.bool_]) -> None:
    with pytest.raises(InputError, match="no window of 8 points without an anomaly in flooded"):
        quick().fit([Series(np.arange(40), labels, "flooded")])


def test_a_series_without_a_normal_window_beside_one_with() -> None:
    flooded = Series(np.arange(40), np.ones(40), "flooded")
    scores = quick().fit([wave(), flooded]).score(flooded).scores
    assert np.isfinite(scores).all()


def test_no_series_at_all() -> None:
    with pytest.raises(InputError):
        quick().fit([])


def test_scoring_before_fitting() -> None:
    with pytest.raises(InputError, match="is not fitted: call fit"):
        quick().score(wave())


def test_saving_before_fitting(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="fit"):
        quick().save(tmp_path / "scorer.npz")
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize(
    "settings",
    [{"window": 0}, {"epochs": 0}, {"batch_size": 0}, {"candidates": 0}, {"candidates": -1}, {"latent": -1},
     {"validation": 1.0}, {"validation": -0.1}],
    ids=str,
)  # fmt: skip
def test_settings_out_of_range(settings: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=next(iter(settings))):
        AutoEncoder(**settings)


def test_an_unknown_setting_names_the_known_ones() -> None:
    with pytest.raises(InputError, match=r"unknown setting 'layers'; known: .*window"):
        scoring.make("autoencoder", layers=3)


def test_the_registry_makes_a_scorer() -> None:
    scorer = scoring.make("autoencoder", window=WINDOW)
    assert isinstance(scorer, scoring.Scorer)
    assert "autoencoder" in scoring.names()
