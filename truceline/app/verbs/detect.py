"""Look for what has changed or is there, in radar scenes and pictures.

Each kind of input has its own word; see its help: truceline detect KIND --help
"""

import argparse
import importlib
import pkgutil

from truceline.app import verbs_detect


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the kinds, each with its own options."""
    kinds = parser.add_subparsers(dest="detect_kind", metavar="KIND", required=True)
    for word in sorted(module.name for module in pkgutil.iter_modules(verbs_detect.__path__)):
        kind = importlib.import_module(f"{verbs_detect.__name__}.{word}")
        text = (kind.__doc__ or "").strip()
        sub = kinds.add_parser(
            word,
            help=text.splitlines()[0],
            description=text,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        kind.add_arguments(sub)
        sub.set_defaults(run_kind=kind.run)


def run(args: argparse.Namespace) -> int:
    """Run the chosen kind."""
    return int(args.run_kind(args))
