import csv
import json
import re
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
import pytest
import typer
from frontiers import FAST, adt_frontier, arrays, succeed
from numpy.typing import NDArray
from sklearn.metrics import f1_score
from typer.testing import CliRunner

from adt_gym import Detection, ScoredSeries, thresholds
from adt_gym.agents.paper import PaperAgent
from adt_gym.data.sources import SourceSettings
from adt_gym.evaluation.frontier import LEARNED, PERSISTENCE, read_rows
from adt_gym.experiments import frontier as module
from adt_gym.experiments.servers import read_servers
from adt_gym.experiments.unseen import Cell, Measured, measure
from adt_gym.files import visible
from adt_gym.mdp.plan import View
from adt_gym.registry import Entry
from adt_gym.scripts.options import SeveralWords
from adt_gym.scripts.report import report
from adt_gym.series import InputError
from adt_gym.stream.feedback import feedback_of, told_labels
from adt_gym.stream.stream import ToldMethod
from adt_gym.thresholds import Method, make, policy
from adt_gym.thresholds.best_pythresh import BestPyThresh
from adt_gym.thresholds.evidence import Evidence
from adt_gym.thresholds.pythresh import FAST_PYTHRESH

COLUMNS = [
    "method", "feedback", "delay", "label_noise", "series", "seed", "saw_labels", "detail", "precision", "recall", "f1",
    "composite_f1", "event_recall", "detection_delay", "missed_events", "false_alarms_per_day", "false_alarms_per_1000",
    "alarms_per_1000", "alarms_per_day", "seconds", "panel", "family", "fold", "labels_told", "segments_told",
    *(f"{measure}_after_{n}" for measure in ("f1", "composite_f1") for n in (0, 1, 2, 5, 10, 20, 50)),
    "false_alarms_per_1000_before_1", "event_recall_before_1", "false_alarms_per_1000_after_5", "event_recall_after_5",
]  # fmt: skip
WINDOW = 10
METHODS = (
    "static", "always", "never", "random", PERSISTENCE, "rolling_quantile(0.99, 1000)", "dspot", "online_fdr",
    "pythresh (best on train)", "step control", "hedge", "feedback forest", "gradient boosting", "ours", "adt (paper)",
)  # fmt: skip
"""The rows of a table, in their order."""

TOLD = (PERSISTENCE, "step control", "hedge", "feedback forest", "gradient boosting", "ours", "adt (paper)")
BLIND = tuple(one for one in METHODS if one not in TOLD)
QUICK = ("--scorer", "isolation", "--episodes", 3, "--jobs", 1)
SERVERS = ("web-1", "web-2", "web-3")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to work in, with three servers."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "fleet").mkdir()
    for seed, name in enumerate(SERVERS):
        np.savez(tmp_path / "fleet" / f"{name}.npz", **arrays(seed))
    return tmp_path


def window_labels(name: str) -> NDArray[np.bool_]:
    with np.load(f"fleet/{name}.npz") as file:
        points = file["test_label"]
    return np.array([points[t : t + WINDOW].any() for t in range(len(points) - WINDOW + 1)])


# The command


def test_every_method_has_a_row_at_every_delay_of_unseen_servers(here: Path) -> None:
    """Nothing is replaced here but the number of PyThresh methods: cells run in workers."""
    fleet = [f"fleet/{name}.npz" for name in SERVERS]
    output = succeed(
        "--train", *fleet[:2], "--test", fleet[2], "--delays", 10, "never", "--feedback", "full",
        "--seeds", 1, "--episodes", 3, "--epochs", 1, "--jobs", 1, "--out", "out",
    )  # fmt: skip
    assert {path.name for path in visible(Path("out"), "*")} == {"cells", "config.json", "frontier.png", "table.csv"}
    with open("out/table.csv", newline="") as file:
        found = list(csv.DictReader(file))
    assert list(found[0]) == COLUMNS
    named = [method if method != PERSISTENCE else "persistence(10)" for method in METHODS]
    at = {delay: [row["method"] for row in found if row["delay"] == delay] for delay in ("10", "never")}
    assert sorted(at["10"]) == sorted(named)
    assert sorted(at["never"]) == sorted(set(named) - {"persistence(10)"})
    assert {row["series"] for row in found} == {"web-3"}
    assert {row["method"] for row in found if row["saw_labels"] == "True"} == {"persistence(10)", *TOLD[1:]}
    assert not any(row["saw_labels"] == "True" for row in found if row["delay"] == "never")
    assert all(0 <= float(row["f1"]) <= 1 for row in found)
    (chosen,) = {row["detail"] for row in found if row["method"].startswith("pythresh")}
    assert chosen in FAST_PYTHRESH
    assert all(words in output for words in (*METHODS, "Composite F1 by delay", "labels", "out holds table.csv"))


