"""The command line: one line for what went wrong, codes for scripts, nothing heavy at the door."""

import argparse
import re
import shutil
import signal
import subprocess
import sys

import pytest
from truceline import __version__
from truceline.app.cli import build_parser, load_verb, main, say, words
from truceline.model.errors import BadInput, Broken, Refused

BIDI = [*range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x200E, 0x200F]
CONTROL = [*range(0x20), *range(0x7F, 0xA0)]


@pytest.fixture(autouse=True)
def keep_sigpipe():
    """``main`` lets SIGPIPE end the process, as a command should; a test run should not end so."""
    if not hasattr(signal, "SIGPIPE"):
        yield
        return
    before = signal.getsignal(signal.SIGPIPE)
    yield
    signal.signal(signal.SIGPIPE, before)


@pytest.fixture
def call(capsys):
    def run(*typed: str) -> tuple[int, str, str]:
        try:
            code = main(typed)
        except SystemExit as ending:
            code = int(ending.code or 0)
        out, err = capsys.readouterr()
        return code, out, err

    return run


def is_one_error_line(text: str) -> bool:
    return text.startswith("error: ") and text.endswith("\n") and len(text.splitlines()) == 1


def subwords(word: str) -> list[tuple[str, ...]]:
    verb = build_parser(word)
    below = next(a for a in verb._actions if isinstance(a, argparse._SubParsersAction)).choices[word]
    found = [tuple(a.choices) for a in below._actions if isinstance(a, argparse._SubParsersAction)]
    return [(word, sub) for sub in found[0]] if found else [(word,)]


CALLS = [path for word in words() for path in subwords(word)]


def required(path: tuple[str, ...]) -> bool:
    parser: argparse.ArgumentParser = build_parser(path[0])
    for word in path:
        parser = next(a for a in parser._actions if isinstance(a, argparse._SubParsersAction)).choices[word]
    return any(action.required for action in parser._actions)


def test_every_verb_of_the_folder_is_a_command_with_help_of_one_line():
    assert {"demo", "run", "serve", "verify", "why", "replay", "report", "completion"} <= set(words())
    for word in words():
        first = load_verb(word).__doc__.strip().splitlines()[0]
        assert 10 < len(first) <= 110
        assert first.endswith(".")


def test_version_is_told(call):
    assert call("--version") == (0, f"truceline {__version__}\n", "")


@pytest.mark.parametrize("path", CALLS, ids=" ".join)
def test_help_goes_to_stdout_and_ends_well(call, path):
    code, out, err = call(*path, "--help")

    assert (code, err) == (0, "")
    assert f"truceline {' '.join(path)}" in out


@pytest.mark.parametrize(
    "typed", [(), ("nope",), ("--nope",), ("verify2", "x"), ("detect", "nope", "x"), ("",)]
)
def test_what_is_no_command_is_one_line_and_code_2(call, typed):
    code, out, err = call(*typed)

    assert (code, out) == (2, "")
    assert is_one_error_line(err)
    assert "--help" in err


@pytest.mark.parametrize("path", [path for path in CALLS if required(path)], ids=" ".join)
def test_a_missing_argument_is_one_line_and_code_2(call, path):
    code, out, err = call(*path)

    assert (code, out) == (2, "")
    assert is_one_error_line(err)
    assert f"truceline {' '.join(path)} --help" in err


@pytest.mark.parametrize("path", CALLS, ids=" ".join)
def test_an_unknown_option_is_one_line_and_code_2(call, path):
    code, out, err = call(*path, "--no-such-option")

    assert (code, out) == (2, "")
    assert is_one_error_line(err)


BAD_FILES = [
    "check {0} {0} --out {1}",
    "convert {0} --to observations --out {1}",
    "detect sar {0} --out {1}",
    "detect video {0} --out {1}",
    "dispatch {0} --out {1}",
    "evidence {0} --incident inc-1 --out {1}",
    "fuse {0} --sensors {0} --out {1}",
    "replay {0}",
    "report {0} --out {1}.html",
    "revoke --data {0} somebody",
    "run {0} --data {1}",
    "serve {0} --data {1} --port 0",
    "sign {0} --key {0} --stance seen --out {1}",
    "video klv {0} --out {1}",
    "video locate {0} --out {1}",
    "why {0} 1",
    "zone {0} --out {1}",
]


@pytest.mark.parametrize("line", BAD_FILES, ids=lambda line: line.split(" {")[0])
def test_a_file_that_is_not_there_is_one_line_and_code_2_and_writes_nothing(call, tmp_path, line):
    code, out, err = call(*line.format(tmp_path / "missing", tmp_path / "out").split())

    assert (code, out) == (2, "")
    assert is_one_error_line(err)
    assert "missing" in err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "line",
    [line for line in BAD_FILES if "--data" not in line.split("{0}")[0]],
    ids=lambda line: line.split(" {")[0],
)
def test_a_file_of_noise_is_one_line_and_code_2_and_writes_nothing(call, tmp_path, line):
    noise = tmp_path / "noise"
    noise.write_bytes(bytes(range(256)) * 8)

    code, _, err = call(*line.format(noise, tmp_path / "out").split())

    lines = [line for line in err.splitlines(keepends=True) if not line.startswith("warning: ")]
    assert code == 2
    assert is_one_error_line("".join(lines))
    assert list(tmp_path.iterdir()) == [noise]


