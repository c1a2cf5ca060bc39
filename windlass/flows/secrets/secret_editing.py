"""Secrets in a text editor: a private file in memory, gone afterwards; only what was changed is encrypted anew."""

from __future__ import annotations

import os
import shlex
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import yaml

from windlass.errors import UsageError, WindlassError
from windlass.flows.secrets.secret_file import existing_file
from windlass.inventory import Environment
from windlass.inventory.faults import did_you_mean

MEMORY = Path("/dev/shm")  # noqa: S108 - memory, not a disk; the folder in it is private
_HEAD = '# One `name: "value"` per line. A line taken out takes the secret out. Save and leave the editor to encrypt.\n'


class _Writer(yaml.SafeDumper):
    """Texts of several lines as blocks, all others in quotes."""


_Writer.add_representer(
    str, lambda writer, text: writer.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else '"')
)


def edit(environment: Environment, editor: str, again: Callable[[str], bool]) -> tuple[str, ...]:
    """Open the encrypted file in an editor; the names whose value changed, came or went.

    `again` is told what is wrong with a text that cannot be taken, and says whether to open it once more.
    Raises UsageError when it says no, or when there is no file yet; the file is then as it was.
    """
    file = existing_file(environment)
    before = file.values()
    text = _HEAD + _written(before) + _wanted(environment, before)
    with private_file(text) as path:
        while True:
            _run(editor, path)
            try:
                after = read(path.read_text(encoding="utf-8"), {*environment.secrets, *before})
                break
            except ValueError as error:
                if not again(str(error)):
                    raise UsageError(f"{error}: nothing was changed") from None
    changes = {name: after.get(name) for name in (*before, *after) if before.get(name) != after.get(name)}
    if changes:
        file.change(lambda document, now: document.changed(changes, now))
    return tuple(sorted(changes))


def read(text: str, known: set[str]) -> dict[str, str]:
    """What was written. Raises ValueError that says what is wrong, never with a value in it."""
    root = _composed(text)
    if root is None:
        return {}
    if not isinstance(root, yaml.MappingNode):
        raise ValueError(  # noqa: TRY004 - a fault of the text, not of the program
            'it should be `name: "value"` lines'
        )
    values: dict[str, str] = {}
    for key, value in root.value:
        line = key.start_mark.line + 1
        if not isinstance(key, yaml.ScalarNode) or not isinstance(value, yaml.ScalarNode) or not value.value:
            raise ValueError(f'line {line} should be `name: "value"`')
        if key.value in values:
            raise ValueError(f"line {line}: {key.value} is there twice")
        if key.value not in known:
            raise ValueError(f"line {line}: the inventory declares no secret of this name{did_you_mean(key.value, known)}")
        values[key.value] = value.value
    return values


def _composed(text: str) -> yaml.Node | None:
    try:
        root: yaml.Node | None = yaml.compose(text, Loader=yaml.BaseLoader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        raise ValueError(f"line {mark.line + 1 if mark else 1} is not YAML") from None
    except RecursionError:
        raise ValueError('it should be `name: "value"` lines, and is nested hundreds of levels deep') from None
    return root


@contextmanager
def private_file(text: str) -> Iterator[Path]:
    """A file that only its owner may read, in memory where there is such a place; overwritten and removed at the end."""
    where = MEMORY if MEMORY.is_dir() and os.access(MEMORY, os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="windlass-", dir=where) as folder:
        path = Path(folder, "secrets.yml")
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as stream:
            stream.write(text)
        try:
            yield path
        finally:
            for left in Path(folder).rglob("*"):  # editors leave copies beside the file
                if left.is_file() and not left.is_symlink():
                    _overwrite(left)


def _overwrite(path: Path) -> None:
    with path.open("r+b") as stream:
        stream.write(bytes(path.stat().st_size))
        stream.flush()
        os.fsync(stream.fileno())


def _written(values: Mapping[str, str]) -> str:
    if not values:
        return ""
    lines = (yaml.dump({name: value}, Dumper=_Writer, allow_unicode=True, width=1 << 20) for name, value in values.items())
    return "".join(line.replace(f'"{name}":', f"{name}:", 1) for name, line in zip(values, lines, strict=True))


def _wanted(environment: Environment, values: Mapping[str, str]) -> str:
    missing = [entry for name, entry in environment.secrets.items() if name not in values]
    return "".join(f'# {entry.name}: ""  # {entry.description or "has no value here"}\n' for entry in missing)


def _run(editor: str, path: Path) -> None:
    try:
        done = subprocess.run([*shlex.split(editor), str(path)], check=False)
    except (FileNotFoundError, ValueError):
        raise UsageError(f"the editor {editor!r} cannot be started", hint="set EDITOR") from None
    if done.returncode != 0:
        raise WindlassError(
            f"the editor ended with {done.returncode}: nothing was changed", hint="save, and leave it without an error"
        )
