"""The duty officer's page in real headless Chromium, over a made-up mission."""

# ruff: noqa: E501  (sentences and scripts are not broken)

import re

import numpy as np


def test_page_breaks_no_policy_and_asks_no_other_host(place):
    where = place()
    browser = where.enter()
    browser.js(
        "window.broken = 0; document.addEventListener('securitypolicyviolation', () => window.broken++)"
    )
    theme = browser.js("document.documentElement.dataset.theme")
    for key, done in (
        ("e", "document.querySelector('#evidence canvas')"),
        ("e", "document.querySelector('#evidence').hidden"),
        ("d", f"document.documentElement.dataset.theme !== '{theme}'"),
        ("?", "!document.querySelector('#keys').hidden"),
        ("?", "document.querySelector('#keys').hidden"),
        ("c", "document.querySelector('[data-coverage][aria-pressed=false]')"),
    ):
        browser.press(key, key)
        browser.until(done)

    assert browser.js("window.broken") == 0
    assert browser.trouble == []
    asked = [url for url in browser.requests if not url.startswith((where.url, "about:"))]
    assert asked == []
    assert len(browser.requests) > 10


def test_token_leaves_the_address_and_is_stored_nowhere(place):
    browser = place().enter()

    assert browser.js("location.hash") == ""
    assert browser.js("localStorage.length + sessionStorage.length + document.cookie.length") == 0


def test_stranger_gets_a_sign_in_field_and_a_sentence(place):
    where = place()
    where.browser.call("Page.navigate", url=where.url)
    where.browser.until("document.querySelector('#token')")
    where.browser.js(
        "document.querySelector('#token').value = 'wrong'; document.querySelector('form').requestSubmit()"
    )

    where.browser.until("document.querySelector('#panel').innerText.includes('not known here')")
    where.browser.js(
        "document.querySelector('#token').value = 'duty'; document.querySelector('form').requestSubmit()"
    )
    where.browser.until("truceline.ready")


def test_sentence_counts_what_waits_and_names_the_next_due(place):
    browser = place().enter()

    assert browser.words("#now-line") == "2 decisions wait. The next is due 03:20Z, in 8 min."
    assert browser.js("document.title") == "2 waiting · Truceline"
    assert browser.js("document.querySelector('#now-line').getAttribute('role')") == "status"


def test_sentence_is_quiet_when_nothing_waits(place):
    browser = place("--idle").enter()

    assert browser.words("#now-line").startswith("Nothing to decide.")


def test_sentence_says_overdue_and_decision_stays_open(place):
    where = place()
    browser = where.enter()
    rec = browser.js(
        "fetch('/recommendations', {headers: {Authorization: 'Bearer duty'}}).then(r => r.json())"
    )
    late = {**rec["items"][0], "due_utc": "2026-11-24T03:10:00Z"}
    where.tell("happen", {"kind": "recommendation", "data": late})

    browser.until(
        "/2 decisions wait\\. Overdue since 03:10Z, 2 min\\./.test(document.querySelector('#now-line').innerText)"
    )
    assert browser.js("document.querySelector('#now-line .overdue') !== null")
    assert browser.js("document.querySelector('[data-choose=approved]').disabled") is False


def test_silent_stream_is_told_as_lost_link_and_takes_the_buttons(place):
    where = place()
    browser = where.enter()
    where.tell("set", {"silent": True, "beat_s": 0.2})

    said = browser.until(
        "document.querySelector('#now-line').innerText.startsWith('Link lost at') && document.querySelector('#now-line').innerText",
    )
    assert re.fullmatch(r"Link lost at (\S+)Z\. You see the picture of \1Z\.", said)
    assert browser.js("document.querySelector('[data-choose]')") is None
    assert "voice net" in browser.words("#panel .act")


def test_whole_decision_is_made_by_keyboard(place):
    where = place()
    browser = where.enter()
    browser.let_settle()
    browser.press("1", "1")
    browser.press("a", "a")
    browser.until("document.activeElement.dataset.reason")
    assert where.tell("decisions", {})["items"] == []

    browser.press("Enter", "\r")
    browser.until(
        "document.querySelector('[data-record]') && !document.querySelector('[data-record]').disabled"
    )
    assert browser.words("[data-record]") == "Record: approve as Maj. K. Lind"
    for _ in range(10):
        if browser.js("document.activeElement.matches('[data-record]')"):
            break
        browser.call("Input.dispatchKeyEvent", type="keyDown", key="Tab", code="Tab", windowsVirtualKeyCode=9)
    browser.press("Enter", "\r")

    browser.until("document.querySelector('#panel .act').innerText.includes('Approved')")
    made = where.tell("decisions", {})["items"]
    assert [(m["recommendation_id"], m["verdict"], m["reason"]) for m in made] == [
        ("rec-118", "approved", "Evidence is enough to look")
    ]
    assert made[0]["seen_seq"] >= 488
    browser.until("document.querySelector('#now-line').innerText.startsWith('1 decision waits.')")


