#!/usr/bin/env python3
"""Set Truceline up on a machine with nothing but Python 3.11 or newer, and run it.

    python3 run.py demo [--headless ...]   set up, then the simulated corridor
    python3 run.py test [pytest options]   set up, then every check and test
    python3 run.py setup [--dev]           only set up
    python3 run.py VERB ...                set up, then `truceline VERB ...`

Everything lands in `.venv` beside this file (or in $TRUCELINE_VENV).
"""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
VENV = Path(os.environ.get("TRUCELINE_VENV", HERE / ".venv"))
LEAST = (3, 11)
# What is compiled before it is wanted; the tracker and the radar at the same time.
ROOMS = (("truceline.track.engine", "truceline.track.files.warm"), ("truceline.detect.radar.warm",))
MOST_WORKERS = 4  # each starts servers of its own


def main(arguments):
    if sys.version_info < LEAST:
        have = ".".join(map(str, sys.version_info[:3]))
        return fail(f"Python {have} is too old: install Python 3.11 or newer and run this with it")
    if not arguments or arguments[0] in ("-h", "--help"):
        print(__doc__)
        return 0
    word, rest = arguments[0], arguments[1:]
    dev = word == "test" or (word == "setup" and "--dev" in rest)
    problem = set_up(dev)
    if problem:
        return fail(problem)
    if word == "setup":
        return 0
    if word == "test":
        return test(rest)
    command = [python(), str(Path(python()).parent / "truceline"), word, *rest]
    if os.name == "nt":
        return subprocess.call(command)
    os.execv(command[0], command)


def set_up(dev):
    """Make the environment unless it stands already; answer what went wrong, in one line."""
    try:
        import ensurepip  # noqa: F401
        import venv
    except ImportError:
        return "this Python lacks `venv`: install it (on Debian: apt install python3-venv) and run this again"
    lock = HERE / ("requirements-dev.lock" if dev else "requirements.lock")
    wanted = hashlib.sha256(lock.read_bytes() + sys.version.encode()).hexdigest()
    marks = {name: VENV / f".set-up-{name}" for name in ("run", "dev")}
    if any(mark.exists() and mark.read_text() == wanted for mark in marks.values()):
        return None
    if not dev and marks["dev"].exists() and marks["dev"].read_text() == dev_mark():
        return None
    say(f"1/4 making {VENV.name}")
    if not Path(python()).exists():
        venv.create(VENV, with_pip=True, clear=VENV.exists())
    say(f"2/4 installing what Truceline rests on, by hash ({lock.name}; a minute or two)")
    pip = [python(), "-m", "pip", "--disable-pip-version-check", "install", "--no-input"]
    quiet = [] if sys.stderr.isatty() else ["-q", "--progress-bar", "off"]
    if subprocess.call([*pip, *quiet, "--require-hashes", "-r", str(lock)], stdout=sys.stderr):
        return "installing failed, see above; is the package index reachable?"
    say("3/4 linking truceline into it")
    link_package()
    say("4/4 compiling the tracker and the radar once (three minutes or four)")
    compiling = [subprocess.Popen([python(), "-c", warming(*rooms)]) for rooms in ROOMS]
    statuses = [process.wait() for process in compiling]
    if any(statuses):
        return "the tracker or the radar could not be compiled, see above"
    marks["dev" if dev else "run"].write_text(wanted)
    return None


def warming(*rooms):
    """Give the code that compiles what rooms need, one after the other."""
    return "; ".join(f"from {room} import warm; warm()" for room in rooms)


def dev_mark():
    lock = HERE / "requirements-dev.lock"
    return hashlib.sha256(lock.read_bytes() + sys.version.encode()).hexdigest()


def link_package():
    """Let the environment import this checkout, and put `truceline` into its bin folder."""
    code = "import sysconfig; print(sysconfig.get_path('purelib')); print(sysconfig.get_path('scripts'))"
    site, scripts = subprocess.check_output([python(), "-c", code], text=True).split("\n")[:2]
    Path(site, "truceline.pth").write_text(f"{HERE}\n")
    command = Path(scripts, "truceline")
    start = 'if __name__ == "__main__":\n    sys.exit(main())\n'
    command.write_text(f"#!{python()}\nimport sys\nfrom truceline.app.cli import main\n\n{start}")
    command.chmod(0o755)
    # pip does so with what it installs; where Python may not write, each start would compile it again.
    subprocess.call([python(), "-m", "compileall", "-q", str(HERE / "truceline")])


def test(options):
    """Run every check, then every test; each check prints one line, a failing one everything."""
    checks = [
        ("ruff", ["-m", "ruff", "check", "-q", "."]),
        ("format", ["-m", "ruff", "format", "-q", "--check", "."]),
        ("mypy", ["-m", "mypy", "--no-error-summary"]),
        ("floors", ["-c", "from importlinter.cli import lint_imports_command as c; c(['--no-cache'])"]),
    ]
    failed = []
    for name, command in [] if options else checks:
        done = subprocess.run([python(), *command], cwd=HERE, capture_output=True, text=True, check=False)
        print(f"check {name}: {'ok' if done.returncode == 0 else 'FAILED'}", flush=True)
        if done.returncode:
            failed.append(name)
            print(done.stdout + done.stderr, flush=True)
    whole = ["-n", str(min(os.cpu_count() or 1, MOST_WORKERS)), "--dist", "loadfile"]
    status = subprocess.call([python(), "-m", "pytest", *(options or whole)], cwd=HERE)
    if failed:
        return fail(f"checks failed: {', '.join(failed)}")
    return status


def python():
    return str(VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python"))


def say(text):
    print(f"run.py: {text}", file=sys.stderr, flush=True)


def fail(text):
    say(f"error: {text}")
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
