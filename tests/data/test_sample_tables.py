from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from adt_gym import InputError, Series
from adt_gym.data.samples import blobs, kubernetes_samples, read_samples
from adt_gym.samples.samples import Samples, Standardiser


def a_frame(**columns: Any) -> pd.DataFrame:
    frame = pd.DataFrame({"cpu": [1.0, 2.0, 3.0, 4.0], "disk": [5, 6, 7, 8], "label": [0, 1, 0, 1]})
    return frame.assign(**columns)


def some(labels: Any, name: str = "some") -> Samples:
    return Samples(np.arange(len(labels), dtype=float), labels, name=name)


# Generated sets


def test_kubernetes_samples_are_drawn_as_documented() -> None:
    sets = [kubernetes_samples(seed) for seed in range(20)]
    assert all(len(one) == 300 and one.labels.sum() == 15 for one in sets)
    assert sets[0].columns == ("cpu_usage", "memory_usage", "network_io", "disk_io")
    for anomalous, means, deviations in (
        (False, (50, 50, 300, 100), (10, 10, 50, 20)),
        (True, (90, 90, 600, 200), (5, 5, 30, 10)),
    ):
        rows = np.concatenate([one.features[one.labels == anomalous] for one in sets])
        standard_errors = np.array(deviations) / np.sqrt(len(rows))
        assert (np.abs(rows.mean(axis=0) - means) < 4 * standard_errors).all()
        np.testing.assert_allclose(rows.std(axis=0), deviations, rtol=0.2)
    first_places = [int(np.flatnonzero(one.labels)[0]) for one in sets]
    assert len(set(first_places)) > 5  # in no order


def test_blobs_are_drawn_as_documented() -> None:
    sets = [blobs(seed) for seed in range(20)]
    assert all(len(one) == 300 and one.labels.sum() == 45 for one in sets)
    normal = np.concatenate([one.features[~one.labels] for one in sets])
    anomalous = np.concatenate([one.features[one.labels] for one in sets])
    np.testing.assert_allclose(normal.std(axis=0), 0.5, rtol=0.05)
    assert np.abs(normal.mean(axis=0)).max() < 0.03
    assert np.abs(anomalous).max() <= 4
    np.testing.assert_allclose(anomalous.std(axis=0), 8 / np.sqrt(12), rtol=0.05)


@pytest.mark.parametrize("make", [kubernetes_samples, blobs])
def test_a_seed_makes_the_same_samples_and_another_one_others(make: Any) -> None:
    np.testing.assert_array_equal(make(3).features, make(3).features)
    assert not np.array_equal(make(3).features, make(4).features)


# Tables


def test_a_frame_and_a_file_are_the_same_samples(tmp_path: Path) -> None:
    a_frame().to_csv(tmp_path / "pods.csv", index=False)
    for samples in (read_samples(a_frame(), name="pods"), read_samples(tmp_path / "pods.csv")):
        assert samples.name == "pods"
        assert samples.columns == ("cpu", "disk")
        assert samples.features.tolist() == [[1, 5], [2, 6], [3, 7], [4, 8]]
        assert samples.features.dtype == np.float64
        assert samples.labels.tolist() == [False, True, False, True]


def test_columns_may_be_named() -> None:
    frame = a_frame(pod=list("abcd")).rename(columns={"label": "broken"})
    samples = read_samples(frame, label_column="broken", features=["disk"])
    assert samples.columns == ("disk",)
    assert samples.labels.tolist() == [False, True, False, True]


def test_a_switch_is_a_feature() -> None:
    assert read_samples(a_frame(disk=[True, False, False, True])).features[:, 1].tolist() == [1, 0, 0, 1]


def test_the_remedies_of_the_reader_of_tables_work_here_too() -> None:
    frame = a_frame(ts=[1, 2, 3, 4], time=[4, 3, 2, 1])
    with pytest.raises(InputError, match="time_column='ts'"):
        read_samples(frame)
    assert read_samples(frame, time_column="ts", drop_columns="disk").columns == ("cpu",)


