"""From a satellite scene in a watched folder to an order: what changed, who shall look, and the picture."""

import io
import shutil
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import gaussian_filter
from truceline.app.server import Settings, in_background, prepare
from truceline.codec.stac import Asset, Item, write_item
from truceline.flow.mission import load_mission
from truceline.flow.node import Node
from truceline.geo.raster import write_cog
from truceline.sim.scene import Ground, Patch, write_scene

CORRIDOR = Path(__file__).parents[2] / "truceline/sim/corridor"
# Two kilometres north of the line, where nobody may dig or build.
GROUND = Ground(lat_deg=24.53, lon_deg=10.25, size_px=80, seed=3)
TRENCH = Patch(36, 20, 4, 30, 6.0, 5.0)
START = datetime(2030, 1, 1, 5, tzinfo=UTC)
MISSION = """
schema = "truceline.mission/1"
name = "changed ground"
agreement = "agreement.toml"
force = "force.json"
exercise = true
[node]
workers = 0
[clock]
start_utc = 2030-05-01T00:00:00Z
[[source]]
kind = "stac_folder"
name = "orbit"
path = "in/orbit"
{more}
"""
RADAR = 'detect = [{ kind = "sar_change", baseline = 4 }]'
OPTICAL = 'detect = [{ kind = "optical_change", clouds = false }]'


class Post:
    """A server over a mission that watches one folder, with an operator and a commander."""

    def __init__(self, folder: Path, more: str) -> None:
        for name in ("agreement.toml", "corridor_line.geojson", "force.json"):
            shutil.copy(CORRIDOR / name, folder / name)
        (folder / "mission.toml").write_text(MISSION.replace("{more}", more))
        mission = load_mission(folder / "mission.toml")
        self.inbox = mission.sources[0].plug.path
        self.inbox.mkdir(parents=True)
        self.node = Node(folder / "data", mission)
        self.node.start()
        self.admin = prepare(folder / "data", self.node).read_text().strip()
        self.tokens = {"admin": self.admin}

    def enter(self, port: int) -> None:
        self.client = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=120)
        for role in ("operator", "commander"):
            made = self.ask("POST", "/users", "admin", json={"name": role, "role": role})
            self.tokens[role] = made.json()["token"]

    def ask(self, method: str, path: str, role: str = "operator", **more) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.tokens[role]}"}
        return self.client.request(method, path, headers=headers, **more)

    def items(self, path: str) -> list[dict]:
        return self.ask("GET", path).json()["items"]

    def wait_for(self, path: str, limit_s: float = 300) -> list[dict]:
        end = time.monotonic() + limit_s
        while not self.items(path):
            assert time.monotonic() < end, f"{path} stays empty"
            time.sleep(0.1)
        self.node.wait_idle(20)
        return self.items(path)


@pytest.fixture(params=[RADAR, OPTICAL], ids=["radar", "optical"], scope="module")
def post(request, tmp_path_factory):
    one = Post(tmp_path_factory.mktemp("post"), request.param)
    with in_background(one.node, Settings()) as port:
        one.enter(port)
        (radar_comes if request.param == RADAR else pictures_come)(one.inbox)
        yield one
        one.client.close()
    one.node.stop()


def radar_comes(inbox: Path) -> None:
    for number in range(9):
        patches = (TRENCH,) if number > 5 else ()
        write_scene(inbox, f"i{number}", START + timedelta(days=12 * number), GROUND, number, patches)


def pictures_come(inbox: Path) -> None:
    grid, names = GROUND.grid, ("blue", "green", "red", "nir08", "swir16", "swir22")
    rng = np.random.default_rng(4)
    kinds = np.digitize(gaussian_filter(rng.normal(size=grid.shape), 4), [-0.04, 0.0, 0.04])
    ground = rng.uniform(500, 4000, (4, 6))[kinds].transpose(2, 0, 1)
    for number in range(2):
        pixels = ground + rng.normal(0, 40, ground.shape)
        if number:
            pixels[:, 36:40, 20:50] = np.array([3000, 3000, 3200, 3300, 3800, 3500])[:, None, None]
        write_cog(inbox / f"p{number}.tif", grid, pixels.astype(np.float32), names)
        item = Item(
            id=f"p{number}",
            time_utc=START + timedelta(days=5 * number),
            geometry=grid.footprint(),
            properties={"proj:code": grid.code},
            assets={"image": Asset(href=f"./p{number}.tif")},
        )
        (inbox / f"p{number}.json.part").write_bytes(write_item(item))
        (inbox / f"p{number}.json.part").rename(inbox / f"p{number}.json")


