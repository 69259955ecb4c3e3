#!/usr/bin/env python3
"""Write the pages that follow from the code: docs/commands/, docs/settings.md, docs/api.md.

python docs/make.py            write them
python docs/make.py --check    write nothing; exit 1 and name the pages that differ
"""

import argparse
import pkgutil
import re
import sys
import textwrap
import tomllib
from collections.abc import Collection, Iterable, Iterator
from datetime import datetime, time
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec
from msgspec.inspect import type_info
from truceline import detect, documents, plug, sources
from truceline.app.cli import build_parser, words
from truceline.flow import mission
from truceline.model.errors import BadInput
from truceline.rules import kinds
from truceline.rules.clause import Clause

DOCS = Path(__file__).resolve().parent
WIDTH = 100
MADE = "Written by `docs/make.py`; do not edit.\n"
TABLES = (
    ("[node]", mission.NodeTable),
    ("[clock]", mission.ClockTable),
    ("[fuse]", mission.FuseTable),
    ("[watch]", mission.WatchTable),
    ("[retention]", mission.RetentionTable),
    ("[[satellite]]", mission.SatelliteTable),
    ("[[player]]", mission.Player),
)
ROOMS: dict[str, ModuleType] = {
    "sources": sources,
    "detect": detect,
    "rules.kinds": kinds,
    "documents": documents,
}
# Plug-ins that say where the words for their settings stand: the help of a command.
BORROWED = {"sar_change": ("detect", "sar")}
SAID = tomllib.loads((DOCS / "words.toml").read_text(encoding="utf-8"))


def main() -> int:
    asked = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    asked.add_argument("--check", action="store_true", help="write nothing, compare")
    checking = asked.parse_args().check
    wanted = pages()
    stale = [path for path in (DOCS / "commands").glob("*.md") if path not in wanted]
    differing = [path for path, text in wanted.items() if _read(path) != text]
    for path in sorted(differing + stale):
        print(f"{path.relative_to(DOCS.parent)}: {'differs' if checking else 'written'}")
    if checking:
        return 1 if differing or stale else 0
    (DOCS / "commands").mkdir(exist_ok=True)
    for path in differing:
        path.write_text(wanted[path], encoding="utf-8")
    for path in stale:
        path.unlink()
    return 0


def pages() -> dict[Path, str]:
    """Make every page, by the path at which it belongs."""
    parser = build_parser()
    verbs = subparsers(parser)
    made = {DOCS / "commands" / f"{word}.md": command_page(verbs[word]) for word in words()}
    made[DOCS / "commands" / "README.md"] = commands_page(verbs)
    made[DOCS / "settings.md"] = settings_page(verbs)
    made[DOCS / "api.md"] = api_page()
    return made


# Commands


