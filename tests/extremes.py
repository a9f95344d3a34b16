"""The paper's streams, written down naively: Siffer et al., KDD 2017, algorithms 1 to 3."""

import numpy as np
from scipy.optimize import minimize_scalar


def fit_tail(excesses: list[float]) -> tuple[float, float]:
    """Maximise the likelihood of the generalised Pareto distribution in theta = gamma / sigma, as Grimshaw does."""
    y = np.array(excesses)

    def loss(theta: float) -> float:
        if abs(theta * y.mean()) < 1e-9:
            return float(np.log(y.mean()) + 1)
        gamma = np.log1p(theta * y).mean()
        return float(np.log(gamma / theta) + gamma + 1)

    grid = np.linspace(-0.98 / y.max(), 10 / y.mean(), 400)
    best = int(np.argmin([loss(theta) for theta in grid]))
    around = grid[max(best - 1, 0)], grid[min(best + 1, len(grid) - 1)]
    theta = minimize_scalar(loss, bounds=around, method="bounded", options={"xatol": 1e-9}).x
    gamma = np.log1p(theta * y).mean()
    return gamma, gamma / theta


class Tail:
    """The state of SPOT: t, the excesses and the two counts."""

    def __init__(self, values: list[float], t: float, q: float):
        self.t, self.q, self.n = t, q, len(values)
        self.excesses = [value - t for value in values if value > t]
        self.renew()

    def renew(self) -> None:
        gamma, sigma = fit_tail(self.excesses)
        ratio = self.q * self.n / len(self.excesses)
        self.zq = self.t + sigma / gamma * (ratio**-gamma - 1)

    def step(self, value: float) -> bool:
        if value > self.zq:
            return True
        self.n += 1
        if value > self.t:
            self.excesses.append(value - self.t)
            self.renew()
        return False


def spot(train: list[float], test: list[float], t: float, q: float) -> tuple[list[float], list[bool]]:
    tail = Tail(train, t, q)
    thresholds, flags = [], []
    for value in test:
        thresholds.append(tail.zq)
        flags.append(tail.step(value))
    return thresholds, flags


def differences(train: list[float], depth: int) -> list[float]:
    return [train[i] - sum(train[i - depth : i]) / depth for i in range(depth, len(train))]


def dspot(train: list[float], test: list[float], t: float, q: float, depth: int) -> tuple[list[float], list[bool]]:
    tail = Tail(differences(train, depth), t, q)
    past = train[-depth:]
    thresholds, flags = [], []
    for value in test:
        mean = sum(past[-depth:]) / depth
        thresholds.append(mean + tail.zq)
        flags.append(tail.step(value - mean))
        if not flags[-1]:
            past.append(value)
    return thresholds, flags
