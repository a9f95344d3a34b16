"""What the tests of methods share."""

from collections.abc import Iterator

import pytest
import sklearn.ensemble  # noqa: F401  threads are only limited of what is loaded
from threadpoolctl import threadpool_limits


@pytest.fixture(autouse=True, scope="package")
def one_thread() -> Iterator[None]:
    """Small forests grow faster on one thread, and ten times as fast where cores are shared."""
    with threadpool_limits(1):
        yield
