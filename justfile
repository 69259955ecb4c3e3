# The words of everyday work; each is one command that also works without just.

# every check and test
test *options:
    python3 run.py test {{options}}

# checks without tests
check:
    .venv/bin/ruff check .
    .venv/bin/ruff format --check .
    .venv/bin/mypy
    .venv/bin/lint-imports

# the simulated corridor
demo *options:
    python3 run.py demo {{options}}

# every benchmark, small
bench:
    for script in benchmarks/*.py; do .venv/bin/python "$script" --quick; done

# the page's bundle, from its sources
page:
    cd web && npm ci && npm run build

# resolve the locks again
lock:
    uv pip compile --universal --generate-hashes --no-header --no-annotate --no-emit-index-url pyproject.toml -o requirements.lock
    uv pip compile --universal --generate-hashes --no-header --no-annotate --no-emit-index-url --group dev -c requirements.lock pyproject.toml -o requirements-dev.lock
