import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer
from sklearn.metrics import classification_report, precision_recall_fscore_support
from typer.testing import CliRunner, Result

from adt_gym import InputError
from adt_gym.agents.samples_dqn import SamplesDQN
from adt_gym.experiments.classify import advantage_error
from adt_gym.samples.evaluation import Verdicts, classical_verdicts, report, score, summarise
from adt_gym.samples.samples import Standardiser, blobs, kubernetes_samples
from adt_gym.scripts.classify import classify
from adt_gym.written import LOG

app = typer.Typer()
app.command()(classify)

METHODS = ["dqn", "logistic regression", "gradient boosting", "isolation forest", "always", "never"]


def run(*arguments: Any) -> Result:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments], env={"COLUMNS": "120"})
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result


def rows_of(folder: Path) -> dict[str, dict[str, str]]:
    with (folder / "table.csv").open() as file:
        return {row["method"]: row for row in csv.DictReader(file)}


# The command


def test_a_run_writes_its_table_policy_settings_and_pictures(tmp_path: Path) -> None:
    out = tmp_path / "run"
    printed = run("kubernetes_samples", "--episodes", 4, "--out", out).output
    assert all(
        text in printed
        for text in ("macro avg", "weighted avg", "called anomalous", "gradient boosting", "misses the difference")
    )
    assert "nothing was trained" not in printed
    table = rows_of(out)
    assert list(table) == METHODS
    assert list(table["dqn"])[:6] == ["method", "precision", "recall", "f1", "macro_f1", "saw_labels"]
    assert table["always"]["recall"] == "1.0"
    assert table["never"]["f1"] == "0.0"
    assert (out / "confusion.png").read_bytes().startswith(b"\x89PNG")
    assert (out / "precision_recall.png").read_bytes().startswith(b"\x89PNG")
    assert json.loads((out / "config.json").read_text())["settings"]["reward"] == "symmetric"
    assert {path.name for path in out.rglob(".*")} == {LOG}


def test_the_saved_policy_and_scaling_give_the_row_of_the_table(tmp_path: Path) -> None:
    run("blobs", "--episodes", 4, "--seed", 3, "--out", tmp_path)
    agent = SamplesDQN.load(tmp_path / "seed-3" / "policy.npz")
    scaling = json.loads((tmp_path / "seed-3" / "standardiser.json").read_text())
    train, test = blobs(3).split(seed=3)
    assert scaling["mean"] == pytest.approx(train.features.mean(axis=0), abs=1e-5)
    observations = (test.features - np.array(scaling["mean"])) / np.array(scaling["deviation"])
    decisions, _ = agent.predict(np.clip(observations, -10, 10))
    precision, recall, f1, _ = precision_recall_fscore_support(test.labels, decisions, average="binary")
    row = rows_of(tmp_path)["dqn"]
    assert [float(row[name]) for name in ("precision", "recall", "f1")] == pytest.approx([precision, recall, f1])
    assert json.loads((tmp_path / "config.json").read_text())["settings"]["reward"] == "imbalanced"


def test_two_runs_with_one_seed_write_the_same_table(tmp_path: Path) -> None:
    for name in ("one", "two"):
        run("blobs", "--episodes", 3, "--out", tmp_path / name)
    assert (tmp_path / "one" / "table.csv").read_text() == (tmp_path / "two" / "table.csv").read_text()


def test_seeds_give_mean_and_standard_deviation(tmp_path: Path) -> None:
    for seed in (5, 6):
        run("blobs", "--episodes", 3, "--seed", seed, "--out", tmp_path / str(seed))
    run("blobs", "--episodes", 3, "--seed", 5, "--seeds", 2, "--out", tmp_path / "both")
    both, *single = (rows_of(tmp_path / name) for name in ("both", "5", "6"))
    for method in METHODS:
        for metric in ("precision", "recall", "f1", "macro_f1"):
            values = [float(table[method][metric]) for table in single]
            assert float(both[method][metric]) == pytest.approx(np.mean(values))
            assert float(both[method][f"{metric}_std"]) == pytest.approx(np.std(values, ddof=1))


