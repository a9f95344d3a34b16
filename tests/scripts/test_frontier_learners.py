"""The frontier with its learners trained in earnest, and what it reports held against a computation of its own."""

from collections import defaultdict
from collections.abc import Sequence
from itertools import groupby, product
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import typer
from inline import in_this_process
from machines import noisy
from numpy.typing import NDArray
from typer.testing import CliRunner

from adt_gym import ScoredSeries, Series, scoring
from adt_gym.agents.paper import PaperAgent
from adt_gym.agents.reference_dqn import ReferenceDQN
from adt_gym.evaluation.frontier import read_rows
from adt_gym.experiments import cells as runner
from adt_gym.experiments import frontier as experiment
from adt_gym.registry import Entry
from adt_gym.scripts.frontier import frontier
from adt_gym.scripts.options import SeveralWords
from adt_gym.stream.feedback import Feedback, feedback_of
from adt_gym.thresholds import Method, make, registry
from adt_gym.thresholds.boosting import Boosting
from adt_gym.thresholds.evidence import Evidence
from adt_gym.thresholds.remembering import Remembering

app = typer.Typer()
app.command(cls=SeveralWords)(frontier)

Flags = NDArray[np.bool_]


# The paper's agent


def trained(train: Sequence[ScoredSeries], seed: int, episodes: int, **feedback: Any) -> ReferenceDQN:
    shortest = min(len(one) for one in train)
    env = gym.make("ADT-v0", series=tuple(train), episode_windows=shortest, **feedback)
    return ReferenceDQN(env, seed, learning_rate=1e-3, gamma=0.9).learn(episodes)


def stepped(agent: ReferenceDQN, series: ScoredSeries, seed: int, **feedback: Any) -> list[bool]:
    """Return the greedy decisions; the first two windows are judged before the agent acts."""
    env = gym.make("ADT-v0", series=series, **feedback)
    observation, _ = env.reset(seed=seed)
    decisions, over = [False, False], False
    while not over:
        action, _ = agent.predict(observation, deterministic=True)
        observation, _, over, _, info = env.step(int(action))
        decisions.append(bool(info["decision"]))
    return decisions


@pytest.mark.parametrize(
    ("kind", "delay", "noise", "others"),
    [
        ("full", 6, 0.0, [{"feedback_delay": 1}]),
        ("full", 3, 0.2, [{"feedback_delay": 1}, {"label_noise": 0.0}]),
        ("alerts", 4, 0.1, [{"feedback_delay": 1}, {"label_noise": 0.0}, {"feedback": "full"}]),
        ("none", 1, 0.0, [{"feedback": "full"}]),
    ],
)
def test_the_papers_agent_learns_under_the_feedback_that_it_is_tested_under(
    kind: str, delay: int, noise: float, others: list[dict[str, Any]]
) -> None:
    train, unseen, seed, episodes = [noisy(300, seed=1), noisy(500, seed=2)], noisy(300, seed=3), 7, 300
    condition = {"feedback": kind, "feedback_delay": delay, "label_noise": noise}
    agent = PaperAgent(kind, delay, noise, seed, episodes).fit(train)
    decisions = agent.detect(unseen).decisions.tolist()
    assert decisions == stepped(trained(train, seed, episodes, **condition), unseen, seed, **condition)
    for other in others:
        stranger = trained(train, seed, episodes, **{**condition, **other})
        assert decisions != stepped(stranger, unseen, seed, **condition), f"as if it had learned with {other}"
    assert agent.sees_labels == (kind != "none")


# All of them


def arrays(seed: int, points: int = 330) -> dict[str, NDArray[Any]]:
    """Two metrics with noise; in the tested part, anomalies of some length that shift them a little."""
    random = np.random.default_rng(seed)
    labels = np.zeros(points, dtype=bool)
    for start in range(25, points - 30, 50):
        labels[start + int(random.integers(0, 15)) :][: int(random.integers(3, 20))] = True
    train, test = random.normal(0, 0.1, (2, points, 2))
    return {"train": train, "test": test + random.choice([0.1, 0.3]) * labels[:, None], "test_label": labels}


def isolated(name: str, seed: int) -> ScoredSeries:
    """Return the scores of a server by an isolation forest that has seen its normal part."""
    with np.load(f"fleet/{name}.npz") as file:
        normal, judged = Series(file["train"], None, name), Series(file["test"], file["test_label"], name)
    return scoring.make("isolation", window=10, scaling="tail", seed=seed).fit([normal]).score(judged, normal)


def measured(decisions: Sequence[bool], labels: Sequence[bool], deadline: int) -> dict[str, float]:
    """Return what a row of the table must say, counted window by window."""
    pairs = list(zip(decisions, labels, strict=True))
    tp, fp, fn = (pairs.count(pair) for pair in ((True, True), (True, False), (False, True)))
    delays, t = [], 0
    for anomalous, run in groupby(labels):
        flagged = list(decisions[t : (t := t + len(list(run)))])
        if anomalous:
            delays.append(flagged.index(True) if any(flagged) else None)
    found = [delay for delay in delays if delay is not None]
    precision, in_time = tp / (tp + fp) if tp else 0.0, sum(delay < deadline for delay in found) / len(delays)
    return {
        "precision": precision,
        "recall": tp / (tp + fn),
        "f1": 2 * tp / (2 * tp + fp + fn),
        "composite_f1": 2 * precision * in_time / (precision + in_time) if precision and in_time else 0.0,
        "event_recall": len(found) / len(delays),
        "detection_delay": float(np.median(found)) if found else float("nan"),
        "missed_events": len(delays) - len(found),
        "false_alarms_per_1000": 1000 * fp / len(pairs),
        "alarms_per_1000": 1000 * (tp + fp) / len(pairs),
    }


