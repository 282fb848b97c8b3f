"""Commands made from functions: signatures become arguments and options, and numpydoc docstrings become help.

Functions are read as source text, because importing their modules takes seconds.
"""

from __future__ import annotations

import ast
import importlib
import importlib.util
import inspect
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, get_origin

from typer import Argument, Context, Option
from typer.core import TyperArgument, TyperCommand, TyperGroup, TyperOption

from netsim import seams
from netsim.cli.terminal import notes_for
from netsim.errors import FormerWarning, NetsimError, NetsimWarning, SpecificationError

FLAGS = {
    "as_json": "--json",
    "base": "--from",
    "checkpoint_seconds": "--checkpoint-every",
    "form": "--format",
    "only_list": "--list",
    "populations": "--layer",
    "presentation": "--index",
    "settings": "--set",
}
"""Options that are not called like their parameters. Options of sequences have the singular, and can be repeated."""
METAVARS = {
    "base": "PRESET|FILE.toml|RUN",
    "checkpoint_seconds": "SECONDS",
    "data_dir": "DIR",
    "dataset": "NAME|DIR",
    "dt": "MS",
    "engine": "|".join(seams.engines),
    "label": "NAME",
    "layer": "LAYER",
    "layers": "LAYER|all",
    "levels": "X",
    "neurons": "LAYER:NEURON",
    "palette": "NAME",
    "plugin": "FILE.py",
    "populations": "LAYER",
    "read_outs": "READ-OUT|all",
    "record": "LAYER:NEURON",
    "settings": "KEY=VALUE",
    "to": "FORMAT",
    "window": "BEGIN END",
}
"""What help texts show for a value. Otherwise numbers are N, paths are DIR, and docstrings of commands name others."""
GROUPS = {
    "Stimuli": ("index", "presentation", "limit", "split", "dataset", "data_dir", "stimuli"),
    "Simulation": ("engine", "dt", "seed", "workers", "scheduler", "plugin"),
    "Output": ("out", "table", "width", "palette", "parquet", "as_json"),
}
"""Groups of options in help texts, by parameters. Other options form the first group."""
SHARED = {
    "plugin": "Load a file that registers your own entries, such as a learner; repeatable.",
    "as_json": "Print one JSON object on stdout, and nothing else.",
}
"""Texts of options that all commands share."""
_TYPES: dict[str, Any] = {
    "bool": bool,
    "int": int,
    "float": float,
    "str": str,
    "Path": Path,
    "str | Path": Path,
    "Palette": str,
    "Recorded": str,
    "Subject": str,
    "Subject | Spikes": str,
    "Subject | Source | Spikes": str,
    "Subject | Sequence[Subject]": list[str],
    "Subject | Spikes | Sequence[Subject]": list[str],
    "Network | str | Path": str,
    "Mapping[str, Any]": list[str],
    "tuple[float, float]": tuple[float, float],
}
"""Types of values in a terminal, by annotations of functions. A terminal cannot give values of other types."""
_FROM_ZERO = {"seed", "index", "presentation", "channel", "port"}
"""Whole numbers that may be 0. Others are counts of at least 1."""
_INLINE = {"datasets"}
"""Registries that are listed in the text of an option, not above all options."""
_REGISTRY = re.compile(r"`netsim\.seams\.(\w+)`")
_SECTION = re.compile(r"^(\w[\w ]*)\n-{3,}$", re.MULTILINE)
_Handler = Callable[..., None]


class Parameter(NamedTuple):
    """A parameter of a function: annotation and default as source text, and type and text as in the docstring."""

    name: str
    annotation: str
    default: str | None
    documented: str
    text: str

    @property
    def kind(self) -> Any:
        """Type of the value in a terminal, or None."""
        plain = self.annotation.removesuffix(" | None")
        if plain.startswith("Literal["):
            return Literal[ast.literal_eval(f"({plain[8:-1]},)")]
        if plain.startswith("Sequence["):
            element = _TYPES.get(plain[9:-1])
            return element and list[element]  # type: ignore[valid-type]
        return _TYPES.get(plain)

    @property
    def flag(self) -> str:
        """Name of the option."""
        singular = self.name.removesuffix("s") if self.annotation.startswith("Sequence") else self.name
        return FLAGS.get(self.name) or f"--{singular.replace('_', '-')}"

    @property
    def is_argument(self) -> bool:
        """True if the value is given without a name."""
        return self.default is None or self.name == "name"

    @property
    def metavar(self) -> str:
        """Word for the value in help texts."""
        if self.documented.partition(".")[0].isupper() or "|" in self.documented:
            return self.documented
        known = "PRESET|FILE.toml|RUN" if self.annotation.startswith("Network") else METAVARS.get(self.name)
        if self.is_argument and (registries := _listed_above(self)):
            known = getattr(seams, registries[0]).seam.upper()  # such as FIGURE
        if "Subject" in self.annotation:
            known = "RUN|PRESET|SWEEP" if "Sequence" in self.annotation else "RUN|PRESET"
        if known is None and not self.is_argument:
            known = {int: "N", list[int]: "N", Path: "DIR"}.get(self.kind)
        return known or self.name.upper()


