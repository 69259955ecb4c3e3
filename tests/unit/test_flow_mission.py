"""The mission file: every mistake is named with its place, and nothing is written."""

from pathlib import Path

import pytest
from truceline.app.cli import main
from truceline.flow.mission import expand, load_mission
from truceline.model.errors import BadInput

HEAD = 'schema = "truceline.mission/1"\nname = "Watch"\n'


@pytest.fixture
def write(tmp_path):
    def write_mission(more, head=HEAD):
        path = tmp_path / "mission.toml"
        path.write_bytes(more if isinstance(more, bytes) else (head + more).encode())
        return path

    return write_mission


def refused(path):
    with pytest.raises(BadInput) as caught:
        load_mission(path)
    return str(caught.value)


def test_a_small_mission_has_the_defaults(write):
    mission = load_mission(write(""))

    assert (mission.name, mission.exercise, mission.sources, mission.documents) == ("Watch", False, (), ())
    assert (mission.file.node.origin, mission.file.node.workers, mission.file.watch.revisit_s) == (
        "hq",
        2,
        3600,
    )


def test_a_source_is_made_with_its_detectors_and_its_path_beside_the_file(write):
    path = write(
        '[[source]]\nkind = "alarm"\nname = "radar"\npath = "in/radar"\nowes_s = 600\n'
        'detect = [{ kind = "reported" }]\n'
    )

    (watched,) = load_mission(path).sources

    assert (watched.kind, watched.owes_s, watched.plug.name) == ("alarm", 600.0, "radar")
    assert watched.plug.path == path.parent / "in/radar"
    assert [eye.word for eye in watched.eyes] == ["reported"]


def test_a_setting_that_is_written_as_its_default_is_the_same_setting(write):
    source = (
        '[[source]]\nkind = "stac_folder"\nname = "sar"\npath = "in"\ndetect = [{ kind = "sar_change"%s }]\n'
    )
    eyes = [load_mission(write(source % more)).sources[0].eyes[0] for more in ("", ", baseline = 6")]
    default = eyes[0].plug.baseline
    (spelled,) = load_mission(write(source % f", baseline = {default}")).sources[0].eyes
    other = load_mission(write(source % f", baseline = {default + 1}")).sources[0].eyes[0]

    assert spelled.settings_sha256 == eyes[0].settings_sha256
    assert other.settings_sha256 != eyes[0].settings_sha256


@pytest.mark.parametrize(
    ("more", "line", "wrong", "meant"),
    [
        ("agrement = 'a.toml'\n", 3, "agrement", "agreement"),
        ("[node]\nworker = 1\n", 4, "worker", "workers"),
        ("exercise = true\n[clock]\nspeeed = 2\n", 5, "speeed", "speed"),
        ("[watch]\nrevisit = 60\n", 4, "revisit", "revisit_s"),
        ("[[sourc]]\nkind = 'alarm'\n", 3, "sourc", "source"),
    ],
)
def test_an_unknown_key_is_named_with_its_line_and_the_word_that_was_meant(write, more, line, wrong, meant):
    said = refused(write(more))

    assert f"mission.toml:{line}: " in said
    assert f"unknown key {wrong!r}, did you mean {meant!r}?" in said


def test_a_key_like_no_other_is_unknown_without_a_guess(write):
    said = refused(write("xyzzy = 1\n"))

    assert "unknown key 'xyzzy'" in said
    assert "did you mean" not in said


@pytest.mark.parametrize(
    ("more", "what"),
    [
        ("[node]\nworkers = 65\n", "64"),
        ("[node]\norigin = 'HQ North'\n", "origin"),
        ("[fuse]\nlate_h = 73\n", "72"),
        ("exercise = true\n[clock]\nspeed = 0\n", "speed"),
        ("attribution = 'guess'\n", "guess"),
        ("[watch]\nrevisit_s = 'an hour'\n", "revisit_s"),
        ("exercise = true\n[[player]]\nname = 'a b'\n", "name"),
    ],
)
def test_a_value_out_of_its_range_is_named(write, more, what):
    assert what in refused(write(more))


@pytest.mark.parametrize(
    "more",
    [
        "[clock]\nstart_utc = 2030-05-01T00:00:00Z\n",
        "[[player]]\nname = 'duty'\n",
    ],
)
def test_a_clock_or_a_player_belongs_to_an_exercise(write, more):
    assert "exercise = true" in refused(write(more))
    assert load_mission(write("exercise = true\n" + more)).exercise


