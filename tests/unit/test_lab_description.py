"""Specifications that cannot be are refused with every fault; what is written of a lab is read back the same."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from windlass.errors import LabError
from windlass.lab.description import HostSpec, Lab, LabHost, LabSpec, check_name, check_spec, from_json, to_json
from windlass.lab.record import Record, lab_key, with_hosts

HOST = LabHost("app1", "198.51.100.10", "deploy", 2222, docker=False, machine="wabcdefh0", folder=Path("/cache/app1"))
LAB = Lab(
    name="try",
    directory=Path("/labs/try"),
    subnet="198.51.100.0/24",
    gateway="198.51.100.1",
    hosts={"app1": HOST},
    private_key=Path("/labs/try/id_ed25519"),
    known_hosts=Path("/labs/try/known_hosts"),
    npm_registry="",
    source="setup",
)
RECORD = Record("try", Path("/labs"), "198.51.100.0/24", "base", (), "", "", npm_is_default=True)


def test_all_faults_of_a_specification_are_named_at_once() -> None:
    hosts = (HostSpec("App_1"), HostSpec("db1", user="no body"), HostSpec("db1", port=70000))

    with pytest.raises(LabError) as caught:
        check_spec(LabSpec("Try!", hosts))

    for fault in ("'Try!'", "'App_1'", "'no body'", "70000", "db1 is there twice"):
        assert fault in caught.value.message


@pytest.mark.parametrize("name", ["", ".", "..", "../labs", "/", "a/b", "-x", "n" * 49])
def test_what_would_lead_out_of_the_folder_is_no_name(name: str) -> None:
    with pytest.raises(LabError, match="is no name"):
        check_name(name)


@pytest.mark.parametrize("count", [0, 241])
def test_a_lab_has_one_to_240_hosts(count: int) -> None:
    with pytest.raises(LabError, match=f"not {count}"):
        check_spec(LabSpec("try", tuple(HostSpec(f"h{number}") for number in range(count))))


def test_host_names_with_dots_and_240_hosts_are_accepted() -> None:
    check_spec(LabSpec("try_2-x", tuple(HostSpec(f"h{number}.example.org") for number in range(240))))


def test_a_description_is_read_back_as_it_was_written() -> None:
    assert from_json(to_json(LAB)) == LAB


def test_ssh_trusts_the_labs_known_hosts_and_nothing_else() -> None:
    words = LAB.ssh("app1", "uptime").arguments

    assert words[-2:] == ("deploy@198.51.100.10", "uptime")
    assert {"StrictHostKeyChecking=yes", "UserKnownHostsFile=/labs/try/known_hosts", "2222", "none"} < set(words)


def test_interface_names_fit_the_kernels_fifteen_characters() -> None:
    hosts = tuple(HostSpec(f"h{number}") for number in range(240))
    record = with_hosts(replace(RECORD, name="n" * 48), hosts, {})

    assert len(record.bridge) <= 15
    assert max(len(f"vb-{host.machine}") for host in record.all_hosts()) <= 15


def test_labs_of_one_name_in_two_folders_differ() -> None:
    assert lab_key("try", Path("/one")) != lab_key("try", Path("/two"))


def test_hosts_keep_their_numbers_and_new_ones_get_the_lowest_free() -> None:
    hosts = (HostSpec("new1"), HostSpec("app2"), HostSpec("new2"), HostSpec("db1"))

    assert with_hosts(RECORD, hosts, {"app1": 0, "app2": 1, "db1": 7}).numbers == {"new1": 0, "app2": 1, "new2": 2, "db1": 7}


def test_the_last_of_240_hosts_still_has_an_address_of_the_subnet() -> None:
    hosts = tuple(HostSpec(f"h{number}") for number in range(240))

    assert with_hosts(RECORD, hosts, {}).host("h239").address == "198.51.100.249"
