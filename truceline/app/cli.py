"""The command line: finds ``verbs/<word>.py`` and imports only that."""

import argparse
import atexit
import gc
import importlib
import os
import pkgutil
import signal
import sys
import traceback
import uuid
from collections.abc import Sequence
from typing import NoReturn, Protocol, cast

from truceline import __version__
from truceline.app import verbs
from truceline.app.progress import say, warnings_held
from truceline.app.spared import spare_inputs
from truceline.model.errors import BadInput, Broken, Refused


class Verb(Protocol):
    """What a file in ``verbs/`` offers; its docstring is its help."""

    __doc__: str

    def add_arguments(self, parser: argparse.ArgumentParser) -> None: ...

    def run(self, args: argparse.Namespace) -> int: ...


class Parser(argparse.ArgumentParser):
    """An argument parser whose errors are one line and exit 2."""

    def error(self, message: str) -> NoReturn:
        say("error", f"{message} (try: {self.prog} --help)")
        raise SystemExit(2)


def words() -> list[str]:
    """List the verbs."""
    return sorted(module.name for module in pkgutil.iter_modules(verbs.__path__))


def load_verb(word: str) -> Verb:
    """Import one verb and nothing else."""
    return cast(Verb, importlib.import_module(f"{verbs.__name__}.{word}"))


def build_parser(only: str | None = None) -> Parser:
    """Build the parser of all verbs, with the arguments of one (or, ``None``, of all)."""
    parser = Parser(
        prog="truceline",
        description="Watch over a ceasefire line: from pixels and reports to a person's decision.",
        epilog="truceline VERB --help tells of one verb. Exit codes: 0 done, 2 bad usage or input,\n"
        "1 our failure, 3 a check did not hold, 4 nothing trusted was given.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"truceline {__version__}")
    group = parser.add_subparsers(dest="verb", metavar="VERB", required=True, parser_class=Parser)
    for word in words():
        if only is not None and word != only:
            group.add_parser(word, add_help=False)
            continue
        verb = load_verb(word)
        text = verb.__doc__.strip()
        sub = group.add_parser(
            word,
            help=text.splitlines()[0],
            description=text,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        verb.add_arguments(sub)
        sub.set_defaults(run=verb.run)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb and turn what went wrong into an exit code.

    Returns
    -------
    int
        0 done, 1 our failure, 2 bad usage or input, 3 a check did not hold, 4 nothing trusted.
    """
    # The end of the process frees all; looking for cycles before it takes a tenth of a start.
    atexit.register(gc.freeze)
    arguments = list(sys.argv[1:] if argv is None else argv)
    only = next((a for a in arguments if not a.startswith("-")), None)
    if os.name == "posix":
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    args = build_parser(only if only in words() else None).parse_args(arguments)
    try:
        with warnings_held():
            spare_inputs(vars(args))
            return int(args.run(args))
    except BadInput as error:
        say("error", str(error))
        return 2
    except Refused as error:
        say("error", error.why)
        return 2
    except Broken as error:
        say("error", str(error))
        return 1
    except KeyboardInterrupt:
        say("error", "stopped by the keyboard")
        return 130
    except Exception as error:  # one of the three doors: our own bug gets an id and a trace
        traceback.print_exc()
        say("error", f"our failure {uuid.uuid4().hex[:8]}: {type(error).__name__}: {error}")
        return 1


if __name__ == "__main__":
    sys.exit(main())
