"""Which signed checkpoint first covers an entry: the same answer today and after a restart."""

from bisect import bisect_right
from threading import Lock

from truceline.flow.node import Node
from truceline.log.reader import read_checkpoint_lines
from truceline.model.facts import Fact


class Covers:
    """Remembers the sizes at which checkpoints were signed.

    Those of earlier runs are read from the log when one of their entries is asked for.
    """

    def __init__(self, node: Node) -> None:
        self._node = node
        self._lock = Lock()
        self._begun_at = node.journal.tree_size
        self._sizes: list[int] = [node.journal.tree_size]
        self._earlier: list[int] | None = None

    def take(self, _fact: Fact) -> None:
        """Note the checkpoint under which a fact became durable (called by the node, in order)."""
        # The node folds a group before it appends the next, so the size is that group's.
        size = self._node.journal.tree_size
        if size > self._sizes[-1]:
            self._sizes.append(size)

    def tree_size(self, seq: int) -> int:
        """Tell the size of the first signed tree that holds an entry."""
        if seq >= self._begun_at:
            return self._sizes[bisect_right(self._sizes, seq)]
        with self._lock:
            if self._earlier is None:
                lines = read_checkpoint_lines(self._node.journal.data_dir)
                self._earlier = [int(line["checkpoint"]["tree_size"]) for line in lines]
            return self._earlier[bisect_right(self._earlier, seq)]