def test_rows_follow_the_time() -> None:
    with pytest.warns(UserWarning, match="sorted stably by time"):
        samples = read_samples(a_frame(timestamp=["2024-01-04", "2024-01-02", "2024-01-03", "2024-01-01"]))
    assert samples.columns == ("cpu", "disk")
    assert samples.features[:, 0].tolist() == [4, 2, 3, 1]


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (a_frame().drop(columns="label"), "table has no label column; name the one of .*'cpu', 'disk'"),
        (a_frame(label=0), "samples 'table': all 4 are normal"),
        (a_frame(label=1), "samples 'table': all 4 are anomalous"),
        (a_frame(label=[0, 1, 2, 1]), "column 'label', row 2"),
        (a_frame(cpu=[1.0, np.nan, 3.0, 4.0]), "column 'cpu', row 1"),
        (a_frame(cpu=[1.0, np.inf, 3.0, 4.0]), "column 'cpu', row 1"),
        (a_frame(disk=["1", "2", "x", "3"]), "column 'disk', row 2: 'x' is not a number"),
        (a_frame(disk=list("abcd")), "column 'disk' does not hold numbers"),
    ],
)
def test_bad_tables(frame: pd.DataFrame, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_samples(frame)


def test_columns_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no column 'broken'"):
        read_samples(a_frame(), label_column="broken")
    with pytest.raises(InputError, match="no column 'memory'"):
        read_samples(a_frame(), features=["memory"])
    with pytest.raises(FileNotFoundError, match=r"missing\.csv"):
        read_samples(tmp_path / "missing.csv")


# Samples


def test_samples_without_labels_are_refused() -> None:
    series = Series([1.0, 2.0])
    with pytest.raises(InputError, match="'series' have no labels"):
        Samples(series.values, series.labels, series.columns, series.name)  # type: ignore[arg-type]


def test_a_stratified_split_keeps_the_share_of_anomalies_and_loses_nothing() -> None:
    samples = some(np.arange(200) % 10 == 0)
    train, test = samples.split("stratified", 0.7, seed=1)
    assert (len(train), len(test)) == (140, 60)
    assert (train.labels.sum(), test.labels.sum()) == (14, 6)
    rows = np.concatenate([train.features, test.features])[:, 0]
    assert sorted(rows) == list(range(200))
    assert (np.diff(train.features[:, 0]) > 0).all()
    np.testing.assert_array_equal(train.labels, train.features[:, 0] % 10 == 0)
    assert not np.array_equal(train.features, samples.split("stratified", 0.7, seed=2)[0].features)


def test_a_chronological_split_trains_on_the_first_rows() -> None:
    train, test = some([0, 1, 0, 0, 1]).split("chronological", 0.6)
    assert train.features[:, 0].tolist() == [0, 1, 2]
    assert test.features[:, 0].tolist() == [3, 4]


@pytest.mark.parametrize(
    ("labels", "arguments", "message"),
    [
        ([0, 1, 0, 0], {"kind": "chronological"}, r"'some \(test part\)': all 1 are normal"),
        ([0, 0, 0, 1], {"kind": "stratified"}, "'some' cannot be split"),
        ([0, 1, 0, 1], {"kind": "random"}, "'random'; known: stratified, chronological"),
        ([0, 1, 0, 1], {"train_share": 1.0}, r"train_share.*1\.0"),
    ],
)
def test_bad_splits(labels: Any, arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        some(labels).split(**arguments)


def test_standardising_uses_the_training_part_only() -> None:
    train, test = kubernetes_samples(1).split()
    scale = Standardiser.fit(train)
    scaled = scale(train)
    np.testing.assert_allclose(scaled.mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(scaled.std(axis=0), 1, rtol=1e-5)
    expected = (test.features - train.features.mean(axis=0)) / train.features.std(axis=0)
    np.testing.assert_allclose(scale(test), expected, atol=1e-4)


def test_a_constant_feature_becomes_zero() -> None:
    samples = Samples(np.full((5, 1), 0.1), [0, 1, 0, 1, 0])
    assert Standardiser.fit(samples)(samples).tolist() == [[0]] * 5


def test_other_columns_are_not_scaled() -> None:
    with pytest.raises(InputError, match=r"'blobs' have the columns \('x', 'y'\)"):
        Standardiser.fit(kubernetes_samples())(blobs())
