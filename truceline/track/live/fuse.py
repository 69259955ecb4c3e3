"""The fold that turns detections into tracks, in rounds of fixed UTC windows.

A late or corrected piece takes the tracker back to the end of the round before it and forward from
there; only rounds whose rows have changed are claimed again. What is in force in the end depends on
the set of detections alone: rows are worked on by (time, entry, row), and a track is named after the
row that founded it. A track ends when it was not seen for three hours; until then its existence
falls by 1/e in five and a half hours of silence. What is taken off a sensor's rows in a round was learnt
in the rounds before it.
"""

import hashlib
import json
from bisect import bisect_left, insort
from collections import deque
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta

from truceline.geo.zone import Zones
from truceline.log import pieces
from truceline.log.blobs import Blobs
from truceline.log.fold import Fold
from truceline.model.facts import Claim, Fact
from truceline.model.names import name
from truceline.model.observed import Detections, Observation, Tracks
from truceline.model.place import Span, utc_text
from truceline.track.life.existence import UNSEEN_S
from truceline.track.live.archive import Archive, Round
from truceline.track.live.carried import Carried, handed_on, same_bearing, same_tracks
from truceline.track.live.conditions import Conditions
from truceline.track.live.picture import final_names, round_table
from truceline.track.live.rounds import Chunk, chunks_of, rows_of
from truceline.track.live.running import Running, Seen
from truceline.track.live.shelf import Shelf
from truceline.track.live.waiting import News, Waiting, work_s
from truceline.track.live.watched import Watched
from truceline.track.state.types import Array
from truceline.view.watch import CLOCK, TRACKER, WITNESS

