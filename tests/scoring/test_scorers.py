import warnings
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.ensemble import IsolationForest
from sklearn.metrics import r2_score
from statsmodels.tsa.arima.model import ARIMA

from adt_gym import scoring
from adt_gym.scaling import MinMax
from adt_gym.scoring.base import normal_windows
from adt_gym.scoring.forecast import Forecast
from adt_gym.scoring.isolation import Isolation
from adt_gym.scoring.networks import paper
from adt_gym.scoring.scaling import SCALINGS
from adt_gym.scoring.torch_scorer import TorchScorer
from adt_gym.series import InputError, Series

WINDOW = 5
SCORERS: list[tuple[str, dict[str, Any]]] = [
    ("dense", {"epochs": 1}),
    ("lstm", {"epochs": 1}),
    ("deep-tanh", {"epochs": 1}),
    ("deep-leaky", {"epochs": 1}),
    ("forecast", {"epochs": 1}),
    ("isolation", {"trees": 20}),
    ("arima", {"order": (1, 0, 0)}),
    ("prophet", {}),
    ("untrained", {}),
    ("pca", {}),
    ("nearest", {}),
    ("range", {}),
    ("seasonal", {}),
    ("pyod:ECOD", {}),
    ("pyod:KNN", {"options": {"n_neighbors": 3}}),
]


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


def wave(n: int, metrics: int = 2, seed: int = 0, name: str = "wave", spikes: tuple[int, ...] = ()) -> Series:
    """Return noisy waves of a period of 24 hours; spikes are labelled."""
    rng = np.random.default_rng(seed)
    values = np.sin(2 * np.pi * np.arange(n)[:, None] / 24 + np.arange(metrics)) + 0.1 * rng.standard_normal(
        (n, metrics)
    )
    labels = np.zeros(n, dtype=bool)
    labels[list(spikes)] = True
    values[labels] += 6
    index = np.datetime64("2024-01-01", "h") + np.arange(n)
    return Series(values.astype(np.float32), labels, name, index)


def fitted(name: str, options: dict[str, Any], **more: Any) -> scoring.Scorer:
    return scoring.make(name, window=WINDOW, **options, **more).fit([wave(300, spikes=(40, 41, 200))])


@pytest.mark.parametrize("scaling", SCALINGS)
@pytest.mark.parametrize(("name", "options"), SCORERS)
def test_a_spike_scores_highest_and_normal_training_windows_stay_on_the_scale(
    name: str, options: dict[str, Any], scaling: str
) -> None:
    scorer = fitted(name, options, scaling=scaling)
    assert scorer.label == name
    test = wave(120, seed=1, spikes=(60,))
    scored = scorer.score(test)
    np.testing.assert_array_equal(scored.labels, test.window_labels(WINDOW))
    assert scored.index is not None
    assert scored.index[0] == test.index[WINDOW - 1]  # type: ignore[index]
    assert scored.scores[scored.labels].min() >= np.quantile(scored.scores[~scored.labels], 0.8)
    assert scored.scores[scored.labels].max() == scored.scores.max()
    assert scored.meta["scorer"] == name


@pytest.mark.parametrize(("name", "options"), SCORERS)
def test_the_same_seed_gives_the_same_scores(name: str, options: dict[str, Any]) -> None:
    test = wave(60, seed=1)
    first, second = fitted(name, options), fitted(name, options)
    np.testing.assert_array_equal(first.score(test).scores, second.score(test).scores)


@pytest.mark.parametrize(("name", "options"), SCORERS)
def test_scores_do_not_depend_on_later_points(name: str, options: dict[str, Any]) -> None:
    scorer = fitted(name, options)
    whole, start = wave(120, seed=1, spikes=(100,)), wave(120, seed=1, spikes=(100,))[:80]
    scores = scorer.score(start).scores
    np.testing.assert_allclose(scorer.score(whole).scores[: len(scores)], scores, atol=1e-5)


@pytest.mark.parametrize(("name", "options"), SCORERS)
def test_scores_before_fit_of_other_columns_or_of_a_short_series_are_refused(
    name: str, options: dict[str, Any]
) -> None:
    with pytest.raises(InputError, match="is not fitted: call fit"):
        scoring.make(name, window=WINDOW, **options).score(wave(20))
    scorer = fitted(name, options)
    with pytest.raises(InputError, match="has 3 columns, the scorer knows 2"):
        scorer.score(wave(20, metrics=3))
    with pytest.raises(InputError, match="has 4 points, fewer than one window of 5"):
        scorer.score(wave(4))