def copied(labels: Flags, feedback: Feedback, seed: int) -> list[bool]:
    """Return the label that was told last, where all are told; nothing flagged earns no label."""
    told = labels ^ (np.random.default_rng(seed).random(len(labels)) < feedback.noise)
    late = [False] * feedback.delay + told[: len(labels) - feedback.delay].tolist()
    return late if feedback.kind == "full" else [False] * len(labels)


def decisions_of_all(
    evidence: Evidence, test: ScoredSeries, feedback: Feedback, seed: int, episodes: int
) -> tuple[dict[str, list[bool]], str]:
    """Return the decisions of each method, trained here, and which one ours is."""
    train = evidence.train
    condition = {"feedback": feedback.kind, "feedback_delay": feedback.delay, "label_noise": feedback.noise}
    remembering, boosting = Remembering(feedback, seed=seed), Boosting(feedback, seed=seed).fit(train)
    remembering.evidence = evidence
    remembering.fit(train)
    better = feedback.kind == "full" and boosting.held_out.mean() > remembering.held_out.mean()
    chosen: Method = boosting if better else remembering
    methods = {
        "ours": chosen.detect(test).decisions,
        "gradient boosting": boosting.detect(test).decisions,
        "adt (paper)": np.array(stepped(trained(train, seed, episodes, **condition), test, seed, **condition)),
        "static": make("static").fit(train).detect(test).decisions,
        "always": np.ones(len(test), dtype=bool),
        "never": np.zeros(len(test), dtype=bool),
    }
    found = {name: decisions.tolist() for name, decisions in methods.items()}
    if feedback.kind != "none":
        found[f"persistence({feedback.delay})"] = copied(test.truth, feedback, seed)
    return found, chosen.name


def shown(values: Sequence[float]) -> str:
    """Return the mean over two seeds and its deviation, as a table prints them."""
    one, other = values
    return f"{(one + other) / 2:.3f} ±{abs(one - other) / 2**0.5:.3f}"


def test_what_is_written_and_printed_of_trained_learners_is_what_their_decisions_come_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No learner is replaced; cells run in this process, with two PyThresh methods to choose from."""
    monkeypatch.chdir(tmp_path)
    for module in (runner, experiment):
        monkeypatch.setattr(module, "processes", in_this_process)
    best = registry["best_pythresh"]
    monkeypatch.setitem(registry._entries, "best_pythresh", Entry(best.where, best.tags, {"methods": ("IQR", "MAD")}))
    names, episodes, deadline = ("a", "b", "c", "d"), 150, 4
    Path("fleet").mkdir()
    for seed, name in enumerate(names):
        np.savez(f"fleet/{name}.npz", **arrays(seed))
    words = ["--train", *(f"fleet/{name}.npz" for name in names[:3]), "--test", "fleet/d.npz", "--delays", 3, "never"]
    words += ["--label-noise", 0.1, "--seeds", 2, "--scorer", "isolation", "--episodes", episodes, "--jobs", 1]
    words += ["--deadline", deadline, "--out", "out"]
    result = CliRunner().invoke(app, [str(word) for word in words])
    assert result.exit_code == 0, result.output + repr(result.exception)

    table = read_rows("out/table.csv")
    keys = ["feedback", "seed", "method"]
    assert not table.duplicated(keys).any()
    rows = table.set_index(keys).sort_index()
    reached: dict[tuple[str, str, str], list[float]] = defaultdict(list)
    for seed in (0, 1):
        *train, test = [isolated(name, seed) for name in names]
        evidence = Evidence(seed).fit(train)
        for feedback in (feedback_of("full", 3, 0.1), feedback_of("alerts", 3, 0.1), feedback_of("none")):
            found, chosen = decisions_of_all(evidence, test, feedback, seed, episodes)
            assert rows.loc[(feedback.kind, seed, "ours"), "detail"] == chosen
            for method, decisions in found.items():
                row = rows.loc[(feedback.kind, seed, method)]
                expected = measured(decisions, test.truth.tolist(), deadline)
                assert row[list(expected)].astype(float).to_dict() == pytest.approx(expected, nan_ok=True), method
                for measure in ("composite_f1", "f1"):
                    reached[measure, feedback.kind, method].append(expected[measure])
    assert len({tuple(reached["f1", kind, "adt (paper)"]) for kind in ("full", "alerts", "none")}) == 3

    tables = result.output.split("by delay, feedback ")[1:]
    for printed, (kind, measure) in zip(tables, product(("full", "alerts"), ("composite_f1", "f1")), strict=True):
        assert printed.startswith(kind)
        lines = {" ".join(line.split()) for line in printed.splitlines()}
        for method in ("ours", "gradient boosting", "adt (paper)", "static", "always", "never"):
            saw = "no" if method in ("static", "always", "never") else "yes"
            cells = [shown(reached[measure, told, method]) for told in (kind, "none")]
            assert f"{method} {saw} {' '.join(cells)}" in lines
        assert f"persistence(d) yes {shown(reached[measure, kind, 'persistence(3)'])} -" in lines
