"""Files whose content is a Jinja2 template, rendered where the values are: on the controller."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Final, Never

from windlass.errors import InventoryError
from windlass.kept import Kept
from windlass.operations.operation import Operation, check_place
from windlass.values import Command, Secret

if TYPE_CHECKING:
    from jinja2 import Environment, TemplateError
    from jinja2 import Template as JinjaTemplate

MOST_TEXTS = 512  # templates that are kept as they were understood
UNDERSTOOD: Final = Kept("templates")


class TemplateText(str):
    """A template as it stands in a file. It may be kept as it was understood for the next start: no value of anybody's is in it."""

    __slots__ = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Template(Operation):
    """A regular file with the text that a Jinja2 template gives for these values; otherwise like `File`.

    A name that the values lack is an error, never an empty text. Secrets among the values are usable like any text;
    if the template uses one, the content is a secret.

    source     the template's text
    values     what the template can use
    name       the template's own name, for errors
    mode       permission bits as octal text, "0644"
    validate   a command that must succeed before the file is installed; `%s` in it stands for the temporary file
    sensitive  never show the content in a diff (implied by a secret)
    once       the content is for a new file; one that is there keeps its own
    """

    family: ClassVar[str] = "template"

    path: str
    source: str
    values: Mapping[str, object] = field(default_factory=dict)
    name: str = ""
    owner: str = "root"
    group: str = "root"
    mode: str = "0644"
    validate: Command | None = None
    sensitive: bool = False
    once: bool = False

    def title(self) -> str:
        return f"file {self.path} from template {self.name or 'text'}"

    def get_ready(self) -> None:
        """Understand the text. Raises InventoryError with its name and line if it is none."""
        from jinja2 import TemplateError  # noqa: PLC0415 - loaded when a template is rendered, not to print a list of tasks

        try:
            _compiled(self.source)
        except TemplateError as error:
            self._refuse(error)

    def content(self) -> str | Secret:
        """The rendered text. Raises InventoryError with the template's name and line if it cannot be rendered."""
        text = self._render()
        return Secret(text) if self._used_secrets() else text

    def arguments(self) -> Mapping[str, object]:
        """Those of a `File`. The secrets travel by themselves too, so that not every line of the file counts as one."""
        check_place(self.path, self.mode)  # not earlier: without a path it is good for its content
        secrets = self._used_secrets()
        return {
            "path": self.path,
            "content": self._render(),
            "owner": self.owner,
            "group": self.group,
            "mode": self.mode,
            "validate": self.validate,
            "sensitive": self.sensitive or bool(secrets),
            "secrets": secrets,
            "once": self.once,
            "absent": False,
        }

    def _render(self) -> str:
        from jinja2 import TemplateError  # noqa: PLC0415 - loaded when a template is rendered, not to print a list of tasks

        try:
            return _compiled(self.source).render(_revealed(self.values))
        except (TemplateError, TypeError, ValueError, ArithmeticError, LookupError) as error:
            self._refuse(error)

    def _used_secrets(self) -> tuple[Secret, ...]:
        from jinja2 import TemplateError  # noqa: PLC0415

        held = {key: found for key, value in self.values.items() if (found := _secrets(value))}
        if not held:
            return ()
        try:
            used = _used_names(self.source)
        except TemplateError as error:
            self._refuse(error)
        return tuple(secret for key in sorted(used & set(held)) for secret in held[key])

    def _refuse(self, error: TemplateError | Exception) -> Never:
        line = getattr(error, "lineno", None) or _line_of(error)
        place = f"template {self.name or 'text'} of {self.path}" + (f", line {line}" if line else "")
        raise InventoryError(
            f"{place}: {getattr(error, 'message', None) or error}",
            hint="give the template this value, or correct the template",
        ) from error


@functools.cache
def _environment() -> Environment:
    """Strict about what is missing; blocks on lines of their own leave no empty lines. The texts are configuration, not HTML."""
    from jinja2 import Environment, StrictUndefined  # noqa: PLC0415

    return Environment(
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701
    )


@functools.lru_cache(maxsize=MOST_TEXTS)
def _compiled(source: str) -> JinjaTemplate:
    """A template's text is understood once, however many hosts it is rendered for: that takes ten times as long as rendering it."""
    from jinja2 import Template, __version__  # noqa: PLC0415

    key = (__version__, str(source))
    code = UNDERSTOOD.get(key)
    if code is None:
        code = _environment().compile(source)
        if isinstance(source, TemplateText):
            UNDERSTOOD.put(key, code)
    return Template.from_code(_environment(), code, _environment().make_globals(None))


@functools.lru_cache(maxsize=MOST_TEXTS)
def _used_names(source: str) -> frozenset[str]:
    """What a template's text asks its values for."""
    from jinja2 import meta  # noqa: PLC0415

    return frozenset(meta.find_undeclared_variables(_environment().parse(source)))


def _revealed(value: object) -> Any:
    """The same value with every secret as its text."""
    if isinstance(value, Secret):
        return value.reveal()
    if isinstance(value, Mapping):
        return {key: _revealed(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_revealed(item) for item in value]
    return value


def _secrets(value: object) -> tuple[Secret, ...]:
    """Every secret inside a value."""
    if isinstance(value, Secret):
        return (value,)
    if isinstance(value, Mapping):
        return tuple(secret for item in value.values() for secret in _secrets(item))
    if isinstance(value, (list, tuple)):
        return tuple(secret for item in value for secret in _secrets(item))
    return ()


def _line_of(error: BaseException) -> int | None:
    """The template's line where it failed: the last frame of the traceback that is a template's."""
    line, traceback = None, error.__traceback__
    while traceback:
        if traceback.tb_frame.f_code.co_filename in ("<template>", "<unknown>"):
            line = traceback.tb_lineno
        traceback = traceback.tb_next
    return line