@pytest.mark.parametrize(
    ("raised", "code"),
    [
        (BadInput("a.toml:3", "is wrong"), 2),
        (Refused("only a commander decides"), 2),
        (Broken("the disk failed"), 1),
        (KeyboardInterrupt(), 130),
    ],
)
def test_each_way_to_fail_has_its_code_and_one_line(call, monkeypatch, tmp_path, raised, code):
    def fail(_args: argparse.Namespace) -> int:
        raise raised

    monkeypatch.setattr("truceline.app.verbs.why.run", fail)

    found, out, err = call("why", str(tmp_path), "1")

    assert (found, out) == (code, "")
    assert is_one_error_line(err)
    assert str(raised) in err


def test_our_own_bug_is_told_with_a_number_and_a_trace(call, monkeypatch, tmp_path):
    def fail(_args: argparse.Namespace) -> int:
        raise ZeroDivisionError("unforeseen")

    monkeypatch.setattr("truceline.app.verbs.why.run", fail)

    code, _, err = call("why", str(tmp_path), "1")

    assert code == 1
    assert "Traceback" in err
    assert re.fullmatch(
        r"error: our failure [0-9a-f]{8}: ZeroDivisionError: unforeseen", err.splitlines()[-1]
    )


@pytest.mark.parametrize("code_point", [*CONTROL, *BIDI], ids=lambda point: f"U+{point:04X}")
def test_characters_that_could_fake_a_line_are_shown_by_number(capsys, code_point):
    say("error", f"a{chr(code_point)}b")

    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert err == ("error: a; b\n" if code_point == 0x0A else f"error: a⟨U+{code_point:04X}⟩b\n")


def test_a_hostile_file_name_stays_one_line(call, tmp_path):
    code, _, err = call("run", str(tmp_path / "a\nerror: b\x1b[2J\u202ec"), "--data", str(tmp_path / "d"))

    assert code == 2
    assert is_one_error_line(err)
    assert not set(err[:-1]) & {chr(point) for point in [*CONTROL, *BIDI]}


def test_help_imports_no_heavy_library():
    code = (
        "import sys; from truceline.app.cli import build_parser; build_parser().format_help();"
        "heavy = {'numpy', 'pyarrow', 'rasterio', 'av', 'numba', 'scipy', 'shapely', 'pyproj', 'starlette',"
        " 'uvicorn', 'PIL', 'shtab', 'tqdm', 'cryptography'};"
        "print(*sorted(heavy & set(sys.modules)))"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == ""


HEAVY = {
    "av",
    "cryptography",
    "numba",
    "pyarrow",
    "rasterio",
    "scipy",
    "scipy.stats",
    "skyfield",
    "starlette",
}
USED = [
    (("check", "none.toml", "none.jsonl", "--explain"), {"scipy"}),
    (("why", "none", "1"), {"cryptography", "pyarrow"}),
    (("verify", "none"), {"cryptography"}),
    (("fuse", "none.parquet", "--sensors", "none", "--out", "new"), {"numba", "pyarrow", "scipy"}),
    (("detect", "sar", "none.json", "--out", "new"), {"numba", "rasterio", "scipy"}),
    (("detect", "optical", "none.tif", "none.tif", "--out", "new"), {"rasterio", "scipy"}),
]


@pytest.mark.parametrize(("typed", "used"), USED, ids=[" ".join(typed[:2]) for typed, _ in USED])
def test_a_verb_imports_no_heavy_library_that_it_does_not_use(typed, used, tmp_path):
    code = (
        f"import sys; from truceline.app.cli import main; code = main({typed!r});"
        f"print(code, *sorted({HEAVY - used!r} & set(sys.modules)))"
    )

    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path
    )

    assert done.stdout.splitlines()[-1] == "2", done.stderr


def test_the_module_can_be_run_and_its_code_reaches_the_shell():
    command = [sys.executable, "-m", "truceline.app"]

    told = subprocess.run([*command, "--version"], capture_output=True, text=True, check=False)
    wrong = subprocess.run([*command, "nope"], capture_output=True, text=True, check=False)

    assert (told.returncode, told.stdout) == (0, f"truceline {__version__}\n")
    assert wrong.returncode == 2
    assert is_one_error_line(wrong.stderr)


@pytest.mark.parametrize("shell", ["bash", "zsh", "tcsh"])
def test_completion_names_every_verb(call, shell):
    code, out, err = call("completion", shell)

    assert (code, err) == (0, "")
    for word in words():
        assert re.search(rf"\b{word}\b", out)


@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash here")
@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("truceline verif", {"verify"}),
        ("truceline detect s", {"sar", "series"}),
        ("truceline detect sar --base", {"--baseline"}),
        ("truceline serve --tls", {"--tls-cert", "--tls-key"}),
        ("truceline sign x --stance ", {"seen", "accepted", "disputed"}),
    ],
)
def test_bash_completes_words_options_and_choices(call, tmp_path, typed, offered):
    script = tmp_path / "completion.bash"
    script.write_text(call("completion", "bash")[1])
    ask = (
        f'source {script}; COMP_LINE="{typed}"; COMP_WORDS=({typed}); '
        + ('COMP_WORDS+=(""); ' if typed.endswith(" ") else "")
        + "COMP_CWORD=$((${#COMP_WORDS[@]}-1)); "
        '_shtab_truceline truceline "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD-1]}"; '
        'echo "${COMPREPLY[@]}"'
    )

    done = subprocess.run(["bash", "-c", ask], capture_output=True, text=True, check=True, cwd=tmp_path)

    assert set(done.stdout.split()) == offered


def test_a_file_option_completes_files(call):
    assert "_shtab_truceline_serve___tls_cert_COMPGEN=_shtab_compgen_files" in call("completion", "bash")[1]