def test_three_choices_look_alike_and_none_is_chosen(place):
    browser = place().enter()
    boxes = browser.js(
        "[...document.querySelectorAll('[data-choose]')].map(b => {const s = getComputedStyle(b), r = b.getBoundingClientRect();"
        "return [Math.round(r.width), Math.round(r.height), s.color, s.backgroundColor, s.fontWeight, s.borderColor]})"
    )

    assert len(boxes) == 3
    assert all(box == boxes[0] for box in boxes)
    assert browser.js("document.activeElement.dataset.choose") is None


def test_changed_recommendation_locks_until_it_is_read(place):
    where = place()
    browser = where.enter()
    rec = browser.js(
        "fetch('/recommendations', {headers: {Authorization: 'Bearer duty'}}).then(r => r.json())"
    )["items"][0]
    where.tell(
        "happen",
        {"kind": "recommendation", "data": {**rec, "touched_seq": 500, "changes": ["C-07 moved 1.4 km"]}},
    )
    browser.until("document.querySelector('#panel .changed')")

    assert browser.js("[...document.querySelectorAll('[data-choose]')].every(b => b.disabled)")
    browser.let_settle()
    browser.press("a", "a")
    assert browser.js("document.querySelector('[data-record]')") is None
    browser.press("r", "r")
    browser.until("[...document.querySelectorAll('[data-choose]')].every(b => !b.disabled)")


def test_refused_decision_is_a_sentence_and_not_a_loss(place):
    where = place()
    browser = where.enter()
    where.tell("set", {"refuse": 409})
    browser.js("document.querySelector('[data-choose=rejected]').click()")
    browser.until("document.querySelector('[data-reason]')")
    browser.js("document.querySelector('[data-reason]').click()")
    browser.until("!document.querySelector('[data-record]').disabled")
    browser.js("document.querySelector('[data-record]').click()")

    browser.until("document.querySelector('#panel .said')")
    assert "was not recorded: somebody else decided this at 03:13Z" in browser.words("#panel .said")


def test_new_recommendation_steals_neither_selection_nor_focus(place):
    where = place()
    browser = where.enter()
    browser.js("document.querySelector('#find').focus()")
    rec = browser.js(
        "fetch('/recommendations', {headers: {Authorization: 'Bearer duty'}}).then(r => r.json())"
    )["items"][0]
    where.tell(
        "happen",
        {"kind": "recommendation", "data": {**rec, "id": "rec-new", "due_utc": "2026-11-24T03:13:00Z"}},
    )

    browser.until("document.querySelectorAll('.card').length === 3")
    assert browser.js("document.activeElement.id") == "find"
    assert browser.js("document.querySelector('.card[aria-current=true]').dataset.open") == "rec-118"
    assert browser.words(".card[data-open=rec-new] .number") == "3"


def test_past_is_told_in_words_and_end_returns_to_live(place):
    browser = place().enter()
    browser.js("document.querySelector('#chart').focus()")
    browser.press("PageDown")
    browser.until("/02:1.Z, as it is known now/.test(document.querySelector('#then').innerText)")
    browser.press("v", "v")

    browser.until(
        "/^02:1.Z, as known then$/.test(document.querySelector('#chart').getAttribute('aria-valuetext'))"
    )
    assert browser.js("document.querySelector('[data-choose]')") is None
    browser.press("End")
    browser.until("document.querySelector('#then').hidden && document.querySelector('[data-choose]')")


def test_evidence_shows_the_picture_and_its_entries(place):
    browser = place().enter()
    browser.press("e", "e")
    browser.until("document.querySelector('[data-evidence-view=picture]')")
    browser.js("document.querySelector('[data-evidence-view=picture]').click()")

    browser.until("document.querySelector('#evidence canvas')?.width === 96")
    bright = browser.js(
        "[...document.querySelector('#evidence canvas').getContext('2d').getImageData(48, 50, 1, 1).data]"
    )
    assert bright[0] > 200
    assert "472" in browser.words("#evidence .facts")
    assert "Nobody has confirmed this." in browser.words("#evidence figcaption")