def test_a_resumed_run_ends_as_one_that_never_stopped(tmp_path: Path) -> None:
    run("blobs", "--episodes", 12, "--out", tmp_path / "whole")
    run("blobs", "--episodes", 5, "--out", tmp_path / "parts")
    run("blobs", "--episodes", 12, "--out", tmp_path / "parts", "--resume")
    weights = [dict(np.load(tmp_path / name / "seed-0" / "policy.npz")) for name in ("whole", "parts")]
    for name, array in weights[0].items():
        np.testing.assert_array_equal(array, weights[1][name])
    table = (tmp_path / "parts" / "table.csv").read_text()
    assert table == (tmp_path / "whole" / "table.csv").read_text()

    again = run("blobs", "--episodes", 12, "--out", tmp_path / "parts", "--resume").output
    assert "already finished its 12 episodes" in again
    assert (tmp_path / "parts" / "table.csv").read_text() == table


def test_a_table_of_ones_own_in_a_chronological_split(tmp_path: Path) -> None:
    samples = kubernetes_samples(0)
    header, rows = ",".join((*samples.columns, "broken")), np.column_stack([samples.features, samples.labels])
    np.savetxt(tmp_path / "pods.csv", rows, delimiter=",", header=header, comments="", fmt="%.6g")
    out = tmp_path / "out"
    arguments = ["--label-column", "broken", "--features", "cpu_usage", "--features", "disk_io", "--episodes", 2]
    arguments += ["--split", "chronological", "--stream", "--episode-samples", 50, "--reward", "2,0.1,-0.5,-3"]
    run(tmp_path / "pods.csv", *arguments, "--out", out)
    settings = json.loads((out / "config.json").read_text())["settings"]
    assert settings["reward"] == [2, 0.1, -0.5, -3]
    assert json.loads((out / "seed-0" / "standardiser.json").read_text())["columns"] == ["cpu_usage", "disk_io"]
    assert float(rows_of(out)["always"]["precision"]) == pytest.approx(samples.labels[210:].mean())


def test_what_a_table_was_taken_for_is_said_and_kept(tmp_path: Path) -> None:
    rows = "".join(f"{i},{i % 7},{(3 * i) % 11},same,{int(i % 5 == 0)}\n" for i in range(60))
    (tmp_path / "mine.csv").write_text("id,load,heat,host,label\n" + rows)
    result = run(
        tmp_path / "mine.csv", "--episodes", 1, "--features", "load", "--features", "heat", "--out", tmp_path / "o"
    )
    assert result.exit_code == 0, result.output
    assert "  metrics   load, heat\n" in result.output
    assert "  label     label" in result.output
    source = json.loads((tmp_path / "o" / "config.json").read_text())["source"]
    assert source["columns"]["metrics"] == ["load", "heat"]
    assert set(source["columns"]["unused"]) == {"id", "host"}


def test_sb3_has_its_row(tmp_path: Path) -> None:
    run("blobs", "--episodes", 1, "--sb3", "--out", tmp_path)
    assert list(rows_of(tmp_path))[:2] == ["dqn", "sb3-dqn"]


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (["nowhere"], InputError, "unknown source 'nowhere'; give kubernetes_samples, blobs or"),
        (["nowhere.csv"], FileNotFoundError, r"nowhere\.csv"),
        (["blobs", "--reward", "generous"], InputError, "'generous'"),
        (["blobs", "--reward", "1,2,3"], InputError, "four finite numbers"),
        (["blobs", "--reward", "1,2,3,four"], InputError, "'1,2,3,four'"),
        (["blobs", "--split", "random"], AssertionError, "'random' is not one of"),
        (["blobs", "--label-column", "y"], InputError, "blobs has its own columns"),
        (["blobs", "--resume"], FileNotFoundError, "no run to resume"),
    ],
)
def test_bad_input_leaves_nothing_behind(
    tmp_path: Path, arguments: list[str], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        run(*arguments, "--out", tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("a,b\n1,2\n3,4\n", "no label column"),
        ("a,label\n1,0\n3,0\n", "all 2 are normal"),
        ("a,label\n1,0\n,1\n", "column 'a', row 1"),
        ("a,label\nx,0\ny,1\n", "column 'a'"),
    ],
)
def test_bad_tables(tmp_path: Path, rows: str, message: str) -> None:
    (tmp_path / "bad.csv").write_text(rows)
    with pytest.raises(InputError, match=message):
        run(tmp_path / "bad.csv", "--out", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_folders_that_do_not_fit(tmp_path: Path) -> None:
    run("blobs", "--episodes", 2, "--out", tmp_path / "run")
    with pytest.raises(InputError, match=r"had gamma=0\.95, not 0\.5"):
        run("blobs", "--episodes", 2, "--gamma", 0.5, "--resume", "--out", tmp_path / "run")
    with pytest.raises(InputError, match="had 2 episodes; resume it with no fewer"):
        run("blobs", "--episodes", 1, "--resume", "--out", tmp_path / "run")
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "dear.txt").write_text("x")
    with pytest.raises(FileExistsError, match="letters"):
        run("blobs", "--out", tmp_path / "letters")