def test_two_sources_of_one_name_are_refused(write):
    source = '[[source]]\nkind = "patrol"\nname = "posts"\npath = "in"\n'

    assert "'posts' is used twice" in refused(write(source + source))


@pytest.mark.parametrize(
    ("more", "place", "what"),
    [
        ('[[source]]\nname = "x"\npath = "in"\n', "source[0]", "`kind` is missing"),
        ('[[source]]\nkind = "alarmm"\nname = "x"\npath = "in"\n', "source[0]", "no plug-in of that name"),
        ('[[source]]\nkind = "../alarm"\nname = "x"\npath = "in"\n', "source[0]", "no plug-in of that name"),
        ('[[source]]\nkind = "alarm"\nname = "x"\n', "source[0]", "path"),
        ('[[source]]\nkind = "alarm"\nname = "x"\npath = "in"\nowes_s = -1\n', "source[0]", "owes_s"),
        ('[[source]]\nkind = "alarm"\nname = "x"\npath = "in"\nowes = 5\n', "source[0]", "owes"),
        (
            '[[source]]\nkind = "stac_folder"\nname = "x"\npath = "in"\n'
            'detect = [{ kind = "sar_change" }, { kind = "sar_change", baseline = "six" }]\n',
            "source[0].detect[1]", "baseline",
        ),
        (
            '[[source]]\nkind = "alarm"\nname = "x"\npath = "in"\ndetect = [{ kind = "patrol" }]\n',
            "source[0].detect[0]", "no plug-in of that name",
        ),
        ('[[document]]\nkind = "weekly"\n', "document[0]", "no plug-in of that name"),
    ],
)  # fmt: skip
def test_a_wrong_setting_of_a_plug_in_is_named_with_its_place(write, more, place, what):
    said = refused(write(more))

    assert place in said
    assert what in said


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"x = [", "is not TOML"),
        (b"\xff\xfe", "is not UTF-8: byte 0"),
        (b"#" * (1 << 20) + b"\n", "is larger than"),
        (b"a" + b".a" * 33 + b" = 1\n", "32 dots"),
        (b"# " + b"x" * 70_000, "too long"),
        (b"a = " + b"[" * 5_000 + b"]" * 5_000, "is not TOML"),
        (b"", "schema"),
        (b'schema = "truceline.mission/2"\nname = "x"\n', "schema"),
    ],
)
def test_what_is_no_mission_file_is_refused_in_one_line(write, content, what, capsys):
    path = write(content)
    assert what in refused(path)

    code = main(["run", str(path), "--data", str(path.parent / "data")])

    said = capsys.readouterr()
    assert code == 2
    assert said.out == ""
    assert said.err.startswith("error: ")
    assert said.err.count("\n") == 1
    assert not (path.parent / "data").exists()


def test_a_missing_file_is_bad_input(tmp_path):
    assert "cannot be read" in refused(tmp_path / "no.toml")


@pytest.mark.parametrize(
    ("more", "content"),
    [
        ('agreement = "beside.txt"\n', None),
        ('agreement = "beside.txt"\n', "no agreement"),
        ('force = "beside.txt"\n', None),
        ('force = "beside.txt"\n', "no force"),
        ('force = "beside.txt"\n', '{"units": [{"id": 5}]}'),
    ],
)
def test_a_missing_or_wrong_agreement_or_force_is_named_and_nothing_is_written(write, capsys, more, content):
    path = write(more)
    if content is not None:
        (path.parent / "beside.txt").write_text(content)

    code = main(["run", str(path), "--data", str(path.parent / "data")])

    said = capsys.readouterr()
    assert code == 2, said.err
    assert said.err.startswith("error: ")
    assert said.err.count("\n") == 1
    assert not (path.parent / "data").exists()


def test_the_shared_folder_is_put_into_a_path(monkeypatch):
    monkeypatch.setenv("TRUCELINE_SHARED", "/data/real")
    assert expand("$TRUCELINE_SHARED/x") == expand("${TRUCELINE_SHARED}/x") == "/data/real/x"

    monkeypatch.delenv("TRUCELINE_SHARED")
    assert expand("$TRUCELINE_SHARED/x") == str(Path("../shared").resolve() / "x")
