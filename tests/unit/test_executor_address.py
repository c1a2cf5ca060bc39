"""What `--executor` takes for the scheduler of a Dask cluster, and when it is asked with TLS."""

from __future__ import annotations

import pytest

from windlass.errors import UsageError
from windlass.hosts.many.dask_workers import DaskWorkers, scheduler_address


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
def test_secrets_travel_in_the_open_only_within_this_machine_or_when_told(url: str, address: str) -> None:
    assert scheduler_address(url) == address


@pytest.mark.parametrize("url", ["scheduler:8786", "tcp://scheduler:8786", "dask://scheduler", "dask://:8786"])
def test_what_is_no_address_is_refused_with_one_that_is(url: str) -> None:
    with pytest.raises(UsageError, match="dask://scheduler:8786, or tls://scheduler:8786"):
        scheduler_address(url)


def test_without_certificates_there_is_no_tls_and_the_hint_says_where_they_belong() -> None:
    with pytest.raises(UsageError, match=r"tls://127\.0\.0\.1:9 cannot be used") as caught:
        DaskWorkers("tls://127.0.0.1:9")

    assert "distributed.comm.tls" in caught.value.hint