def test_isolation_scores_are_those_of_scikit_learn() -> None:
    train, test = wave(300), wave(60, seed=1)
    scale = MinMax.fit(train.values)

    def rows(series: Series) -> np.ndarray:
        return scale(series.windows(WINDOW)).reshape(-1, WINDOW * 2).astype(np.float32)

    forest = IsolationForest(random_state=3).fit(rows(train))
    scored = Isolation(window=WINDOW, seed=3).fit([train]).score(test, train)
    np.testing.assert_allclose(scored.raw, -forest.score_samples(rows(test)), rtol=1e-5)
    np.testing.assert_allclose(scored.past, -forest.score_samples(rows(train)), rtol=1e-5)


def rows_of(series: Series, past: Series) -> np.ndarray:
    return MinMax.fit(past.values)(series.windows(WINDOW)).reshape(-1, WINDOW * 2)


def test_simple_scorers_are_what_they_say() -> None:
    train, test = wave(300), wave(60, seed=1)
    rows, judged = rows_of(train, train), rows_of(test, train)
    pca = np.linalg.svd(rows - rows.mean(axis=0), full_matrices=False)
    explained = np.cumsum(pca.S**2) / np.sum(pca.S**2)
    axes = pca.Vh[: np.searchsorted(explained, 0.9, side="right") + 1]
    centred = judged - rows.mean(axis=0)
    expected = {
        "pca": np.square(centred - centred @ axes.T @ axes).mean(axis=1),
        "nearest": np.linalg.norm(judged[:, None] - rows[None], axis=2).min(axis=1),
        "range": np.linalg.norm(judged, axis=1),
    }
    for name, scores in expected.items():
        np.testing.assert_allclose(
            scoring.make(name, window=WINDOW).fit([train]).score(test, train).raw, scores, rtol=1e-3, err_msg=name
        )


def test_a_window_is_not_its_own_nearest_neighbour() -> None:
    train = wave(100)
    rows = rows_of(train, train)
    distances = np.linalg.norm(rows[:, None] - rows[None], axis=2)
    np.fill_diagonal(distances, np.inf)
    raw = scoring.make("nearest", window=WINDOW).fit([train]).score(train, train).raw
    np.testing.assert_allclose(raw, distances.min(axis=1), rtol=1e-3)


def test_an_untrained_auto_encoder_is_the_trained_one_before_its_first_update() -> None:
    train = wave(100)
    untrained = scoring.make("untrained", window=WINDOW, seed=3).fit([train])
    torch.manual_seed(3)
    network = paper(WINDOW, 2, None)
    batch = torch.from_numpy(rows_of(train, train).astype(np.float32))
    with torch.inference_mode():
        expected = (network(batch) - batch).square().mean(dim=1).numpy()
    np.testing.assert_allclose(untrained.score(train, train).raw, expected, rtol=1e-4)
    assert untrained.curve == []  # type: ignore[attr-defined]


def test_isolation_draws_the_windows_it_is_fitted_on() -> None:
    train = [wave(300), wave(200, seed=2, name="other")]
    drawn = Isolation(window=WINDOW, fit_windows=50, trees=5).fit(train)
    everything = Isolation(window=WINDOW, trees=5).fit(train)
    for scorer, n in ((drawn, 50), (everything, 256)):  # the mean path through a tree of n windows, equation 1
        assert scorer._usual == pytest.approx(2 * (np.log(n - 1) + np.euler_gamma) - 2 * (n - 1) / n)


def test_arima_scores_are_the_largest_one_step_residuals_of_statsmodels() -> None:
    train, test = wave(300, metrics=1), wave(60, metrics=1, seed=1)
    y = train.values[:, 0].astype(float)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = ARIMA(y, order=(2, 0, 0)).fit()
    sizes = [np.abs(model.apply(x.values[:, 0].astype(float)).resid) for x in (train, test)]
    for size in sizes:
        size[0] = 0
    spread = (train.values[:, 0] - model.predict()).std()
    expected = [sizes[1][i : i + WINDOW].max() / spread for i in range(len(sizes[1]) - WINDOW + 1)]
    raw = scoring.make("arima", window=WINDOW, order=(2, 0, 0)).fit([train]).score(test, train).raw
    np.testing.assert_allclose(raw, expected, atol=0.02)