class Documented(NamedTuple):
    """A function, or the fields of a dataclass, as read from the source."""

    text: str
    parameters: dict[str, Parameter]


@cache
def read_function(target: str) -> Documented:
    """Read a function or dataclass such as ``netsim.measuring.evaluation:evaluate``, without importing its module."""
    module, _, name = target.partition(":")
    source = _file_of(module).read_text(encoding="utf-8")
    # a function up to the end of its docstring, a class up to the next statement after it
    pattern = rf'^(def {name}\b.*?""".*?"""|class {name}\b.*?(?=^\S|\Z))'
    found = re.search(pattern, source, re.MULTILINE | re.DOTALL)
    assert found is not None, target
    node = ast.parse(found[0]).body[0]
    assert isinstance(node, ast.FunctionDef | ast.ClassDef)
    text, *sections = _SECTION.split(ast.get_docstring(node) or "")  # then heading, content, heading, ...
    texts = _parameter_texts(dict(zip(sections[::2], sections[1::2], strict=True)).get("Parameters", ""))
    parameters = {}
    for name, annotation, default in _signature(node):
        documented, about = texts.get(name, ("", SHARED.get(name, "")))
        parameters[name] = Parameter(name, annotation, default, documented, about)
    return Documented(text.strip(), parameters)


def _signature(node: ast.FunctionDef | ast.ClassDef) -> list[tuple[str, str, str | None]]:
    """Return name, annotation and default of each parameter or field, as source text."""
    if isinstance(node, ast.ClassDef):
        fields = [each for each in node.body if isinstance(each, ast.AnnAssign)]
        found = [(ast.unparse(each.target), each.annotation, each.value) for each in fields]
    else:
        required = len(node.args.args) - len(node.args.defaults)
        defaults = [*[None] * required, *node.args.defaults, *node.args.kw_defaults]
        arguments = zip(node.args.args + node.args.kwonlyargs, defaults, strict=True)
        found = [(each.arg, each.annotation or ast.Constant(None), default) for each, default in arguments]
    return [
        (name, ast.unparse(annotation), None if default is None else ast.unparse(default))
        for name, annotation, default in found
    ]


@cache
def _file_of(module: str) -> Path:
    """Return the file of a module. Only the package ``netsim`` is imported, not its rooms."""
    room, *inner = module.removeprefix("netsim.").split(".")
    spec = importlib.util.find_spec(f"netsim.{room}")
    assert spec is not None
    assert spec.origin is not None
    path = Path(spec.origin).parent.joinpath(*inner)
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def _parameter_texts(section: str) -> dict[str, tuple[str, str]]:
    """Return type and text of each parameter in a numpydoc section. Parameters in one line share them."""
    texts: dict[str, tuple[str, str]] = {}
    names: list[str] = []
    for line in section.strip("\n").splitlines():
        if line and not line[0].isspace():
            listed, _, kind = line.partition(" : ")
            names = listed.split(", ")
            texts |= dict.fromkeys(names, (kind, ""))
        else:
            texts |= {name: (texts[name][0], f"{texts[name][1]} {line.strip()}".strip()) for name in names}
    return texts


def shown(text: str, flags: Mapping[str, str]) -> str:
    """Return the text of a docstring for a terminal: with flags in place of parameters, and registries in words."""
    one = f"`netsim\\.seams\\.(?!{'|'.join(_INLINE)})\\w+`"
    text = re.sub(f"{one}( or {one})*", "the list above", text)
    text = _REGISTRY.sub(r"{\1}", text)
    text = re.sub(r"(?<!`)`(\w+)`", lambda match: flags.get(match[1], match[1]), text)
    text = re.sub(r"``(.+?)``|`(.+?)`", lambda match: match[1] or match[2], text, flags=re.DOTALL)
    return text.replace("\\*", "*")