def test_a_new_run_leaves_no_checkpoint_of_the_one_before(tmp_path: Path) -> None:
    run("blobs", "--episodes", 1, "--seeds", 2, "--out", tmp_path)
    run("blobs", "--episodes", 1, "--seed", 0, "--gamma", 0, "--out", tmp_path)
    assert [path.name for path in tmp_path.glob("seed-*")] == ["seed-0"]


def test_a_table_that_has_changed_is_not_resumed(tmp_path: Path) -> None:
    samples = blobs(0)
    for factor in (1, 2):
        rows = np.column_stack([samples.features * factor, samples.labels])
        np.savetxt(tmp_path / "x.csv", rows, delimiter=",", header="x,y,label", comments="", fmt="%.6g")
        if factor == 1:
            run(tmp_path / "x.csv", "--episodes", 1, "--out", tmp_path / "run")
    with pytest.raises(InputError, match="the table has changed"):
        run(tmp_path / "x.csv", "--episodes", 1, "--resume", "--out", tmp_path / "run")


# What it measures


def test_scores_equal_those_of_scikit_learn() -> None:
    random = np.random.default_rng(0)
    labels, decisions = random.random(200) < 0.2, random.random(200) < 0.3
    scores = score(Verdicts("random", decisions), labels)
    precision, recall, f1, _ = precision_recall_fscore_support(labels, decisions, average="binary")
    macro = precision_recall_fscore_support(labels, decisions, average="macro")[2]
    assert (scores.precision, scores.recall, scores.f1, scores.macro_f1) == pytest.approx(
        (precision, recall, f1, macro)
    )
    text = report(decisions, labels)
    assert text.startswith(
        classification_report(labels, decisions, target_names=["normal", "anomalous"], digits=3).rstrip()
    )
    *_, normal, anomalous = text.splitlines()
    assert normal.split() == ["normal", str(np.sum(~labels & ~decisions)), str(np.sum(~labels & decisions))]
    assert anomalous.split() == ["anomalous", str(np.sum(labels & ~decisions)), str(np.sum(labels & decisions))]


def test_a_single_seed_has_no_deviation() -> None:
    labels = np.array([True, False])
    summary = summarise([score(Verdicts("always", ~labels | labels), labels)])
    assert (summary.mean.recall, summary.f1_std) == (1.0, 0.0)


def test_no_method_sees_a_label_of_the_test_part() -> None:
    train, test = blobs(0).split()
    shuffled = type(test)(test.features, test.labels[::-1], test.columns, test.name)
    for one, other in zip(classical_verdicts(train, test, 0), classical_verdicts(train, shuffled, 0), strict=True):
        np.testing.assert_array_equal(one.decisions, other.decisions)


def test_scores_rank_as_the_decisions_do() -> None:
    train, test = blobs(0).split()
    for one in classical_verdicts(train, test, 0)[:3]:
        assert one.scores is not None
        assert one.scores[one.decisions].min() >= one.scores[~one.decisions].max()
    assert Standardiser.fit(train)(test).shape == (90, 2)


def test_advantage_error_by_hand() -> None:
    values = np.array([[7.0, 8.0], [7.0, 8.0]])
    rewards = np.array([[0.1, -0.5], [-1.0, 1.0]])  # the advantage is -0.6 of a normal, 2 of an anomalous sample
    assert advantage_error(values, rewards, np.array([False, True])) == pytest.approx(np.sqrt((1.6**2 + 1) / 2))