@pytest.mark.usefixtures("here", "quick")
def test_there_is_one_row_per_combination() -> None:
    succeed(
        "--train", "fleet", "--delays", 1, 10, "--delays", "never", "--feedback", "full", "alerts",
        "--label-noise", 0, 0.1, "--seeds", 2, *QUICK,
    )  # fmt: skip
    table = read_rows("runs/frontier/table.csv")
    settings = [*product(("full", "alerts"), ("1", "10"), (0.0, 0.1)), ("none", "never", 0.0)]
    expected = set()
    for feedback, delay, noise in settings:
        copy = {f"persistence({delay})"} if delay != "never" else set()
        names = {*METHODS, *copy} - {PERSISTENCE}
        expected |= set(product(names, [feedback], [delay], [noise], SERVERS, [0, 1]))
    keys = ["method", "feedback", "delay", "label_noise", "series", "seed"]
    found = list(table[keys].itertuples(index=False, name=None))
    assert len(found) == len(set(found))
    assert set(found) == expected

    measured = table.drop(columns=["feedback", "delay", "label_noise", "seconds", *LEARNED])
    for method in BLIND:
        of_method = measured[measured["method"] == method]
        assert not of_method["saw_labels"].any()
        assert len(of_method.drop_duplicates()) == len(SERVERS) * 2, f"{method} depends on the delay"

    copies = table[table["method"].str.startswith("persistence")]
    assert (copies.loc[copies["feedback"] == "alerts", "f1"] == 0).all(), "nothing flagged, nothing told"
    for one in copies[copies["feedback"] == "full"].itertuples():
        labels, delay = window_labels(one.series), int(one.delay)
        told = labels ^ (np.random.default_rng(one.seed).random(len(labels)) < one.label_noise)
        copied = np.append(np.zeros(delay, dtype=bool), told[:-delay])
        assert one.f1 == pytest.approx(f1_score(labels, copied))


@pytest.mark.usefixtures("here", "quick")
def test_no_method_learns_from_the_server_that_it_is_tested_on(monkeypatch: pytest.MonkeyPatch) -> None:
    learned: list[tuple[str, set[str], set[bytes]]] = []

    def spy(cell: Cell) -> Measured:
        learned.append(
            (cell.tests[0].name, {one.name for one in cell.train}, {one.scores.tobytes() for one in cell.train})
        )
        assert cell.tests[0].scores.tobytes() not in learned[-1][2]
        return Measured.of([])

    monkeypatch.setattr(module, "measure", spy)
    succeed("--train", "fleet", "--seeds", 1, *QUICK)
    assert [(name, names) for name, names, _ in learned] == [(name, set(SERVERS) - {name}) for name in SERVERS]
    assert all(len(scores) == 2 for _, _, scores in learned)


