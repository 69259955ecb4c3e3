"""What the log holds: headers, facts read from it, and claims and jobs on their way into it."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, TypeVar

import msgspec

from truceline.model.place import Noun, utc_time
from truceline.model.units import Sha256

NounT = TypeVar("NounT")
_DECODERS: dict[type, "msgspec.json.Decoder[Any]"] = {}

INPUT_KINDS = frozenset(
    {"observation", "report", "decision", "order_state", "statement", "user", "config", "erasure"}
)
DERIVED_KINDS = frozenset({"detection", "track", "incident", "recommendation", "order"})
KINDS = INPUT_KINDS | DERIVED_KINDS


class Blob(Noun, omit_defaults=False):
    """A sample in the content-addressed folder; its name is a number or a word of ours."""

    sha256: Sha256
    size_bytes: int
    media_type: str
    name: str


class Header(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The signed part of an entry (contract wire, G.1)."""

    actor: str
    blobs: tuple[Blob, ...]
    body_sha256: str
    id: str
    kind: str
    prev_sha256: str
    refs: tuple[int, ...]
    seq: int
    time_utc: str
    v: int


class Redacted(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What stands in place of an erased body."""

    by: str
    reason: str


class Fact(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One entry of the log; the body stays bytes until somebody asks for the noun."""

    header: Header
    body: msgspec.Raw = msgspec.Raw(b"")
    salt: str = ""
    redacted: Redacted | None = None

    @property
    def seq(self) -> int:
        return self.header.seq

    @property
    def kind(self) -> str:
        return self.header.kind

    @property
    def id(self) -> str:
        return self.header.id

    @property
    def actor(self) -> str:
        return self.header.actor

    @property
    def refs(self) -> tuple[int, ...]:
        return self.header.refs

    @property
    def blobs(self) -> tuple[Blob, ...]:
        return self.header.blobs

    @property
    def time_utc(self) -> datetime:
        """When we took it in (acceptance time)."""
        return utc_time(self.header.time_utc)

    def noun(self, of: type[NounT]) -> NounT:
        """Decode the body.

        Raises
        ------
        msgspec.ValidationError
            If the body is not of this type.
        LookupError
            If the body was erased.
        """
        if self.redacted is not None:
            raise LookupError(f"entry {self.seq}: body erased: {self.redacted.reason}")
        return _decoder(of).decode(self.body)


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """What wants to become a fact.

    For derived kinds the last of ``refs`` is the entry that made a fold speak ("because"):
    an entry is the same entry when (kind, id, because) is the same; for input kinds, (kind, id).
    """

    kind: str
    id: str
    body: Noun | Mapping[str, Any]
    actor: str
    refs: tuple[int, ...] = ()
    blobs: tuple[Blob, ...] = ()


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """Work that takes long or depends on time; its answer becomes the body of one claim.

    ``function`` is ``module:function`` of ours, called in a worker as
    ``function(argument, media)`` and answering an :class:`Answer`.
    """

    kind: str
    id: str
    actor: str
    refs: tuple[int, ...]
    function: str
    argument: bytes
    blobs: tuple[Blob, ...] = ()


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What a worker brings back: the body, and the samples it has put into the blob folder."""

    body: Noun
    blobs: tuple[Blob, ...] = ()


def entry_key(kind: str, entry_id: str, refs: tuple[int, ...]) -> tuple[str, str, int]:
    """Tell which entries are the same entry."""
    return (kind, entry_id, refs[-1] if kind in DERIVED_KINDS and refs else -1)


def _decoder(of: type[NounT]) -> "msgspec.json.Decoder[NounT]":
    if of not in _DECODERS:
        _DECODERS[of] = msgspec.json.Decoder(of)
    return _DECODERS[of]