def test_prophet_scores_are_the_largest_distances_from_its_forecast() -> None:
    from prophet import Prophet

    train, test = wave(300, metrics=1)[:240], wave(300, metrics=1)[240:]
    model = Prophet(uncertainty_samples=0).fit(pd.DataFrame({"ds": train.index, "y": train.values[:, 0]}), seed=0)
    sizes = [np.abs(x.values[:, 0] - model.predict(pd.DataFrame({"ds": x.index})).yhat) for x in (train, test)]
    spread = (train.values[:, 0] - model.predict(pd.DataFrame({"ds": train.index})).yhat).std(ddof=0)
    strange = sizes[1].to_numpy()
    expected = [strange[i : i + WINDOW].max() / spread for i in range(len(strange) - WINDOW + 1)]
    raw = scoring.make("prophet", window=WINDOW).fit([train]).score(test, train).raw
    np.testing.assert_allclose(raw, expected, rtol=1e-3)


def test_the_worst_metric_counts_alone_if_asked_for() -> None:
    train, test = wave(300), wave(60, seed=1)
    values = test.values.copy()
    values[30, 0] += 3
    test = Series(values, test.labels, test.name, test.index)
    mean, worst = [
        scoring.make("arima", window=1, order=(1, 0, 0), across=across).fit([train])._raw(test, train)  # type: ignore[attr-defined]
        for across in ("mean", "worst")
    ]
    assert (worst >= mean).all()
    assert worst[30] > 1.5 * mean[30]


def test_models_per_series_want_the_past_of_the_series_and_prophet_one_without_times() -> None:
    two = scoring.make("arima", window=WINDOW, order=(1, 0, 0)).fit([wave(300), wave(300, seed=2, name="other")])
    with pytest.raises(InputError, match=r"a model of each of 2 series; give .* the past of series 'other'"):
        two.score(wave(20, name="other"))
    with pytest.raises(InputError, match="'series' has no times"):
        scoring.make("prophet", window=WINDOW).fit([Series(np.arange(50.0))])


def test_the_forecast_error_of_the_first_points_is_unknown_and_that_of_others_is_the_networks() -> None:
    scorer = Forecast(window=WINDOW, epochs=1).fit([wave(300)])
    test = wave(20, seed=1)
    values = scorer._scale(None)(test.values).astype(np.float32)
    errors = np.zeros(20)
    for t in range(WINDOW, 20):
        with torch.inference_mode():
            forecast = scorer._trained(torch.from_numpy(values[t - WINDOW : t + 1]).double().reshape(1, -1)).numpy()
        errors[t] = np.mean((forecast - values[t]) ** 2)
    expected = [errors[t : t + WINDOW].max() for t in range(20 - WINDOW + 1)]
    np.testing.assert_allclose(scorer._raw(test, None), expected, rtol=1e-4)


def test_the_curves_r2_is_scikit_learns_weighted_by_variance() -> None:
    train, test = wave(300), wave(100, seed=1, spikes=(50,))
    scorer = scoring.make("dense", window=WINDOW, epochs=2)
    assert isinstance(scorer, TorchScorer)
    last = scorer.fit([train], test=[(test, train)]).curve[-1]
    windows = scorer._scale(train)(test.windows(WINDOW)).reshape(-1, WINDOW * 2).astype(np.float32)
    with torch.inference_mode():
        rebuilt = scorer._trained(torch.from_numpy(windows).double()).numpy()
    assert last.test == pytest.approx(np.mean((windows - rebuilt) ** 2), rel=1e-4)
    assert last.test_r2 == pytest.approx(r2_score(windows, rebuilt, multioutput="variance_weighted"), abs=1e-3)


