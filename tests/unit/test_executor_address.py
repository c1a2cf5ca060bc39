"""What `--executor` takes for the scheduler of a Dask cluster, and when it is asked with TLS."""

from __future__ import annotations

from types import ModuleType

import pytest

from windlass.errors import UsageError


@pytest.fixture(scope="module")
def workers() -> ModuleType:
    """Loaded where it is wanted: to load Dask takes longer than all tests of many a file."""
    from windlass.hosts.many import dask_workers  # noqa: PLC0415

    return dask_workers


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("dask://scheduler:8786", "tls://scheduler:8786"),
        ("tls://scheduler:8786", "tls://scheduler:8786"),
        ("tls://127.0.0.1:8786", "tls://127.0.0.1:8786"),
        ("dask://127.0.0.1:8786", "tcp://127.0.0.1:8786"),
        ("dask://localhost:8786", "tcp://localhost:8786"),
        ("dask+tcp://scheduler:8786", "tcp://scheduler:8786"),
    ],
)
def test_secrets_travel_in_the_open_only_within_this_machine_or_when_told(workers: ModuleType, url: str, address: str) -> None:
    assert workers.scheduler_address(url) == address


@pytest.mark.parametrize("url", ["scheduler:8786", "tcp://scheduler:8786", "dask://scheduler", "dask://:8786"])
def test_what_is_no_address_is_refused_with_one_that_is(workers: ModuleType, url: str) -> None:
    with pytest.raises(UsageError, match="dask://scheduler:8786, or tls://scheduler:8786"):
        workers.scheduler_address(url)


def test_without_certificates_there_is_no_tls_and_the_hint_says_where_they_belong(workers: ModuleType) -> None:
    with pytest.raises(UsageError, match=r"tls://127\.0\.0\.1:9 cannot be used") as caught:
        workers.DaskWorkers("tls://127.0.0.1:9")

    assert "distributed.comm.tls" in caught.value.hint
