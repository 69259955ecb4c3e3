"""Evidence packages: complete, provable, and no more than what was asked for."""

import json
from datetime import UTC, datetime

import pytest
from truceline.app.cli import main
from truceline.log import verify
from truceline.log.audit.zipped import read_zip, write_zip
from truceline.log.canon import canonical
from truceline.log.journal import Journal
from truceline.log.keys import load_or_make_key
from truceline.log.package import make_package, sign_package
from truceline.model.errors import BadInput
from truceline.model.facts import Claim

AT = datetime(2026, 3, 2, tzinfo=UTC)


@pytest.fixture
def data(tmp_path):
    folder = tmp_path / "data"
    journal = Journal.open(folder)
    chip = journal.blobs.put(b"pixels", "image/png", "chip")

    def put(kind, id, body, refs=(), blobs=()):
        journal.append([Claim(kind=kind, id=id, body=body, actor="user:chief", refs=refs, blobs=blobs)])

    put(
        "user",
        "u",
        {"action": "created", "name": "chief", "by": "admin", "role": "commander", "token_sha256": "ab"},
    )
    put("report", "r-1", {"type": "shot", "text": "from house 12"}, blobs=(chip,))
    put("report", "r-other", {"type": "note"})
    (folder / "early.json").write_bytes(canonical(journal.checkpoint()))
    put("incident", "inc", {"class": "shot_cluster"}, (1,))
    put("recommendation", "rec", {"action": "look"}, (3,))
    put("decision", "dec", {"verdict": "approved", "role": "commander"}, (0, 4))
    put("order", "ord", {"unit": "p-3"}, (5,))
    put("statement", "st", {"about": "statement", "incident_id": "inc", "text": "not us"})
    journal.close()
    party = load_or_make_key(folder / "keys" / "party.pem")
    parties = {"keys": [party.record("party", "Party A")]}
    (folder / "keys" / "parties.json").write_bytes(canonical(parties))
    return folder


def ids(package):
    return [json.loads(line)["header"]["id"] for line in read_zip(package)["entries.jsonl"].splitlines()]


def code(package, data, tmp_path, **settings):
    path = tmp_path / "p.zip"
    path.write_bytes(package)
    return verify.verify_path(path, verify.read_trust(data / "keys" / "trust.json"), **settings)[0]


def test_a_package_keeps_back_what_cameras_took_unless_asked_for(tmp_path):
    folder = tmp_path / "data"
    journal = Journal.open(folder)
    clip = journal.blobs.put(b"a face", "video/mp2t", "clip.ts")
    photos = [
        journal.blobs.put(word.encode(), word, "photo") for word in ("image/jpeg", "image/png", "image/tiff")
    ]
    scene = journal.blobs.put(b"from orbit", "image/tiff", "red")
    chip = journal.blobs.put(b"veiled", "image/jpeg", "chip")

    def put(kind, id, refs=(), blobs=()):
        journal.append([Claim(kind=kind, id=id, body={}, actor="a", refs=refs, blobs=blobs)])

    put("observation", "obs", blobs=(clip, *photos, scene))
    put("detection", "det", (0,), (chip,))
    put("incident", "inc", (1,))
    journal.close()

    members, whole = (read_zip(make_package(folder, ["inc"], originals=asked)) for asked in (False, True))

    held = json.loads(members["manifest.json"])["withheld_blobs"]
    assert held == sorted(one.sha256 for one in (clip, *photos))
    assert {f"blobs/{one.sha256}" for one in (scene, chip)} <= members.keys()
    assert {f"blobs/{one}" for one in held} <= whole.keys() and not {
        f"blobs/{one}" for one in held
    } & members.keys()
    assert code(make_package(folder, ["inc"]), folder, tmp_path) == 0


def test_a_package_holds_the_incident_its_causes_and_what_was_decided(data, tmp_path):
    package = make_package(data, ["inc"])

    assert ids(package) == ["u", "r-1", "inc", "rec", "dec", "ord", "st"]
    assert code(package, data, tmp_path) == 0
    assert package == make_package(data, ["inc"])


def test_another_case_that_a_decision_joined_keeps_its_words_and_pictures(tmp_path):
    folder = tmp_path / "data"
    journal = Journal.open(folder)
    mine, shared, theirs = (journal.blobs.put(word, "image/png", "chip") for word in (b"1", b"2", b"3"))

    def put(kind, id, body, refs=(), blobs=()):
        journal.append([Claim(kind=kind, id=id, body=body, actor="a", refs=refs, blobs=blobs)])

    put("report", "r-mine", {"text": "at the gate"}, blobs=(mine, shared))
    put("report", "r-theirs", {"text": "from house 12"}, blobs=(shared, theirs))
    put("incident", "inc-mine", {"class": "crossing"}, (0,))
    put("incident", "inc-theirs", {"class": "crossing", "party": "B"}, (1,))
    put("recommendation", "rec", {"action": "look"}, (2, 3))
    journal.close()

    package = make_package(folder, ["inc-mine"])

    entries = [json.loads(line) for line in read_zip(package)["entries.jsonl"].splitlines()]
    open_ids = [entry["header"]["id"] for entry in entries if "body" in entry]
    assert ids(package) == ["r-mine", "r-theirs", "inc-mine", "inc-theirs", "rec"]
    assert open_ids == ["r-mine", "inc-mine", "rec"]
    assert b"house 12" not in package
    assert json.loads(read_zip(package)["manifest.json"])["withheld_blobs"] == [theirs.sha256]
    assert code(package, folder, tmp_path) == 0
    assert ids(make_package(folder, ["inc-mine", "inc-theirs"])) == ids(package)
    assert b"house 12" in make_package(folder, ["inc-mine", "inc-theirs"])


