"""The three ways in which something can go wrong that is not our own bug."""


class BadInput(Exception):
    """The world's fault: exit 2, HTTP 422, nothing written.

    Parameters
    ----------
    where
        File and place, e.g. ``flight.ts: packet 812``.
    what
        What is wrong and what would be right, one line, lower case.
    """

    def __init__(self, where: str, what: str) -> None:
        super().__init__(f"{where}: {what}" if where else what)
        self.where = where
        self.what = what


class Refused(Exception):
    """The gate's answer to somebody who may not, or to a step that is not allowed.

    Parameters
    ----------
    why
        One sentence for the person who asked.
    status
        The HTTP status that says the same: 403 may not, 409 conflicts with what is known.
    """

    def __init__(self, why: str, status: int = 403) -> None:
        super().__init__(why)
        self.why = why
        self.status = status


class Broken(Exception):
    """The disk, the log or an invariant failed: stop accepting, exit 1, never go on in doubt."""
