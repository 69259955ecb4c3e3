"""What cannot be read is said, and said once."""

from truceline.sources.unreadable import file_time, unreadable


def test_the_same_broken_file_is_the_same_observation_after_a_restart(tmp_path):
    file = tmp_path / "log.tlog"
    file.write_bytes(b"noise")

    first, again = unreadable("drone", file, "no frame"), unreadable("drone", file, "no frame")
    file.write_bytes(b"more noise")

    assert first == again and first.status == "degraded" and first.reason == "no frame"
    assert unreadable("drone", file, "no frame").key != first.key


def test_a_file_that_is_gone_is_dated_at_the_epoch(tmp_path):
    assert file_time(tmp_path / "gone").timestamp() == 0
    assert unreadable("drone", tmp_path / "gone", "x" * 999).reason == "x" * 400