def test_dropout_does_not_touch_scores_nor_the_global_generator() -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    scorer = fitted("deep-leaky", {"epochs": 1})
    test = wave(60, seed=1)
    np.testing.assert_array_equal(scorer.score(test).scores, scorer.score(test).scores)
    assert torch.equal(torch.rand(3), expected)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("dense", {"latent": 3}, "only the preset 'paper' takes it"),
        ("autoencoder", {"preset": "wide"}, "unknown auto-encoder 'wide'"),
        ("dense", {"device": "abacus"}, "torch cannot use the device 'abacus'"),
        ("isolation", {"fit_windows": 1}, "fit_windows must be at least 2"),
        ("arima", {"order": (1, 0)}, "order needs three numbers"),
        ("arima", {"across": "best"}, "across must be 'worst' or 'mean'"),
        ("prophet", {"flexibility": 0}, "flexibility above 0"),
        ("pyod:NOPE", {}, "PyOD has no detector 'NOPE'"),
        ("pyod:KNN", {"options": {"size": 1}}, "pyod:KNN: .*size"),
        ("forecast", {"epochs": 0}, "epochs and batch_size must be at least 1"),
        ("isolation", {"window": 0}, "at least 1 point"),
        ("isolation", {"branches": 3}, "unknown setting 'branches'"),
        ("crystal ball", {}, "unknown scorer 'crystal ball'"),
    ],
)
def test_bad_settings_are_refused_in_one_line(name: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        scoring.make(name, **options)


def test_no_scorer_learns_from_or_scores_a_window_over_a_gap_in_time() -> None:
    train, test = (replace(wave(200, seed=s, spikes=(90,)), breaks=np.array([40, 120])) for s in (0, 1))
    starts = [row for row in range(200 - WINDOW + 1) if not any(row < cut < row + WINDOW for cut in (40, 120))]
    np.testing.assert_array_equal(test.window_starts(WINDOW), starts)
    clean = [row for row in starts if not train.labels[row : row + WINDOW].any()]  # type: ignore[index]
    np.testing.assert_array_equal(normal_windows(train, WINDOW), clean)
    for name, options in SCORERS:
        scorer = scoring.make(name, window=WINDOW, **options).fit([train])
        scored = scorer.score(test, train)
        assert len(scored) == len(scored.past) == len(starts), name
        np.testing.assert_array_equal(scored.index, test.index[WINDOW - 1 :][starts])  # type: ignore[index]
        np.testing.assert_array_equal(scored.labels, test.window_labels(WINDOW)[starts])


def test_a_forecast_does_not_look_back_over_a_gap() -> None:
    whole = wave(120)
    scorer = Forecast(window=WINDOW, epochs=1).fit([whole])
    jumped = whole.values.copy()
    jumped[:60] += 100
    after = [scorer.score(Series(v, None, "s", breaks=np.array([60])), whole).raw for v in (whole.values, jumped)]
    np.testing.assert_array_equal(after[0][60 - WINDOW + 1 :], after[1][60 - WINDOW + 1 :])


def test_nearest_finds_no_window_beside_itself_where_the_library_computes_in_float32() -> None:
    train = Series(np.random.default_rng(0).random((400, 8)).astype(np.float32))
    scorer = scoring.make("nearest", window=10).fit([train])
    rows = MinMax.fit(train.values)(train.windows(10)).reshape(-1, 80)
    distances = np.linalg.norm(rows[:, None] - rows[None], axis=2)
    np.fill_diagonal(distances, np.inf)
    np.testing.assert_allclose(scorer.score(train, train).raw, distances.min(axis=1), rtol=1e-3)


def test_an_incident_in_the_past_does_not_silence_a_metric() -> None:
    calm = wave(300, metrics=1)
    values, labels = calm.values.copy(), np.zeros(300, bool)
    values[100:103] += 100
    labels[100:103] = True
    test = wave(100, metrics=1, seed=1)
    made = scoring.make("arima", window=WINDOW, order=(2, 0, 0))
    scores = [made.fit([past]).score(test, past).raw for past in (calm, Series(values, labels))]
    np.testing.assert_allclose(np.median(scores[1]), np.median(scores[0]), rtol=0.2)


def test_a_jump_over_a_gap_is_no_residual() -> None:
    past, test = wave(300, metrics=1), wave(100, metrics=1, seed=1)
    jumped = Series(test.values + np.where(np.arange(100) < 50, 50, 0)[:, None], breaks=np.array([50]))
    raw = scoring.make("arima", window=WINDOW, order=(1, 0, 0)).fit([past]).score(jumped, past).raw
    assert raw[50 - WINDOW + 1 :].max() < raw[: 50 - WINDOW + 1].max()
    assert raw[50 - WINDOW + 1 :].max() < 10


@pytest.mark.parametrize(("name", "options"), [one for one in SCORERS if one[0] != "pyod:ECOD"])  # it ranks
def test_values_beyond_all_bounds_are_scored_highest_not_refused(name: str, options: dict[str, Any]) -> None:
    test = wave(60, seed=1)
    values = test.values.astype(np.float64)
    values[-1] = 1e39
    scored = fitted(name, options).score(replace(test, values=values))
    assert scored.scores.argmax() == len(scored) - 1
    assert scored.scores[-1] < 1
