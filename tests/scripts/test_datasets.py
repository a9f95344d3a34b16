import numpy as np
import pytest
import typer
from rich.console import Console
from typer.testing import CliRunner

from adt_gym import data
from adt_gym.data.catalogue import DATA_SETS
from adt_gym.samples.samples import GENERATORS
from adt_gym.scripts.datasets import datasets

app = typer.Typer()
app.command()(datasets)


def test_the_catalogue_lists_what_can_be_loaded() -> None:
    assert sorted(one.name for one in DATA_SETS) == sorted([*data.names(), *GENERATORS])


@pytest.mark.parametrize("name", ["yahoo_like", "kubernetes"])
def test_the_facts_of_generated_series_are_true(name: str) -> None:
    (facts,) = (one for one in DATA_SETS if one.name == name)
    series = data.load(name)
    labels = np.concatenate([one.labels for one in series])
    assert (len(series), len(labels)) == (facts.series, facts.points)
    assert labels.mean() == pytest.approx(facts.anomaly_rate, abs=5e-5)


@pytest.mark.parametrize("name", GENERATORS)
def test_the_facts_of_generated_samples_are_true(name: str) -> None:
    (facts,) = (one for one in DATA_SETS if one.name == name)
    samples = GENERATORS[name]()
    assert len(samples) == facts.points
    assert samples.labels.mean() == facts.anomaly_rate


def test_every_data_set_is_printed_with_its_licence_and_source(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("adt_gym.scripts.datasets.console", Console(width=250))
    output = CliRunner().invoke(app, []).output
    for one in DATA_SETS:
        line = next(line for line in output.splitlines() if line.split()[:1] == [one.name])
        assert one.licence in line
        assert one.source in line
        if one.points:
            assert f"{one.points:,}" in line
