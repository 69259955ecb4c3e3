"""What a verb reads is not written over by what it writes.

Looked at before every verb: it loads next to nothing.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from truceline.model.errors import BadInput

WRITTEN = ("out", "sensor_report", "groups", "weights")  # arguments that are written, never read
KEEPS_ITS_FOLDER = "enroll"  # the verb that adds to a folder; the others replace it


def spare_inputs(arguments: Mapping[str, Any]) -> None:
    """Refuse to write over what is read, or two results into one file.

    Parameters
    ----------
    arguments
        Of the command line, by name; those that are paths, or lists of them, are looked at.

    Raises
    ------
    BadInput
        If a path that is written is another argument's too, or lies in a folder that would be replaced.
    """
    lists = {word: each if isinstance(each, list) else [each] for word, each in arguments.items()}
    paths = [(word, path) for word, each in lists.items() for path in each if isinstance(path, Path)]
    for word, target in paths:
        others = [path for other, path in paths if other != word]
        if word not in WRITTEN or not others:
            continue
        place = target.resolve()
        for other in others:
            if other.resolve() == place:
                raise BadInput(str(target), f"is given twice; --{word.replace('_', '-')} would overwrite it")
            is_inside = target.is_dir() and place in other.resolve().parents
            if is_inside and arguments.get("verb") != KEEPS_ITS_FOLDER:
                raise BadInput(str(target), f"would be replaced, and {other} lies in it")