class Command(TyperCommand):
    """A command whose flags are printed without a type, with groups of options in one order, and with registries.

    ``{figures}`` in its help stands for a list of the entries of this registry, with their summaries, and
    ``{network_formats.read}`` for the entries that have this attribute. They are loaded when the help is printed.
    """

    def get_params(self, ctx: Any) -> list[Any]:
        """Return the parameters, ``--help`` included."""
        return as_printed(super().get_params(ctx))

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the help with the entries in it."""
        self.list_entries()
        super().format_help(ctx, formatter)

    def list_entries(self) -> None:
        """Insert the entries into the help text and the texts of options, once."""
        self.help = re.sub(r"{(\w+)\.?(\w*)}", lambda match: _listed(match[1], match[2]), self.help or "")
        for parameter in self.params:
            if isinstance(parameter, TyperArgument | TyperOption):
                parameter.help = re.sub(r"{(\w+)}", lambda match: _notations(match[1]), parameter.help or "")


class Commands(TyperGroup):
    """The group of all commands (see `Command`)."""

    def get_params(self, ctx: Any) -> list[Any]:
        """Return the parameters, ``--help`` included."""
        return as_printed(super().get_params(ctx))


def as_printed(parameters: list[Any]) -> list[Any]:
    """Put options into `GROUPS`, in their order, and print flags in help texts without a type."""
    names = list(GROUPS)
    for parameter in parameters:
        if getattr(parameter, "is_flag", False):
            parameter.metavar = ""
        if isinstance(parameter, TyperOption):
            groups = (group for group in names if parameter.name in GROUPS[group])
            parameter.rich_help_panel = next(groups, None)
    return sorted(
        parameters, key=lambda each: names.index(each.rich_help_panel) if each.rich_help_panel in names else -1
    )


def _listed(seam: str, attribute: str) -> str:
    """Return the entries of a registry as a list, with the options that belong to each."""
    lines = []
    for name, entry in getattr(seams, seam).items():
        if attribute and getattr(entry, attribute) is None:
            continue
        options = [f"--{choice}" for choice in getattr(entry, "choices", ())]
        if seam == "analyses" and entry.settings:
            options = [f"--set {', '.join(f'{key}={_as_text(value)}' for key, value in entry.settings.items())}"]
        lines.append(f"* {name}: {entry.summary}" + f" ({', '.join(options)})" * bool(options))
    return "\n".join(lines)


def _as_text(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _notations(seam: str) -> str:
    *first, last = (entry.notation for entry in getattr(seams, seam).values())
    return f"{', '.join(first)}, or {last}"


class Given(dict[str, Any]):
    """The arguments and options of a command that the user gave."""

    def call(self, function: Callable[..., Any], **more: Any) -> Any:
        """Call a function with those options that are its parameters, and with `more`."""
        known = inspect.signature(function).parameters
        return function(**{name: value for name, value in self.items() if name in known} | more)


def make_command(handler: str, *sources: str) -> tuple[_Handler, str]:
    """Return the function of a command for typer, and its help.

    Parameters
    ----------
    handler : str
        Function that runs the command and prints the result. Its first parameter is `Given`. Its other parameters are
        options that only a terminal needs, or values of other options. Those with a text replace these. Its docstring
        ends the help.
    *sources : str
        Functions whose parameters become arguments and options, if a terminal can give them. The docstring of the first
        begins the help. Names after a function select its parameters: ``netsim.runs.model:load_model seed dt``.
    """
    own, texts = read_function(handler), list[str]()
    known: dict[str, Parameter] = {}
    for source in sources:
        target, *chosen = source.split()
        function = read_function(target)
        texts.append(function.text)
        known |= {name: each for name, each in function.parameters.items() if not chosen or name in chosen}
    known |= {name: each for name, each in own.parameters.items() if each.text or name not in known}
    known |= {"plugin": Parameter("plugin", "Sequence[str]", "None", "", SHARED["plugin"])}
    usable = {name: each for name, each in known.items() if each.kind is not None}
    flags = {name: each.flag for name, each in usable.items() if not each.is_argument}
    order = sorted(usable.values(), key=lambda each: not _listed_above(each))  # such as FIGURE, before its subject
    context = inspect.Parameter("context", inspect.Parameter.KEYWORD_ONLY, annotation=Context)
    parameters = [context, *(_for_typer(each, flags) for each in order)]

    def run(context: Context, **values: Any) -> None:
        told = {name for name in values if getattr(context.get_parameter_source(name), "name", "") == "COMMANDLINE"}
        given = Given({name: value for name, value in values.items() if name in told - {"plugin"}})
        options = {name: flag for name, flag in flags.items() if name in given}
        module, _, name = handler.partition(":")
        mine = {name: given[name] for name in own.parameters if name in given}
        try:
            with notes_for(NetsimWarning, FormerWarning):
                getattr(importlib.import_module(module), name)(given, **mine)
        except SpecificationError as error:
            option = options.get(error.field.removeprefix("training."))
            if option is None:
                raise
            raise SpecificationError(option, error.message) from error

    vars(run)["__signature__"] = inspect.Signature(parameters)
    run.__annotations__ = {each.name: each.annotation for each in parameters}
    lists = []
    for each in order:
        if registries := _listed_above(each):
            entries = "\n".join(f"{{{registry}}}" for registry in registries)
            lists.append(f"{each.metavar.partition('|')[0]} is one of:\n\n{entries}")
    return run, shown("\n\n".join(filter(None, [*texts[:1], *lists, own.text])), flags)


def _listed_above(parameter: Parameter) -> list[str]:
    """Return the registries that the text of a parameter refers to, and that the help lists above its options."""
    return [registry for registry in _REGISTRY.findall(parameter.text) if registry not in _INLINE]


def _for_typer(parameter: Parameter, flags: Mapping[str, str]) -> inspect.Parameter:
    """Return a parameter with the annotation that typer needs."""
    kind, text = parameter.kind, parameter.text
    repeated = get_origin(kind) is list
    if "Subject" in parameter.annotation:
        text = read_function("netsim.runs.model:load_model").parameters["name"].text.partition(".")[0]
        text += f"{'; or several, or the folder of a sweep, for results over networks' if repeated else ''}."
    elif repeated and not parameter.is_argument and "repeatable" not in text:
        text = f"{text} Repeatable." if ". " in text else f"{text.removesuffix('.')}; repeatable."
    default: Any = None
    with suppress(ValueError):  # the default is computed
        default = None if parameter.default is None else ast.literal_eval(parameter.default)
    default = list(default) if repeated and default else None if repeated else default
    more: dict[str, Any] = {"metavar": parameter.metavar, "help": shown(text, flags)}
    more["show_default"] = default not in (None, "")
    if registries := _listed_above(parameter):
        more["autocompletion"] = lambda: [name for registry in registries for name in getattr(seams, registry)]
    if kind in (int, list[int]):
        more["min"] = 0 if parameter.name in _FROM_ZERO else 1
    if parameter.name == "settings":
        more["autocompletion"] = complete_setting
    if parameter.name == "plugin":
        more |= {"is_eager": True, "callback": _load_plugins}
    required = parameter.default is None
    info = Argument(**more) if parameter.is_argument else Option(parameter.flag, **more)
    return inspect.Parameter(
        parameter.name,
        inspect.Parameter.KEYWORD_ONLY,
        default=inspect.Parameter.empty if required else default,
        annotation=Annotated[kind if required or default is not None else kind | None, info],
    )


def _load_plugins(files: list[str] | None) -> None:
    if files:
        from netsim.runs.plugin_files import load_plugin

        for file in files:
            load_plugin(file)


def complete_setting(ctx: Context, incomplete: str) -> list[str]:
    """Return keys of the network's settings that begin as the word does, or values of the key that the word names."""
    from netsim.runs.names import network_file
    from netsim.specification.keys import known_keys, known_values
    from netsim.specification.toml import read_toml

    key, equals, value = incomplete.partition("=")
    if equals:
        return [f"{key}={known}" for known in known_values(key) if known.startswith(value)]
    table: dict[str, Any] = {}
    with suppress(NetsimError):
        words = [ctx.params.get("network"), ctx.params.get("model"), ctx.params.get("base"), *ctx.args]
        named = str(next(filter(None, words), ""))  # what follows --set is in `args`
        is_run = Path(named, "network.toml").is_file()
        table = read_toml(Path(named, "network.toml") if is_run else network_file(named))
    return [f"{known}=" for known in known_keys(table) if known.startswith(incomplete)]