@pytest.mark.usefixtures("here", "quick")
def test_finished_cells_are_kept_and_all_others_run(monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[tuple[str, int]] = []

    def spy(cell: Cell) -> Measured:
        ran.append((cell.tests[0].name, cell.seed))
        return measure(cell)

    monkeypatch.setattr(module, "measure", spy)
    words = ("--train", "fleet", "--delays", 5, "--feedback", "full", *QUICK)
    succeed(*words, "--seeds", 1)
    before = read_rows("runs/frontier/table.csv")
    assert ran == [(name, 0) for name in SERVERS]
    assert "3 of 3 cells were finished before" in succeed(*words, "--seeds", 1)
    assert len(ran) == 3
    pd.testing.assert_frame_equal(read_rows("runs/frontier/table.csv"), before)
    broken = next(path for path in Path("runs/frontier/cells").iterdir() if '"web-2"' in path.read_text())
    broken.write_text("{")
    assert "2 of 6 cells were finished before" in succeed(*words, "--seeds", 2)
    assert ran[3:] == [("web-2", 0), *((name, 1) for name in SERVERS)]
    succeed(*words[:3], 6, *words[4:], "--seeds", 1)
    assert len(ran) == 10, "another delay, other cells"


@pytest.mark.usefixtures("here", "quick")
def test_a_cell_that_failed_is_told_and_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    broken = {"web-2"}

    def fail(cell: Cell) -> Measured:
        if cell.tests[0].name in broken:
            raise ZeroDivisionError("by nothing")
        return measure(cell)

    words = ("--train", "fleet", "--delays", 5, "--seeds", 1, *QUICK)
    monkeypatch.setattr(module, "measure", fail)
    result = adt_frontier(*words)
    assert result.exit_code == 1
    assert "failed: web-2 seed 0: ZeroDivisionError: by nothing" in result.output
    assert set(read_rows("runs/frontier/table.csv")["series"]) == {"web-1", "web-3"}
    broken.clear()
    assert "2 of 3 cells were finished before" in succeed(*words)


@pytest.mark.usefixtures("here", "quick")
def test_the_configuration_says_what_it_is_and_what_was_asked() -> None:
    succeed("--train", "fleet", "--delays", 5, "never", "--seeds", 1, *QUICK)
    config = json.loads(Path("runs/frontier/config.json").read_text())
    assert config["kind"] == "frontier"
    assert config["settings"]["delays"] == ["5", "never"]
    assert config["settings"]["feedback"] == ["full", "alerts"]
    assert [(one["source"], one["series"]) for one in config["sources"]] == [("fleet", 6)]
    assert {"numpy", "torch", "adt_gym"} <= set(config["versions"])


@pytest.mark.usefixtures("here", "quick")
def test_a_frontier_has_a_report_but_not_on_one_page_with_runs() -> None:
    succeed("--train", "fleet", "--delays", 5, "never", "--feedback", "full", "--seeds", 1, *QUICK)
    report([Path("runs/frontier")])
    page = Path("runs/frontier/report.html").read_text(encoding="utf-8")
    assert all(method in page for method in METHODS)
    Path("run").mkdir()
    with pytest.raises(InputError, match="a page of each kind"):
        report([Path("run"), Path("runs/frontier")])


class Half(Method):
    """A method of one's own: half the highest score that the training series have."""

    name = "half"

    def fit(self, train: Sequence[ScoredSeries]) -> "Half":
        self.level = max(float(one.scores.max()) for one in train) / 2
        return self

    def detect(self, series: ScoredSeries) -> Detection:
        return Detection.at(self.level, series)


@pytest.mark.usefixtures("here", "quick")
def test_methods_of_ones_own_are_rows_in_tables_page_and_picture_however_many(monkeypatch: pytest.MonkeyPatch) -> None:
    names = [f"half {i}" for i in range(12)]
    for name in names:
        kind = type("Half", (Half,), {"name": name})
        monkeypatch.setitem(thresholds.registry._entries, name, Entry(kind))
    output = succeed("--train", "fleet", "--delays", 5, "--feedback", "full", "--seeds", 1, *QUICK)
    table = read_rows("runs/frontier/table.csv")
    expected = ["persistence(5)" if one == PERSISTENCE else one for one in METHODS] + names
    assert list(table["method"].unique()) == expected, "in the order of the registry"
    report([Path("runs/frontier")])
    page = Path("runs/frontier/report.html").read_text(encoding="utf-8")
    colours = re.findall(r'class="method" style="--method: (#[0-9a-f]{6})">', page)[: len(expected)]
    assert len(set(colours)) == len(expected), "no two have one colour"
    assert all(f">{name}<" in page and name in output for name in names)


class Told(ToldMethod):
    """A method of one's own that copies the last label, registered without a tag."""

    name = "told"

    def detect(self, series: ScoredSeries) -> Detection:
        return make("persistence", feedback=self.feedback, seed=self.seed).detect(series)


class Faulty(Half):
    """A method of one's own with a defect."""

    name = "faulty"

    def fit(self, train: Sequence[ScoredSeries]) -> "Faulty":
        raise ValueError("a defect\nand its history")


@pytest.fixture
def mine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(thresholds.registry, "_entries", dict(thresholds.registry._entries))


@pytest.mark.usefixtures("mine")
def test_what_is_told_of_every_delay_is_measured_at_each_whatever_its_tags() -> None:
    thresholds.register("told", Told)
    conditions = (feedback_of("none"), feedback_of("full", 1), feedback_of("full", 20))
    rows = measure(Cell((scored(1), scored(2)), (scored(0),), ("told", "persistence"), conditions, 0, 1)).rows
    f1s = {(row.method.partition("(")[0], row.delay): row.f1 for row in rows}
    assert f1s["told", "1"] == f1s["persistence", "1"] != f1s["told", "20"] == f1s["persistence", "20"]
    assert [row.saw_labels for row in rows if row.method == "told"] == [False, True, True]


@pytest.mark.usefixtures("mine")
def test_a_defect_costs_the_rows_of_its_method_only() -> None:
    thresholds.register("faulty", Faulty)
    thresholds.registry._entries["unmade"] = Entry("adt_gym.thresholds.static:Nonesuch")
    cell = Cell((scored(1), scored(2)), (scored(0),), ("faulty", "unmade", "always"), (feedback_of("none"),), 0, 1)
    rows = {row.method: row for row in measure(cell).rows}
    assert rows["faulty"].detail == "ValueError: a defect"
    assert rows["unmade"].detail.startswith("AttributeError: ")
    assert rows["always"].f1 > 0


@pytest.mark.usefixtures("here", "quick")
def test_where_every_cell_fails_the_table_of_before_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    words = ("--train", "fleet", "--delays", 5, "--seeds", 1, *QUICK)
    succeed(*words)
    before = Path("runs/frontier/table.csv").read_bytes()

    def fail(cell: Cell) -> Measured:
        raise ZeroDivisionError("by nothing")

    monkeypatch.setattr(module, "measure", fail)
    assert adt_frontier(*words[:3], 6, *words[4:]).exit_code == 1
    assert Path("runs/frontier/table.csv").read_bytes() == before


@pytest.mark.usefixtures("here", "quick")
def test_a_resumed_frontier_writes_what_a_fresh_one_does() -> None:
    words = ("--train", "fleet", "--delays", 5, "--seeds", 1, *QUICK)
    succeed(*words)
    before = Path("runs/frontier/table.csv").read_bytes()
    succeed(*words)
    assert Path("runs/frontier/table.csv").read_bytes() == before


@pytest.mark.usefixtures("here", "mine")
def test_two_methods_of_one_name_are_refused() -> None:
    thresholds.register("one half", Half)
    thresholds.register("other half", Half)
    result = adt_frontier("--train", "fleet", *QUICK)
    message = "method 'other half' and method 'one half' are both called 'half' in tables; give one another `name`"
    assert str(result.exception) == message
    assert not Path("runs").exists()


# Words


def test_an_option_takes_several_words_or_is_repeated() -> None:
    given: list[tuple[list[str], list[float], int]] = []
    words = typer.Typer()

    @words.command(cls=SeveralWords)
    def command(
        names: Annotated[list[str], typer.Option()],
        shares: Annotated[list[float] | None, typer.Option()] = None,
        count: int = 1,
    ) -> None:
        given.append((names, shares or [], count))

    for line in (
        "--names a b --shares 0.5 1 --count 2",
        "--names a --names b --shares 0.5 --shares 1 --count 2",
        "--count 2 --names=a b --shares 0.5 --count=2 --shares 1",
    ):
        result = CliRunner().invoke(words, line.split())
        assert result.exit_code == 0, result.output
    assert given == [(["a", "b"], [0.5, 1.0], 2)] * 3
    assert CliRunner().invoke(words, ["--count", "2", "3", "--names", "a"]).exit_code == 2
    assert "stray" in CliRunner().invoke(words, ["stray", "--names", "a"]).output


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--delays", "0"], "'0': a delay is a whole number"),
        (["--delays", "1", "2.5"], "'2.5'"),
        (["--delays", "-3"], "'-3'"),
        (["--delays", "always"], "or 'never'"),
        (["--feedback", "none"], "--delays never"),
        (["--feedback", "full", "some"], "'some'.* full or alerts"),
        (["--label-noise", "1.5"], r"label_noise must be in \[0, 1\]"),
        (["--train", "fleet/web-9.npz"], "web-9"),
        (["--train", "nowhere.csv"], "nowhere"),
        (["--train", "nowhere"], "unknown source 'nowhere'"),
        (["--train", "fleet", "--scorer", "guesswork"], "unknown scorer 'guesswork'"),
        (["--train", "fleet", "--epochs", "3"], "scorer isolation has no network: leave epochs= out"),
        (["--train", "fleet", "--test", "fleet/web-1.npz"], "'web-1' is to be tested"),
        (["--train", "fleet", "--test", "copy.npz"], "'copy' is to be tested, and trained on as 'web-1'"),
        (["--train", "fleet", "copy.npz"], "'web-1' is to be tested, and trained on as 'copy'"),
        (["--train", "fleet", "fleet/web-1.npz"], "'web-1' is to be tested, and trained on as 'web-1'"),
        (["--train", "fleet/web-1.npz", "--test", "fleet/web-2.npz"], "trained on 1 series with an anomaly"),
        (["--train", "fleet/web-1.npz", "fleet/web-2.npz"], "trained on 1 series with an anomaly"),
        (["--train", "fleet/web-1.npz", "quiet.npz", "--test", "fleet/web-2.npz"], "trained on 1 series"),
    ],
)
def test_bad_words_are_refused_before_anything_is_written(here: Path, words: list[str], message: str) -> None:
    np.savez("quiet.npz", **{**arrays(9), "test_label": np.zeros(300, dtype=bool)})
    np.savez("copy.npz", **arrays(0))
    result = adt_frontier(*QUICK, *([] if "--train" in words else ["--train", "fleet"]), *words)
    assert isinstance(result.exception, InputError | FileNotFoundError)
    with pytest.raises(type(result.exception), match=message):
        raise result.exception
    assert not Path("runs").exists()


