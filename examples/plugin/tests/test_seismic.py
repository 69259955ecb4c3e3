"""Strong shocks become reports; weak ones do not; a broken line is named."""

from pathlib import Path

import pytest
from truceline.model.errors import BadInput
from truceline_seismic import Seismic

HEAD = "time,lat_deg,lon_deg,ce90_m,magnitude\n"


def test_only_strong_shocks_become_reports(tmp_path: Path) -> None:
    file = tmp_path / "shocks.csv"
    file.write_text(HEAD + "2030-05-01T06:00:00Z,24.5,10.1,300,2.1\n2030-05-01T06:00:09Z,24.5,10.1,300,0.4\n")

    taken = list(Seismic(name="shock-1", path=file).observe(None, follow=False))

    assert [one.noun.attributes["magnitude"] for one in taken] == [2.1]


def test_a_broken_line_is_named(tmp_path: Path) -> None:
    file = tmp_path / "shocks.csv"
    file.write_text(HEAD + "yesterday,24.5,10.1,300,2.1\n")

    with pytest.raises(BadInput, match=r"shocks\.csv:2"):
        list(Seismic(name="shock-1", path=file).observe(None, follow=False))