def test_a_package_never_holds_the_body_of_an_account(data):
    assert b"token_sha256" not in make_package(data, ["inc"])


def test_redacted_words_and_withheld_samples_are_not_inside(data, tmp_path):
    sha256 = next(path.name for path in (data / "blobs").rglob("*/*"))

    package = make_package(data, ["inc"], redact=["r-1"], withhold=[sha256])

    assert b"house 12" not in package
    assert b"pixels" not in package
    assert code(package, data, tmp_path) == 0


@pytest.mark.parametrize(
    "asked",
    [
        {"incident_ids": ["nope"]},
        {"incident_ids": ["inc"], "redact": ["r-other"]},
        {"incident_ids": ["inc"], "withhold": ["0" * 64]},
        {"incident_ids": ["inc"], "since": {99: None}},
        {"incident_ids": ["inc"], "since": {2: "0" * 64}},
    ],
)
def test_what_is_not_of_this_log_is_bad_input(data, asked):
    with pytest.raises(BadInput):
        make_package(data, **asked)


def test_a_known_checkpoint_needs_a_proof_of_growth(data, tmp_path):
    known = verify.read_known(data / "early.json")

    assert code(make_package(data, ["inc"]), data, tmp_path, known=known) == 3
    assert code(make_package(data, ["inc"], since={3: None}), data, tmp_path, known=known) == 0


def test_a_party_signs_once_and_only_a_listed_one(data, tmp_path):
    package = make_package(data, ["inc"])
    party = load_or_make_key(data / "keys" / "party.pem")
    assert code(package, data, tmp_path, require_parties=True) == 3

    signed = sign_package(package, party, "disputed", "не згоден", AT)

    assert code(signed, data, tmp_path, require_parties=True) == 0
    with pytest.raises(BadInput, match="already"):
        sign_package(signed, party, "seen", "", AT)
    with pytest.raises(BadInput, match="not listed"):
        sign_package(package, load_or_make_key(tmp_path / "stranger.pem"), "seen", "", AT)


def test_nobody_signs_a_package_that_does_not_hold(data):
    members = read_zip(make_package(data, ["inc"]))
    party = load_or_make_key(data / "keys" / "party.pem")

    with pytest.raises(BadInput, match="does not hold"):
        sign_package(write_zip({**members, "FORMAT.md": b"other"}), party, "seen", "", AT)


def test_the_verbs_make_sign_and_verify_a_package(data, tmp_path, capsys):
    one, two, trust = tmp_path / "1.zip", tmp_path / "2.zip", data / "keys" / "trust.json"
    since = ["--since-checkpoint", str(data / "early.json")]
    key = ["--key", str(data / "keys" / "party.pem")]

    made = main(["evidence", str(data), "--incident", "inc", *since, "--out", str(one)])
    signed = main(["sign", str(one), *key, "--stance", "accepted", "--out", str(two)])
    known = ["--known-checkpoint", str(data / "early.json")]
    verified = main(
        ["verify", str(two), str(data), "--trust", str(trust), *known, "--require-parties", "--json"]
    )

    assert (made, signed, verified) == (0, 0, 0)
    assert [json.loads(line)["verdict"] for line in capsys.readouterr().out.splitlines()] == ["verified"] * 2


def test_the_worst_of_several_paths_is_the_exit_code(data, tmp_path, capsys):
    (tmp_path / "junk").write_bytes(b"no zip")

    assert main(["verify", str(data), str(tmp_path / "junk")]) == 2
    assert main(["verify", str(data)]) == 4
    assert main(["evidence", str(data), "--incident", "nope", "--out", str(tmp_path / "none.zip")]) == 2
    assert not (tmp_path / "none.zip").exists()
    capsys.readouterr()


HOSTILE = [
    b"[" * 100_000 + b"]" * 100_000,
    b'{"a":' * 50_000 + b"1" + b"}" * 50_000,
    b'{"seq":' + b"9" * 6000 + b"}",
    b'{"seq":1e999}',
    b'{"header":{"seq":[]},"redacted":1}',
    b'{"checkpoint":{},"signatures":{}}',
    b'"\\ud800"',
    b"\xff\xfe",
    b"null",
    b"",
]


@pytest.mark.parametrize("number", range(len(HOSTILE)))
def test_hostile_lines_and_members_fail_without_a_crash(data, tmp_path, number):
    line = HOSTILE[number]
    log = data / "log" / "000000.jsonl"
    log.write_bytes(line + b"\n" + log.read_bytes())
    members = read_zip_of(tmp_path, data)

    assert verify.verify_path(data)[0] == 3
    for name in members:
        if name != "FORMAT.md":
            path = tmp_path / "hostile.zip"
            path.write_bytes(write_zip({**members, name: line}))
            assert verify.verify_path(path)[0] == 3
    (tmp_path / "trust.json").write_bytes(line)
    assert main(["verify", str(data), "--trust", str(tmp_path / "trust.json")]) == 2


def read_zip_of(tmp_path, data):
    log = data / "log" / "000000.jsonl"
    hostile = log.read_bytes()
    log.write_bytes(hostile.split(b"\n", 1)[1])
    members = read_zip(make_package(data, ["inc"], since={3: None}))
    log.write_bytes(hostile)
    return members