def test_an_unknown_word_is_refused(here: Path) -> None:
    result = adt_frontier("--train", "fleet", "--delay", "3")
    assert result.exit_code == 2
    assert "--delays" in result.output


@pytest.mark.parametrize("content", ['{"settings": {}}', "{", "[]"])
def test_a_folder_of_something_else_is_left_alone(here: Path, content: str) -> None:
    Path("out").mkdir()
    Path("out/config.json").write_text(content)
    result = adt_frontier("--train", "fleet", "--out", "out", *QUICK)
    assert isinstance(result.exception, FileExistsError)
    assert Path("out/config.json").read_text() == content
    assert [path.name for path in Path("out").iterdir()] == ["config.json"]


# Series


def test_a_scorer_learns_on_train_and_all_of_test_is_judged(here: Path) -> None:
    for server, name in zip(read_servers(["fleet"], SourceSettings("")), SERVERS, strict=True):
        with np.load(f"fleet/{name}.npz") as file:
            np.testing.assert_allclose(server.normal.values, file["train"], rtol=1e-6)
            np.testing.assert_allclose(server.judged.values, file["test"], rtol=1e-6)
            np.testing.assert_array_equal(server.judged.labels, file["test_label"])
        assert server.normal.labels is None
        assert server.name == server.normal.name == name


