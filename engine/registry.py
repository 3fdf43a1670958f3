"""Registries: a dict and a decorator for each kind of plug-in, and the forms made from them.

A plug-in is a class whose dataclass fields are its settings. `setting()` gives a field its help
and range; `describe()` turns the fields into plain values, from which the window builds its form
and the command line checks `--set NAME=VALUE`.

>>> SAYERS: Registry[object] = Registry("sayer")
>>> @SAYERS.register("parrot", "Parrot")
... @dataclass
... class Parrot:
...     "Says it again."
...     times: int = setting(2, "How often it says it.", least=1, most=9)
>>> SAYERS.make("parrot", {"times": "3"})
Parrot(times=3)
>>> SAYERS.make("parrot", {"times": 20})
Traceback (most recent call last):
engine.errors.BadSetting: Times takes a value from 1 to 9, not 20.
"""

from __future__ import annotations

import importlib
import pkgutil
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import MISSING, dataclass, field, fields
from typing import Any, ClassVar, Protocol, TypeVar

from engine.errors import BadSetting


class Named(Protocol):
    """What `Registry.register` gives each plug-in."""

    name: ClassVar[str]
    title: ClassVar[str]


T = TypeVar("T", bound=Named)


def setting(
    default: Any,
    help: str,
    *,
    least: float | None = None,
    most: float | None = None,
    choices: tuple[str, ...] = (),
    label: str = "",
) -> Any:
    """A dataclass field that a person can set. `help` is one plain sentence."""
    facts = {"help": help, "least": least, "most": most, "choices": choices, "label": label}
    return field(default=default, metadata=facts)


@dataclass(frozen=True)
class SettingView:
    """One setting as a form shows it. `kind` is bool, int, float or str."""

    name: str
    label: str
    kind: str
    default: Any
    help: str
    least: float | None = None
    most: float | None = None
    choices: tuple[str, ...] = ()


@dataclass(frozen=True)
class PluginView:
    """One plug-in as the window lists it; `facts` are plain values of the plug-in's own."""

    name: str
    title: str
    help: str
    settings: tuple[SettingView, ...]
    facts: Mapping[str, Any] = field(default_factory=dict)


class Registry(Mapping[str, type[T]]):
    """Plug-ins of one kind by name, in the order in which they were registered.

    With a `package`, all its files are imported when the registry is first read, so that each has
    registered itself.
    """

    def __init__(self, kind: str, package: str = "") -> None:
        self.kind, self.package = kind, package
        self._plugins: dict[str, type[T]] = {}
        self._loaded = not package
        self._guard = threading.RLock()

    @property
    def plugins(self) -> dict[str, type[T]]:
        """All of them. A file that is being imported may read the registry too."""
        with self._guard:
            if not self._loaded:
                self._loaded = True
                package = importlib.import_module(self.package)
                for module in pkgutil.iter_modules(package.__path__):
                    importlib.import_module(f"{self.package}.{module.name}")
        return self._plugins

    def __getitem__(self, name: str) -> type[T]:
        return self.plugins[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.plugins)

    def __len__(self) -> int:
        return len(self.plugins)

    def register(self, name: str, title: str = "") -> Callable[[type[T]], type[T]]:
        """A class decorator: `@LEARNERS.register("ncm", "Nearest class mean")`."""

        def keep(plugin: type[T]) -> type[T]:
            plugin.name, plugin.title = name, title or name
            self._plugins[name] = plugin
            return plugin

        return keep

    def make(self, name: str, settings: Mapping[str, Any] | None = None) -> T:
        """The plug-in `name` with `settings`. Raises BadSetting with a sentence for the person."""
        if name not in self:
            raise BadSetting(
                f"There is no {self.kind} called “{name}”. Choose one of: {', '.join(self)}."
            )
        known = {view.name: view for view in settings_of(self[name])}
        chosen = {key: checked(known, key, value) for key, value in (settings or {}).items()}
        return self[name](**chosen)

    def describe(self) -> tuple[PluginView, ...]:
        return tuple(
            PluginView(name, plugin.title, first_line(plugin), settings_of(plugin))
            for name, plugin in self.items()
        )


def first_line(plugin: type) -> str:
    return (plugin.__doc__ or "").strip().splitlines()[0]


def settings_of(plugin: type) -> tuple[SettingView, ...]:
    """The settings of a plug-in: its dataclass fields that were made with `setting()`."""
    return tuple(
        SettingView(
            name=f.name,
            label=f.metadata["label"] or f.name.replace("_", " ").capitalize(),
            kind=type(f.default).__name__,
            default=f.default,
            help=f.metadata["help"],
            least=f.metadata["least"],
            most=f.metadata["most"],
            choices=f.metadata["choices"],
        )
        for f in fields(plugin)
        if "help" in f.metadata and f.default is not MISSING
    )


KINDS = {"bool": "true or false", "int": "a whole number", "float": "a number"}


def checked(known: Mapping[str, SettingView], name: str, value: Any) -> Any:
    """`value` in the setting's own type, within its range; text (from a command line) is read."""
    if name not in known:
        offer = ", ".join(known) or "none"
        raise BadSetting(f"There is no setting called “{name}”. The settings are: {offer}.")
    view = known[name]
    try:
        value = read(view.kind, value)
    except (ValueError, TypeError, OverflowError) as error:
        raise BadSetting(
            f"{view.label} takes {KINDS.get(view.kind, 'a text')}, not “{value}”."
        ) from error
    if view.choices and value not in view.choices:
        raise BadSetting(f"{view.label} takes one of: {', '.join(view.choices)}.")
    if isinstance(value, int | float) and not within(value, view):
        raise BadSetting(
            f"{view.label} takes a value from {view.least} to {view.most}, not {value}."
        )
    return value


def within(value: float, view: SettingView) -> bool:
    """Whether a number lies in the setting's range; not-a-number lies in none."""
    return (
        value == value
        and (view.least is None or value >= view.least)
        and (view.most is None or value <= view.most)
    )


def read(kind: str, value: Any) -> Any:
    """A value of the kind bool, int, float or str, from itself or from text."""
    if kind == "bool":
        if isinstance(value, bool):
            return value
        words = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
        if str(value).lower() not in words:
            raise ValueError(value)
        return words[str(value).lower()]
    return {"int": int, "float": float, "str": str}[kind](value)
