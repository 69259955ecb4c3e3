"""Ground radars and patrols of the made-up corridor, writing the formats that real ones write."""

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from truceline.geo.crs import to_local
from truceline.model.classes import BASE_KINDS, FUSION_CLASSES
from truceline.model.names import number
from truceline.model.place import utc_text
from truceline.sim.world import Actor, Corridor, World

_TIME = pa.timestamp("us", tz="UTC")
_CONFUSION = 0.55  # share a radar gives to the right class


class GroundRadar:
    """A radar on a mast: sees what moves within its reach, one look every ``look_s``.

    Writes DETECTIONS, LOOKS and SENSORS of contract fusion: one file per ``file_s``.
    """

    def __init__(
        self, folder: Path, name: str, km: float, world: World, corridor: Corridor, rng: np.random.Generator
    ) -> None:
        self.folder, self.name, self._world, self._corridor, self._rng = folder, name, world, corridor, rng
        self.reach_m, self.look_s, self.sigma_m, self._pd = 9_000.0, 60.0, 18.0, 0.85
        self._km = km
        self._origin = corridor.at(corridor.length_km / 2)
        self._look = 0
        folder.mkdir(parents=True, exist_ok=True)
        place = self._local(km, 0.0)
        row = {
            "sensor_id": name, "kind": "radar", "x_m": place[0], "y_m": place[1], "pd": self._pd,
            "clutter_per_km2": 1e-5, "period_s": self.look_s, "min_speed_mps": 0.8, "bias_sigma_m": 5.0,
            "latency_s": 2.0, "duplicates": False,
        }  # fmt: skip
        self._write(pa.Table.from_pylist([row]), "sensors.parquet")

    def write(self, from_s: float, until_s: float) -> None:
        """Write what the radar saw in a span."""
        detections: list[dict[str, Any]] = []
        looks: list[dict[str, Any]] = []
        mast = self._local(self._km, 0.0)
        for at_s in np.arange(from_s, until_s, self.look_s):
            self._look += 1
            moment = self._world.at(float(at_s))
            look_id = number(self.name, str(self._look))
            looks.append(
                {
                    "look_id": look_id,
                    "sensor_id": self.name,
                    "sortie_id": 0,
                    "phenomenon_time": moment,
                    "result_time": moment + timedelta(seconds=2),
                    "shape": "annulus",
                    "cx_m": mast[0],
                    "cy_m": mast[1],
                    "a_m": 0.0,
                    "b_m": self.reach_m,
                    "heading_rad": 0.0,
                }
            )
            for actor in self._world.seen(self._km, 0.0, self.reach_m, float(at_s)):
                if actor.speed_mps(float(at_s)) >= 0.8 and self._rng.random() < self._pd:
                    detections.append(self._detect(actor, float(at_s), moment, look_id))
        stem = f"{self.name}-{int(from_s):06d}"
        schema = _detection_schema()
        self._write(pa.Table.from_pylist(looks), f"{stem}.looks.parquet")
        self._write(pa.Table.from_pylist(detections, schema=schema), f"{stem}.detections.parquet")

    def _detect(self, actor: Actor, at_s: float, moment: datetime, look_id: int) -> dict[str, Any]:
        place = actor.place(at_s) or (0.0, 0.0)
        x_m, y_m = self._local(*place)
        noise = self._rng.normal(0, self.sigma_m, 2)
        share = (1 - _CONFUSION) / (len(FUSION_CLASSES) - 1)
        right = BASE_KINDS[actor.kind].fusion or "other"
        return {
            "detection_id": number(self.name, actor.id, f"{at_s:.0f}"),
            "sensor_id": self.name,
            "look_id": look_id,
            "phenomenon_time": moment,
            "result_time": moment + timedelta(seconds=2),
            "x_m": x_m + noise[0],
            "y_m": y_m + noise[1],
            "sxx_m2": self.sigma_m**2,
            "syy_m2": self.sigma_m**2,
            "sxy_m2": 0.0,
            **{f"p_{word}": _CONFUSION if word == right else share for word in FUSION_CLASSES},
        }

    def _local(self, km: float, across_m: float) -> tuple[float, float]:
        x_m, y_m = to_local(*self._corridor.at(km, across_m), *self._origin)
        return float(x_m), float(y_m)

    def _write(self, table: pa.Table, name: str) -> None:
        origin = {
            b"origin_lat_deg": repr(self._origin[0]).encode(),
            b"origin_lon_deg": repr(self._origin[1]).encode(),
        }
        times = [(n, f) for n, f in enumerate(table.schema) if pa.types.is_timestamp(f.type)]
        for place, field in times:
            table = table.set_column(place, field.name, table.column(place).cast(_TIME))
        part = self.folder / f"{name}.part"
        pq.write_table(table.replace_schema_metadata(origin), part)
        part.rename(self.folder / name)


class Patrols:
    """Patrols and posts: reports as JSON files, one each."""

    def __init__(self, folder: Path, corridor: Corridor) -> None:
        self.folder, self._corridor = folder, corridor
        folder.mkdir(parents=True, exist_ok=True)

    def report(
        self, report_id: str, kind: str, moment: datetime, km: float, across_m: float, **members: Any
    ) -> None:
        """Write one report (contract wire, part B)."""
        lat, lon = self._corridor.at(km, across_m)
        body = {
            "id": report_id, "type": kind, "time_utc": utc_text(moment), "lat_deg": round(lat, 6),
            "lon_deg": round(lon, 6), "ce90_m": 60.0, **members,
        }  # fmt: skip
        part = self.folder / f"{report_id}.json.part"
        part.write_text(json.dumps(body))
        part.rename(self.folder / f"{report_id}.json")

    def sight(
        self, report_id: str, moment: datetime, actors: list[Actor], km: float, across_m: float
    ) -> None:
        """Report things of one kind at one place."""
        first, count = actors[0], len(actors)
        self.report(
            report_id, "sighting", moment, km, across_m, text=f"{count} of {first.kind} seen from the post",
            attributes={"class": first.kind, "party": first.party, "count": count, "confidence": 0.95},
        )  # fmt: skip


def _detection_schema() -> pa.Schema:
    return pa.schema(
        [
            ("detection_id", pa.int64()), ("sensor_id", pa.string()), ("look_id", pa.int64()),
            ("phenomenon_time", _TIME), ("result_time", _TIME), ("x_m", pa.float64()), ("y_m", pa.float64()),
            ("sxx_m2", pa.float64()), ("syy_m2", pa.float64()), ("sxy_m2", pa.float64()),
            *[(f"p_{word}", pa.float64()) for word in FUSION_CLASSES],
        ]
    )  # fmt: skip