def test_evidence_plays_the_clip_with_frame_packet_and_what_is_in_it(place):
    browser = place().enter()
    browser.press("e", "e")

    browser.until("document.querySelector('#film-words')?.innerText.startsWith('Frame 0, packet 0')")
    assert "gun 71 % · truck 17 %" in browser.words("#film-boxes .claim")
    assert "± 31 m, nearest to the claim" in browser.words("#film-boxes .claim")
    assert "truck 64 % · car 30 %" in browser.words("#film-boxes li:last-child")
    # The box of the claim is drawn whole; of another one the corners are.
    grey = "[...document.querySelector('#film').getContext('2d').getImageData({}, {}, 1, 1).data][0]"
    browser.until(f"{grey.format(320, 147)} > 220")
    assert browser.js(grey.format(97, 237)) < 140
    browser.press(".", ".")
    browser.until("document.querySelector('#film-words').innerText.startsWith('Frame 12, packet 5')")
    browser.press("p", "p")
    browser.until("document.querySelector('#film-words').innerText.startsWith('Frame 84, packet 35')")
    browser.until("document.querySelector('#film-play').innerText.startsWith('Play')")
    assert browser.trouble == []


def test_the_clip_is_there_again_after_the_picture_was_looked_at(place):
    browser = place().enter()
    browser.press("e", "e")
    inked = "document.querySelector('#film').getContext('2d').getImageData(320, 147, 1, 1).data[0] > 220"

    browser.until("document.querySelector('[data-evidence-view=picture]')")
    browser.until(inked)
    browser.js("document.querySelector('[data-evidence-view=picture]').click()")
    browser.until("!document.querySelector('#film')")
    browser.js("document.querySelector('[data-evidence-view=clip]').click()")
    browser.until("document.querySelector('#film')")

    browser.until(inked)


def test_what_a_camera_saw_last_is_on_the_map_and_in_its_words(place):
    browser = place().enter()

    assert "UAV-1: looked at 64.9" in browser.js("document.querySelector('#map-list').textContent")
    assert "± 190 m, 03:11Z" in browser.js("document.querySelector('#map-list').textContent")


def test_ten_thousand_points_are_counted_and_drawn(place):
    browser = place("--many", "10000").enter()
    browser.js("truceline.setView(64.9, -18.5, 8.5)")
    assert browser.js("truceline.entityCount()") >= 10_000
    assert browser.js("truceline.visibleCount()") >= 10_000

    browser.until_seen(lambda shot: kinds_of_pixels(shot) > 20_000)
    browser.js("truceline.setView(-40, 100, 8.5)")
    assert browser.js("truceline.visibleCount()") == 0
    browser.until_seen(lambda shot: kinds_of_pixels(shot) < 2_000)


def kinds_of_pixels(shot):
    """Count the pixels of the map's middle that are unlike their left neighbour."""
    middle = np.asarray(shot, int)[150:750, 400:1300]
    return int((abs(np.diff(middle, axis=1)).max(2) > 24).sum())


def test_next_look_from_orbit_is_said_where_ground_is_not_observed_and_below_the_map(place):
    browser = place().enter()

    browser.until("document.querySelector('#time-bar').innerText.includes('SENTINEL-1C can look 03:50Z, in')")
    blind = [line for line in browser.words("#queue").split("Could not observe km")[1:] if "can look" in line]
    assert blind and all("SENTINEL-1C can look 03:50Z" in line for line in blind)
    assert "SENTINEL-2A can look 11:02Z" in browser.words("#map-list")


def test_changed_ground_opens_before_and_after_with_what_was_measured_and_why(place):
    browser = place().enter()
    lon, lat = browser.js(
        "fetch('/zones', {headers: {Authorization: 'Bearer duty'}}).then(r => r.json()).then(z => z.items"
        ".find(i => i.properties.kind === 'change').geometry.coordinates[0].slice(0, 4)"
        ".reduce((a, c) => [a[0] + c[0] / 4, a[1] + c[1] / 4], [0, 0]))"
    )
    browser.js(f"truceline.setView({lat}, {lon}, 14)")
    x, y = browser.js(
        "(b => [b.left + b.width / 2, b.top + b.height / 2])(document.querySelector('#map').getBoundingClientRect())"
    )
    for kind in ("mousePressed", "mouseReleased"):
        browser.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    browser.until("!document.querySelector('#evidence').hidden && document.querySelector('#evidence canvas')")
    said = browser.words("#evidence")
    assert said.startswith("Evidence: Changed ground, may be earthwork, ")
    assert "before and after, in the same greys" in said
    assert "earthwork 54%: a narrow line" in said and "18.0 ha" in said and "93 %, likely" in said
    assert "No rule of the agreement speaks about this change here." in said
    assert "Changed ground, may be earthwork: " in browser.words("#map-list")

    browser.press("Escape")
    browser.until("document.querySelector('#evidence').hidden")
    browser.press("e", "e")
    browser.until("document.querySelector('#evidence h2').innerText.includes('Heavy weapon in zone')")