HOUR_S = 3600  # of looks by which a sensor is judged; ends of older rounds lie on the shelf
MOST_ROWS = 100_000  # in memory, of rounds older than that, which only late news touches: some 30 MB
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Fuse(Fold):
    """Follows what was seen as moving or standing things.

    Parameters
    ----------
    blobs
        Where pieces are read and sealed.
    zones
        For the side of the line on which a track was first seen; None: sides stay null.
    late_h
        How long a round stays at hand, its end in memory or on the shelf; older ones are put away as pieces,
        and news that is later costs more, because all rounds since must be taken out again.
    round_s
        Length of a round.
    """

    def __init__(
        self, blobs: Blobs, zones: Zones | None = None, late_h: float = 72, round_s: int = 600
    ) -> None:
        self._blobs = blobs
        self._zones = zones
        self._late_s = late_h * 3600
        self._round_s = round_s
        self._rounds: dict[int, Round] = {}
        self._starts: list[int] = []
        self._entries: dict[str, tuple[int, list[int]]] = {}  # entry → its newest seq, its rounds
        self._by_seq: dict[int, str] = {}
        self._by_claim: dict[str, int] = {}  # of claims that are not logged yet
        self._archive = Archive(blobs)
        self._shelf = Shelf(blobs.root)
        self._warm: set[int] = set()  # rounds of which anything is in memory that need not be
        self._conditions = Conditions()
        self._waiting = Waiting()

    def apply(self, fact: Fact) -> Iterable[Claim]:
        if fact.kind == "track" and fact.actor == TRACKER:
            return list(self._logged(fact))
        if fact.kind == "observation" and self.due() is not None and fact.redacted is None:
            is_tick = fact.noun(Observation).source == CLOCK
            news = self._waiting.take(fact.time_utc) if is_tick else []
            return self._taken(news, fact) if news else ()
        if fact.kind != "detection" or fact.redacted is not None:
            return ()
        said = fact.noun(Detections)
        one = News(fact, said, chunks_of(fact, said, self._blobs, self._round_s))
        if (oldest := self._late_since(one)) is not None:
            held = max(self._rounds[start].held() for start in self._starts[-2:])
            work = work_s(len(self._starts) - bisect_left(self._starts, oldest), held)
            if self._waiting.add(one, oldest, work, fact.actor == WITNESS):
                return ()
        return self._taken([one], fact)

    def due(self) -> datetime | None:
        """Tell when late news is followed."""
        return self._waiting.due()

    def _late_since(self, news: News) -> int | None:
        """Tell from which round on all would have to be run again; None: no round before the newest."""
        starts = set(news.fresh)
        for entry in (news.fact.id, *(self._by_seq.get(seq, "") for seq in news.said.supersedes)):
            starts.update(self._entries[entry][1] if entry in self._entries else ())
        if (waits := self._waiting.oldest_of(news.said, news.fact.id)) is not None:
            starts.add(waits)
        oldest = min(starts, default=None)
        return oldest if oldest is not None and self._starts and oldest < self._starts[-1] else None

    def _taken(self, news: list[News], because: Fact) -> list[Claim]:
        """Follow what one entry tells, or several; answer what has changed by it."""
        touched: set[int] = set()
        for fact, said, fresh in news:
            self._take_out(fact, said, fresh)
            for seq in said.supersedes:
                entry = self._by_seq.get(seq, "")
                if entry in self._entries and self._entries[entry][0] == seq:
                    touched |= self._forget(entry)
            if fact.id in self._entries:
                touched |= self._forget(fact.id)
            self._remember(fact, fresh)
        fresh = news[0].fresh if len(news) == 1 else {}
        touched |= {start for one in news for start in one.fresh} - fresh.keys()
        if not touched and not fresh:
            return []
        newest = max(self._starts)
        again = self._work(touched, fresh)
        answers = list(self._answers(again, because))
        if newest in self._rounds and newest in fresh:
            taken = self._rounds[newest].taken
            answers += self._conditions.changed(newest, taken, self._hour(newest), because)
        self._put_away()
        return answers

    def _take_out(self, fact: Fact, said: Detections, fresh: dict[int, Chunk]) -> None:
        """Bring back rounds that are older than late news may be, when news is older still."""
        lost = {seq for seq in said.supersedes if seq not in self._by_seq}
        wanted = min(fresh, default=None)
        while self._archive.head and (
            lost or (wanted is not None and self._starts[0] > wanted - UNSEEN_S - self._round_s)
        ):
            round_ = self._archive.pop()
            self._rounds[round_.start_s] = round_
            self._starts.insert(0, round_.start_s)
            round_.put_away(self._shelf)
            for chunk in round_.chunks.values():
                self._enter(chunk.entry, chunk.seq, [round_.start_s])
            lost -= {chunk.seq for chunk in round_.chunks.values()}

    def _enter(self, entry: str, seq: int, starts: list[int]) -> None:
        self._by_seq[seq] = entry
        known = self._entries.get(entry, (seq, []))
        self._entries[entry] = (max(seq, known[0]), sorted({*known[1], *starts}))

    def _forget(self, entry: str) -> set[int]:
        _, starts = self._entries.pop(entry)
        for start in starts:
            del self._rounds[start].chunks[entry]
        return set(starts)

    def _remember(self, fact: Fact, fresh: dict[int, Chunk]) -> None:
        for start, chunk in fresh.items():
            if start not in self._rounds:
                self._rounds[start] = Round(start)
                insort(self._starts, start)
            self._rounds[start].chunks[fact.id] = chunk
            self._warm.add(start)
        if fresh:
            self._enter(fact.id, fact.seq, sorted(fresh))

    def _work(self, touched: set[int], fresh: dict[int, Chunk]) -> Iterator[Round]:
        """Run the tracker where something changed; give the rounds whose rows may have changed, by time.

        Each is given when no later one that is run can change its names, so that of a long run little is
        in memory at a time.
        """
        if not touched and len(fresh) == 1:
            start, chunk = next(iter(fresh.items()))
            round_ = self._rounds[start]
            rows = rows_of(chunk, start, self._blobs, self._round_s)
            running = round_.running
            if running is not None and running.first_of(rows) > running.newest:
                running.take([rows])
                round_.end = None
                round_.show(running.seen())
                yield from [*self._renamed_before(start), round_]
                return
        first, last = min(touched | set(fresh)), max(touched | set(fresh))
        at = bisect_left(self._starts, first)
        earlier = bisect_left(self._starts, first - UNSEEN_S)
        if any(not self._rounds[start].was_shown() for start in self._starts[earlier:at]):
            at = earlier  # a track that comes into force may change the names in rounds that are not at hand
        begin, waiting = self._starts[at], deque[Round]()
        is_told = False
        for round_ in self._rerun(at, last):
            waiting.append(round_)
            while waiting[0].start_s < round_.start_s - UNSEEN_S - self._round_s:
                yield from () if is_told else self._renamed_before(begin)
                is_told = True
                yield waiting.popleft()
        yield from () if is_told else self._renamed_before(begin)
        yield from waiting

    def _rerun(self, at: int, last: int) -> Iterator[Round]:
        """Run rounds again from the ``at``-th on, until nothing changes after the round ``last``."""
        before = self._end(self._starts[at - 1]) if at else self._archive.end()
        changed, held = True, 0
        for start in self._starts[at:]:
            round_ = self._rounds[start]
            old = self._end(start) if round_.was_run() else None
            begin = handed_on(before, start)
            is_same = start > last and not changed and round_.goes_on(begin.bearing)
            if is_same:
                round_.learn(begin.bearing)
            else:
                self._follow(round_, before)
            before = self._end(start)
            held += round_.held()
            self._let_go(round_, held)
            if not is_same:
                yield round_
                changed = old is None or not same_tracks(old, before)
            if old is None or changed or start < last:
                continue
            if same_bearing(old.bearing, before.bearing):
                break

    def _follow(self, round_: Round, before: Carried) -> None:
        running = Running(before, round_.start_s, self._side)
        if round_.chunks:
            parts = round_.chunks.values()
            running.take([rows_of(c, round_.start_s, self._blobs, self._round_s) for c in parts])
        round_.running, round_.end = running, None
        round_.show(running.seen())
        round_.taken, round_.renamed, round_.sensors = running.taken, running.renamed, running.began_with
        self._warm.add(round_.start_s)

    def _end(self, start: int) -> Carried:
        """Give the tracker after a round."""
        round_ = self._rounds[start]
        round_.take_back(self._shelf)
        self._warm.add(start)
        if round_.end is None and round_.running is not None:
            round_.end, round_.lesson = round_.running.carried()
            round_.watched = round_.running.watched()
        if round_.end is None:
            raise LookupError(f"round {start} was never run")
        return round_.end

    def _hour(self, newest: int) -> list[Watched]:
        """Give what looks showed in the rounds of the last hour."""
        shown = []
        for start in self._starts[bisect_left(self._starts, newest - HOUR_S) :]:
            round_ = self._rounds[start]
            seen = round_.running.watched() if round_.running is not None else round_.watched
            shown += [seen] if seen is not None else []
        return shown

    def _renamed_before(self, start: int) -> list[Round]:
        """Name the rounds before one in which a track goes by a name that turned out not to be its own."""
        found = []
        since, until = (bisect_left(self._starts, moment) for moment in (start - UNSEEN_S, start))
        for earlier in self._starts[since:until]:
            round_ = self._rounds[earlier]
            seen = round_.shown(self._shelf)
            if seen is not None and self._names(round_, seen) != round_.names:
                round_.show(seen)
                self._warm.add(earlier)
                found.append(round_)
        return found

    def _names(self, round_: Round, seen: Seen) -> dict[int, int]:
        """Tell which tracks of a round turned out to be others within the time that a track may hide."""
        first = bisect_left(self._starts, round_.start_s)
        until = bisect_left(self._starts, round_.start_s + UNSEEN_S + 1)
        names: dict[int, int] = {}
        for start in self._starts[first:until]:
            names |= self._rounds[start].renamed
        return final_names(seen, names)

    def _let_go(self, round_: Round, held: int) -> None:
        """Let go of what can be had again; ``held`` rows of this round and of others are in memory."""
        age_s = self._starts[-1] - round_.start_s
        if round_.start_s != self._starts[-1]:
            round_.running = None
        if age_s > HOUR_S:
            round_.put_away(self._shelf)
            if held > MOST_ROWS:
                round_.forget_rows()

    def _put_away(self) -> None:
        """Let go of what can be had again, and put away what is older than late news may be."""
        if not self._starts:
            return
        newest, held = self._starts[-1], 0
        for start in sorted(self._warm, reverse=True):
            round_ = self._rounds[start]
            held += round_.held()
            self._let_go(round_, held)
            if newest - start > UNSEEN_S + self._round_s:
                round_.forget_seen(self._shelf)
            if round_.is_cold():
                self._warm.remove(start)
        while len(self._starts) > 1 and self._starts[0] < newest - self._late_s:
            round_ = self._rounds[self._starts[0]]
            if round_.pending or round_.is_dirty or not round_.was_run():
                break
            self._archive.push(round_, self._end(round_.start_s))
            self._remove(round_.start_s)
            for chunk in round_.chunks.values():
                self._leave(chunk.entry, round_.start_s)

    def _remove(self, start: int) -> None:
        self._rounds.pop(start).clear(self._shelf)
        self._starts.remove(start)
        self._warm.discard(start)

    def _leave(self, entry: str, start: int) -> None:
        seq, starts = self._entries[entry]
        rest = [one for one in starts if one != start]
        if rest:
            self._entries[entry] = (seq, rest)
            return
        del self._entries[entry]
        for old in [old for old, of in self._by_seq.items() if of == entry]:
            del self._by_seq[old]

    def _side(self, time_s: float, place: Array) -> str | None:
        if self._zones is None:
            return None
        lat_deg, lon_deg = float(place[0]), float(place[1])
        moment = _EPOCH + timedelta(seconds=time_s)
        line = self._zones.nearest_line(lat_deg, lon_deg, moment)
        return None if line is None else self._zones.side_of(line, lat_deg, lon_deg, moment)

    def _answers(self, rounds: Iterable[Round], fact: Fact) -> Iterator[Claim]:
        empty_ones = []
        for round_ in rounds:
            if not round_.pending:
                yield from self._claim(round_, fact)
                if self._starts[-1] - round_.start_s > UNSEEN_S + self._round_s:
                    round_.forget_seen(self._shelf)
            if not round_.chunks and not round_.claimed[1] and not round_.pending:
                empty_ones.append(round_.start_s)
        for start in empty_ones:
            self._remove(start)

    def _claim(self, round_: Round, fact: Fact) -> Iterator[Claim]:
        """Claim a round unless the newest claim says the same."""
        if not round_.is_dirty or round_.seen is None:
            return
        round_.is_dirty, round_.names = False, self._names(round_, round_.seen)
        table = round_table(round_.seen, round_.names)
        if table.num_rows == 0 and round_.seq is None:
            return
        start = _EPOCH + timedelta(seconds=round_.start_s)
        span = Span(from_utc=start, until_utc=start + timedelta(seconds=self._round_s))
        inputs = hashlib.sha256(json.dumps(sorted(round_.chunks)).encode()).hexdigest()
        piece = pieces.seal(table, self._blobs, f"tracks-{utc_text(start)}.parquet")
        if round_.claimed == (inputs, piece.sha256):
            return
        entry_id = name("trk", utc_text(span.from_utc), utc_text(span.until_utc), inputs, piece.sha256)
        older = (round_.seq,) if round_.seq is not None else ()
        new = {self._entries[entry][0] for entry in round_.chunks} - round_.cited
        round_.cited |= new
        round_.claimed, round_.pending = (inputs, piece.sha256), True
        self._by_claim[entry_id] = round_.start_s
        yield Claim(
            kind="track",
            id=entry_id,
            body=Tracks(round=span, inputs_sha256=inputs, piece=piece, rows=table.num_rows, supersedes=older),
            actor=TRACKER,
            refs=(*sorted({*new, *older} - {fact.seq}), fact.seq),
            blobs=(piece,),
        )

    def _logged(self, fact: Fact) -> Iterator[Claim]:
        """Our own claim is in the log now; say at once what has changed meanwhile."""
        start = self._by_claim.pop(fact.id, None)
        if start is None or start not in self._rounds:
            return
        round_ = self._rounds[start]
        round_.seq, round_.pending = fact.seq, False
        yield from self._claim(round_, fact)
