"""What every test rests on: no network but loopback, and where the real data lie."""

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from pytest_socket import socket_allow_hosts

settings.register_profile("truceline", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("truceline")


def pytest_runtest_setup() -> None:
    socket_allow_hosts(["127.0.0.1", "::1"], allow_unix_socket=True)


@pytest.fixture
def shared() -> Path:
    """The folder of real data; a test that needs it is skipped where it is missing."""
    folder = Path(os.environ.get("TRUCELINE_SHARED", "../shared")).resolve()
    if not (folder / "data").is_dir():
        pytest.skip(f"real data not found at {folder}; set TRUCELINE_SHARED")
    return folder
