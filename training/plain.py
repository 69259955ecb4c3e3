"""The thermal network that is taught on pictures as they are: surer of vehicles, less so of persons."""

from functools import partial

import thermal
from recipe import PLAIN

CHANNELS = thermal.CHANNELS
pictures = thermal.pictures
batches = partial(thermal.batches, recipe=PLAIN)