def subparsers(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    """Give the parsers below a parser, by word."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            return dict(action.choices)
    return {}


def commands_page(verbs: dict[str, argparse.ArgumentParser]) -> str:
    rows = [(f"[{word}]({word}.md)", _plain(first_line(verbs[word].description))) for word in words()]
    return "\n".join(
        [
            "# Commands\n",
            "`truceline VERB --help` says the same. `truceline --version` tells the version.\n",
            table(("command", "what it does"), rows),
            "Exit codes:\n",
            table(("code", "means"), SAID["exits"].items()),
            MADE,
        ]
    )


def command_page(parser: argparse.ArgumentParser) -> str:
    return "\n".join([*command_parts(parser, "#"), MADE])


def command_parts(parser: argparse.ArgumentParser, level: str) -> Iterator[str]:
    yield f"{level} {parser.prog}\n"
    yield f"{_plain(parser.description or '')}\n"
    yield f"{textwrap.indent(usage(parser), '    ')}\n"
    rows = [
        (_code(spelled(action)), _plain(described(parser, action)))
        for action in parser._actions
        if action.dest != "help" and not isinstance(action, argparse._SubParsersAction)
    ]
    rows.sort(key=lambda row: row[0].startswith("`-"))  # options come last
    if rows:
        yield table(("argument", ""), rows)
    below = subparsers(parser)
    for word in sorted(below):
        said = below[word].description or _sub_help(parser, word)
        below[word].description = said[:1].upper() + said[1:]
        yield from command_parts(below[word], level + "#")


def usage(parser: argparse.ArgumentParser) -> str:
    """Write the call: options first, then what stands without a name."""
    shown = [action for action in parser._actions if action.dest != "help"]
    exclusive = {
        id(action): group for group in parser._mutually_exclusive_groups for action in group._group_actions
    }
    parts: list[str] = []
    said: set[int] = set()
    for action in sorted(shown, key=lambda action: not action.option_strings):
        group = exclusive.get(id(action))
        if group is not None:
            if id(group) not in said:
                said.add(id(group))
                inner = " | ".join(spelled(one) for one in group._group_actions)
                parts.append(f"({inner})" if group.required else f"[{inner}]")
        elif action.option_strings:
            parts.append(spelled(action) if action.required else f"[{spelled(action)}]")
        else:
            parts.append(spelled(action))
    joined = " ".join(part.replace(" ", "\0") for part in parts)
    indent = " " * (len(parser.prog) + 1)
    lines = textwrap.wrap(
        joined, WIDTH - len(indent), break_long_words=False, break_on_hyphens=False
    )  # a part is never broken
    return "\n".join(
        (f"{parser.prog} " if i == 0 else indent) + line.replace("\0", " ") for i, line in enumerate(lines)
    )


def spelled(action: argparse.Action) -> str:
    """Spell an argument with its values, as in a usage line."""
    if isinstance(action, argparse._SubParsersAction):
        return f"{action.metavar} …"
    value = action.metavar
    if value is None:
        value = "{" + ",".join(map(str, action.choices)) + "}" if action.choices else action.dest.upper()
    text = " ".join(value) if isinstance(value, tuple) else value
    if action.nargs == 0:
        text = ""
    elif action.nargs == "?":
        text = f"[{text}]"
    elif action.nargs == "*":
        text = f"[{text} …]"
    elif action.nargs == "+":
        text = f"{text} [{text} …]"
    name = max(action.option_strings, key=len, default="")
    return f"{name} {text}".strip()


def described(parser: argparse.ArgumentParser, action: argparse.Action) -> str:
    """Give the help of an argument; it names the default itself, as some depend on the machine."""
    return parser._get_formatter()._expand_help(action) if action.help else ""


def first_line(text: str | None) -> str:
    return (text or "").strip().splitlines()[0]


def _sub_help(parser: argparse.ArgumentParser, word: str) -> str:
    """Find the one line that a parser says of a word below it."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for choice in action._choices_actions:
                if choice.dest == word:
                    return choice.help or ""
    return ""


# Settings


def settings_page(verbs: dict[str, argparse.ArgumentParser]) -> str:
    parts = [
        "# Settings\n",
        "A mission is one TOML file; an unknown key is refused. Paths are relative to it; `$TRUCELINE_SHARED`"
        " in a path\nstands for the folder that this variable names, by default `../shared`.\n",
        table(HEAD, struct_rows(mission.MissionFile, SAID["MissionFile"])),
    ]
    for title, struct in TABLES:
        said = first_line(struct.__doc__).split(": ", 1)[1]
        parts += [f"## {title}\n", f"{said[0].upper()}{said[1:]}\n"]
        parts.append(table(HEAD, struct_rows(struct, SAID[struct.__name__])))
    for room in ROOMS:
        title, said = SAID["rooms"][room]
        parts += [f"## {title}\n", f"{said}\n"]
        shared = [(f"`{key}`", *row) for key, row in SAID["rows"][room].items()]
        parts.append(
            table(HEAD, [*shared, *(struct_rows(Clause, {}, RULE) if room == "rules.kinds" else ())])
        )
        for word, found in plugins(room):
            parts += [f"### {word}\n", f"{_plain(summary(found))}\n"]
            rows = struct_rows(found, borrowed(word, verbs), leave=COMMON[room])
            parts.append(table(HEAD, rows) if rows else "No settings of its own.\n")
    return "\n".join([*parts, MADE])


HEAD = ("key", "type", "default", "")
RULE = {"terms", *plug.Rule.__struct_fields__}
COMMON: dict[str, set[str]] = {
    "sources": {"name"},
    "detect": set(),
    "rules.kinds": {field.name for field in msgspec.structs.fields(Clause)},
    "documents": set(),
}


def plugins(room: str) -> Iterator[tuple[str, type[plug.Plug]]]:
    """Give the plug-ins of a room: files with a class of its port."""
    for module in sorted(one.name for one in pkgutil.iter_modules(ROOMS[room].__path__)):
        try:
            yield module, plug.find(room, module)
        except BadInput:
            continue


def summary(struct: type) -> str:
    """Give the docstring up to its table of parameters, as one paragraph."""
    text = textwrap.dedent("    " + (struct.__doc__ or "")).split("\nParameters\n")[0]
    return " ".join(text.split())


def parameter_texts(struct: type) -> dict[str, str]:
    """Read the texts of the parameters from the docstrings of a class and of those it comes from."""
    found: dict[str, str] = {}
    for one in reversed(struct.__mro__):
        text = textwrap.dedent("    " + (vars(one).get("__doc__") or ""))
        _, _, body = text.partition("\nParameters\n----------\n")
        for names, said in re.findall(r"^(\w[\w, ]*)\n((?:    .*\n?)+)", body, re.MULTILINE):
            for name in names.split(", "):
                found[name] = " ".join(said.split())
    return found


def borrowed(word: str, verbs: dict[str, argparse.ArgumentParser]) -> dict[str, str]:
    """Read the texts of settings that are the options of a command."""
    if word not in BORROWED:
        return dict(SAID["Plug"])
    verb, sub = BORROWED[word]
    parser = subparsers(verbs[verb])[sub]
    return {action.dest: re.sub(r" \([\d.]+\)$", "", action.help or "") for action in parser._actions}


def struct_rows(
    struct: type[msgspec.Struct], texts: dict[str, str], leave: Collection[str] = ()
) -> list[tuple[str, str, str, str]]:
    """Describe the fields of a struct: key, type, default, meaning.

    Raises
    ------
    LookupError
        If nobody says what a field means.
    """
    said = {**texts, **parameter_texts(struct)}
    rows = []
    for field in msgspec.structs.fields(struct):
        if field.name in leave:
            continue
        key = field.encode_name
        if key not in said:
            raise LookupError(f"{struct.__module__}.{struct.__name__}: no text for `{key}`")
        default = "required" if field.required else _default(field)
        rows.append((f"`{key}`", kind_of(type_info(field.type)), default, _plain(said[key])))
    return rows


def kind_of(info: Any) -> str:
    """Say a type in words of a TOML file."""
    match type(info).__name__:
        case "UnionType":
            inner = [kind_of(one) for one in info.types if type(one).__name__ != "NoneType"]
            return " or ".join(inner)
        case "LiteralType":
            return " or ".join(f'`"{value}"`' for value in info.values)
        case "IntType" | "FloatType":
            return ("whole number" if type(info).__name__ == "IntType" else "number") + _bounds(info)
        case "StrType":
            return f"text like `{info.pattern}`" if info.pattern else "text"
        case "ListType" | "VarTupleType":
            return f"list: {kind_of(info.item_type)}"
        case "StructType":
            if info.cls.__module__ == mission.__name__:
                return "table"
            return "table of " + ", ".join(
                f"`{one.encode_name}` ({kind_of(one.type)})" for one in info.fields
            )
        case other:
            return {
                "BoolType": "true or false",
                "DictType": "table",
                "DateTimeType": "time",
                "CustomType": "path",
            }[other]


def _bounds(info: Any) -> str:
    signs = ((">", info.gt), ("≥", info.ge), ("<", info.lt), ("≤", info.le))
    return "".join(f", {sign} {bound:g}" for sign, bound in signs if bound is not None)


def _default(field: Any) -> str:
    value = field.default_factory() if field.default is msgspec.NODEFAULT else field.default
    if value is None or isinstance(value, msgspec.Struct):
        return "–"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, Path | datetime | time):
        raise TypeError(f"{field.name}: a default that a page cannot show")
    if isinstance(value, tuple | list):
        return "`[" + ", ".join(f'"{one}"' for one in value) + "]`"
    return f'`"{value}"`' if isinstance(value, str) else f"`{value:g}`"


# API


def api_page() -> str:
    from truceline.app.server import ROUTES

    rows = [
        (
            route.method,
            f"`{route.path}`",
            "open to all" if route.is_open else ", ".join(route.roles),
            _plain(route.summary),
        )
        for route in ROUTES
    ]
    return "\n".join(
        [
            "# API\n",
            "JSON over HTTP, with `Authorization: Bearer TOKEN`. `GET /openapi.json` describes bodies and"
            " answers.\n`GET /` and the page's own files are open to all.\n",
            table(("method", "path", "roles", ""), rows),
            MADE,
        ]
    )


# Markdown


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    head = tuple(head)
    lines = [head, ("---",) * len(head), *(tuple(row) for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def _code(text: str) -> str:
    return "`" + text.replace("|", "\\|") + "`"


def _plain(text: str) -> str:
    """Let text pass through Markdown as it is, code apart; double backticks become single ones."""
    parts = text.strip().replace("``", "`").replace("|", "\\|").split("`")
    parts[::2] = [part.replace("<", "&lt;") for part in parts[::2]]
    return "`".join(parts)


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.is_file() else ""


if __name__ == "__main__":
    sys.exit(main())