def test_another_source_is_cut_as_adt_run_cuts_it(here: Path) -> None:
    made = arrays(0)
    pd.DataFrame({"flow": made["test"][:, 0], "label": made["test_label"].astype(int)}).to_csv("pump.csv", index=False)
    (server,) = read_servers(["pump.csv"], SourceSettings(""))
    assert len(server.normal) + len(server.judged) == 300
    assert server.normal.window_labels(WINDOW).sum() == 20, "adt run trains on the shortest prefix with 20"
    np.testing.assert_allclose(server.judged.values[:, 0], made["test"][len(server.normal) :, 0], rtol=1e-6)


# Methods


def scored(seed: int, windows: int = 600, informative: bool = True) -> ScoredSeries:
    """Scores that are higher in anomalies, or have nothing to do with them."""
    random = np.random.default_rng(seed)
    labels = np.zeros(windows, dtype=bool)
    for start in random.integers(20, windows - 30, windows // 60):
        labels[start : start + random.integers(5, 25)] = True
    scores = random.random(windows)
    return ScoredSeries(0.6 * scores + 0.4 * labels if informative else scores, labels, f"server {seed}")


def test_the_best_pythresh_method_is_chosen_by_the_mean_f1_on_the_training_series() -> None:
    train, test = [scored(0), scored(1)], scored(2)
    names = ("IQR", "MAD", "ZSCORE", "NONE", "CHAU")
    fitted = {name: make(f"pythresh:{name}").fit(train) for name in names if name != "NONE"}
    f1 = {
        name: np.mean([f1_score(one.labels, method.detect(one).decisions, zero_division=0) for one in train])
        for name, method in fitted.items()
    }
    best = BestPyThresh(names).fit(train)
    assert best.chosen.name == f"pythresh:{max(f1, key=f1.__getitem__)}"
    expected = fitted[best.chosen.method].detect(test)
    np.testing.assert_array_equal(best.detect(test).decisions, expected.decisions)
    with pytest.raises(InputError, match="NONE"):
        BestPyThresh(["NONE"]).fit(train)


def test_what_cannot_be_fitted_costs_its_row_only() -> None:
    flat = tuple(ScoredSeries(np.full(200, 0.5), np.arange(200) < 9, name) for name in ("a", "b"))
    cell = Cell(flat, (scored(0),), ("dspot", "always"), (feedback_of("none"),), 0, 1)
    rows = {row.method: row for row in measure(cell).rows}
    assert np.isnan(rows["dspot"].f1)
    assert "dspot" in rows["dspot"].detail
    assert rows["always"].f1 > 0


def test_the_papers_agent_is_told_the_same_wrong_labels_as_all(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[Any] = []

    def spy(*_: Any, view: View) -> NDArray[np.int64]:
        told.append(view.labels)
        return np.zeros(len(scored(0)) - 2, dtype=np.int64)

    feedback, seed = feedback_of("full", 4, 0.2), 3
    agent = PaperAgent(feedback, seed=seed, episodes=1).fit([scored(1), scored(2)])
    monkeypatch.setattr(policy, "roll_out", spy)
    agent.detect(scored(0))
    np.testing.assert_array_equal(told, [told_labels(scored(0), feedback, seed)])


APART = 60
"""Windows by which events are moved at least, so that none meets the alarms that were raised for it."""


def f1(decisions: NDArray[np.bool_], labels: NDArray[np.bool_]) -> float:
    return float(2 * (decisions & labels).sum() / (decisions.sum() + labels.sum()))


def limit(decisions: NDArray[np.bool_], labels: NDArray[np.bool_]) -> float:
    """Return an F1 that decisions which know nothing of the labels do not exceed by more than chance.

    Such decisions would have done as well had all events come later or earlier: turned round, the labels show what
    chance gives. Its expectation is at most the F1 of flagging everything: with a share p of anomalous windows and r of
    flagged ones it is about 2pr / (p + r), which rises with r. The margin above that is how far the best of all turns
    stands above their mean.
    """
    by_chance = [f1(decisions, np.roll(labels, turn)) for turn in range(APART, len(labels) - APART)]
    margin = max(by_chance) - float(np.mean(by_chance))
    return f1(np.ones_like(labels), labels) + margin + 1e-9  # of rounding, where all turns are equal


@pytest.mark.parametrize("seed", range(3))
def test_on_scores_of_noise_without_labels_no_method_beats_flagging_everything(seed: int) -> None:
    train = [scored(10 * seed + i, informative=False) for i in range(1, 4)]
    test, never, evidence = scored(10 * seed, informative=False), feedback_of("none"), Evidence(seed).fit(train)
    every = {}
    for name in thresholds.registry.names(without=[thresholds.COPIES]):
        if name != "generalist":  # its training takes minutes
            method = thresholds.registry.make_for(name, feedback=never, seed=seed, episodes=20, methods=FAST)
            every[method.name] = method
    assert set(every) > {*METHODS, "remembering", "probing", "belief", "pretrained"} - {PERSISTENCE}
    for name, method in every.items():
        assert not method.sees_labels
        if method.shares_evidence:
            method.evidence = evidence
        decisions = method.fit(train).detect(test).decisions
        assert f1(decisions, test.labels) <= limit(decisions, test.labels), name
    for delay in (1, 5):
        copied = make("persistence", delay=delay).detect(test).decisions
        assert f1(copied, test.labels) > limit(copied, test.labels), "who sees labels is caught"