def test_changed_ground_becomes_one_proposal_that_names_a_unit_and_the_way_there(post):
    (proposal,) = post.wait_for("/recommendations")

    assert proposal["state"] == "waiting"
    assert " to check possible change of the surface" in proposal["action"]
    unit = proposal["tasks"][0]["unit"]
    assert unit in proposal["action"]
    assert proposal["tasks"][0]["depart_s"] < proposal["tasks"][0]["arrive_s"]
    incidents = {item["id"]: item for item in post.items("/incidents")}
    about = [incidents[one] for one in proposal["incident_ids"]]
    assert {item["measured"]["meaning"] for item in about} <= {"earthwork", "track", "structure", "unknown"}
    assert all(item["verdict"] == "possible_violation" for item in about)


def test_the_changed_place_is_on_the_map_with_what_it_may_be_why_and_its_picture(post):
    post.wait_for("/recommendations")
    (place,) = [one["properties"] for one in post.items("/zones") if one["properties"]["kind"] == "change"]

    assert all(item["causes"] == [place["id"]] for item in post.items("/incidents"))
    assert f"{place['label'].replace('_', ' ')} " in place["note"]
    assert "%: " in place["note"]
    picture = post.ask("GET", f"/blobs/{place['chip_sha256']}")
    assert Image.open(io.BytesIO(picture.content)).width > 100


def test_what_it_rests_on_leads_down_to_the_pixels(post):
    post.wait_for("/recommendations")
    steps = post.ask("GET", f"/why/{post.items('/incidents')[0]['seq']}").json()["items"]

    assert {step["kind"] for step in steps} >= {"incident", "detection", "observation"}
    scenes = [step for step in steps if step["kind"] == "observation"]
    assert any(blob["media_type"] == "image/tiff" for step in scenes for blob in step["blobs"])


def test_an_amendment_is_held_against_what_the_proposal_was(post):
    (proposal,) = post.wait_for("/recommendations")
    units = sorted({one["id"] for one in post.items("/tracks") if one["unit"]})
    (task,) = proposal["tasks"][:1]
    said = {}
    for unit in units:
        tasks = [{**task, "unit": unit, "path": [], "start_s": 10**6}]
        body = {"recommendation_id": proposal["id"], "verdict": "amended", "reason": "nearer", "tasks": tasks}
        answer = post.ask(
            "POST", "/decisions", "commander", json=body | {"seen_seq": proposal["touched_seq"]}
        )
        assert answer.status_code == 422, answer.text
        said[unit] = answer.json()["detail"]

    assert any("lacks the skill" in words for words in said.values()), said
    assert "cannot start" in said[task["unit"]]
    assert post.items("/orders") == []


def test_a_commander_who_approves_makes_an_order_for_that_unit(post):
    (proposal,) = post.wait_for("/recommendations")
    body = {
        "recommendation_id": proposal["id"],
        "verdict": "approved",
        "reason": "look first",
        "seen_seq": proposal["touched_seq"],
    }
    if proposal["state"] == "waiting":
        assert post.ask("POST", "/decisions", "commander", json=body).status_code == 201

    orders = post.wait_for("/orders")

    assert {order["unit"] for order in orders} == {task["unit"] for task in proposal["tasks"]}
    assert all(order["recommendation_id"] == proposal["id"] for order in orders)


def test_an_operator_s_own_proposal_sends_no_unit_that_has_another_order(post):
    unit = post.wait_for("/orders")[0]["unit"]
    about = [post.items("/incidents")[0]["id"]]
    own = post.ask(
        "POST", "/recommendations", json={"incident_ids": about, "action": "look again", "why": "cloud"}
    )
    task = {
        "unit": unit,
        "task": "look",
        "path": [],
        "depart_s": 0,
        "arrive_s": 9,
        "start_s": 9,
        "leave_s": 99,
    }
    body = {"recommendation_id": own.json()["id"], "verdict": "amended", "reason": "near", "tasks": [task]}

    refused = post.ask("POST", "/decisions", "commander", json=body)

    assert (own.status_code, refused.status_code) == (201, 422), refused.text
    assert refused.json()["detail"] == f"{unit} may not go: it has another order"


def test_a_scene_that_was_owed_and_did_not_come_is_ground_to_look_at_again(tmp_path):
    one = Post(tmp_path, "owes_s = 1036800")  # twelve days; the clock stands months later
    with in_background(one.node, Settings()) as port:
        one.enter(port)
        write_scene(one.inbox, "i0", START, GROUND, 0)
        (proposal,) = one.wait_for("/recommendations")
        incidents = one.items("/incidents")
        one.client.close()
    one.node.stop()

    assert {item["verdict"] for item in incidents} == {"could_not_observe"}
    assert " to check what could not be observed at km " in proposal["action"]
    assert proposal["tasks"][0]["unit"].startswith("D-")
