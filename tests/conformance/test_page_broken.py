"""The page when something under it is missing or has changed: no map, another log, another source."""

# ruff: noqa: E501  (sentences and scripts are not broken)

from datetime import UTC, datetime, timedelta

NOW = datetime(2026, 11, 24, 3, 12, 5, tzinfo=UTC)  # of the made-up mission
LOSE = "window.kept = document.querySelector('#map canvas').getContext('webgl2').getExtension('WEBGL_lose_context')"


def test_without_webgl_a_decision_is_made_and_places_stand_in_words(blind_place):
    browser = blind_place.enter()
    assert browser.js("document.createElement('canvas').getContext('webgl2')") is None
    browser.until("document.querySelector('#map-list').innerText.includes('cannot draw the map')")
    assert "T-31: " in browser.words("#map-list")
    assert browser.js("document.querySelector('#map-list').getBoundingClientRect().height") > 300
    assert "2 of 25 in trouble" in browser.words("#queue")
    browser.let_settle()
    for key, done in (
        ("a", "document.activeElement.dataset.reason"),
        ("Enter", "!document.querySelector('[data-record]').disabled"),
    ):
        browser.press(key, "\r" if key == "Enter" else key)
        browser.until(done)
    browser.js("document.querySelector('[data-record]').click()")

    browser.until("document.querySelector('#panel .act').innerText.includes('Approved')")
    assert browser.trouble == []


def test_a_graphics_unit_that_is_taken_away_is_said_until_it_is_back(place):
    browser = place().enter()
    browser.js(f"{LOSE}, kept.loseContext()")
    browser.until("document.querySelector('#map-list').innerText.includes('cannot draw the map')")
    browser.js("kept.restoreContext()")

    browser.until("document.querySelector('#map-list').classList.contains('off')")
    assert browser.js("document.querySelector('#stage[data-mapless]')") is None


def test_a_server_with_another_log_makes_the_page_begin_afresh_and_say_so(place):
    where = place()
    browser = where.enter()
    where.tell("begin", {"log": "b" * 64, "seq": 2})

    browser.until("document.querySelector('.afresh')?.innerText.includes('another log')")
    browser.until("document.querySelector('#now-line').innerText.startsWith('Nothing to decide')")
    assert browser.js("truceline.lastSeq()") == 2
    assert "2 decisions" not in browser.words("#now-line")
    where.tell(
        "happen",
        {
            "kind": "report",
            "data": {
                "id": "rep-x",
                "type": "explosion",
                "time_utc": NOW.isoformat(),
                "lat_deg": 64.9,
                "lon_deg": -19,
                "reporter": "x",
                "text": "heard",
            },
        },
    )
    browser.until("truceline.lastSeq() === 3")
    browser.js("document.querySelector('[data-afresh-read]').click()")
    browser.until("!document.querySelector('.afresh')")


def test_a_log_that_has_lost_entries_is_told_by_its_numbers(place):
    where = place()
    browser = where.enter()
    where.tell("begin", {"log": "a" * 64, "seq": 2})

    browser.until(
        "document.querySelector('.afresh')?.innerText.includes('3 entries, where 496 had been read')"
    )
    assert browser.js("truceline.lastSeq()") == 2


def gap(km_from, km_to, since_min, until_min):
    at = [(NOW + timedelta(minutes=m)).strftime("%Y-%m-%dT%H:%M:%SZ") for m in (since_min, until_min)]
    return {"km_from": km_from, "km_to": km_to, "from_utc": at[0], "until_utc": at[1], "reason": "fog"}


def test_lost_ground_stays_acknowledged_and_shelved_when_another_source_joins(place):
    where = place("--rate", "10")
    browser = where.enter()
    browser.until("document.querySelector('[data-shelve^=lost]')")
    browser.js("document.querySelector('[data-acknowledge^=lost]').click()")
    browser.until("!document.querySelector('[data-acknowledge^=lost]')")
    silent = {
        "name": "Array 1",
        "kind": "made up",
        "last_utc": "2026-11-24T03:00:00Z",
        "owes_s": 5,
        "status": "stale",
        "reason": "",
    }
    sources = browser.js("fetch('/sources', {headers: {Authorization: 'Bearer duty'}}).then(r => r.json())")[
        "items"
    ]
    others = [silent if one["name"] == "Array 1" else one for one in sources]
    where.tell("set", {"gaps": [gap(22, 29.2, -80, -2), gap(22, 31, -2, 60)]})
    where.tell("lists", {"sources": others})

    browser.until("document.querySelector('#queue').innerText.includes('Array 1')")
    browser.until("document.querySelector('#queue').innerText.includes('9.0 km not observed')")
    assert browser.js("document.querySelector('[data-acknowledge^=lost]')") is None
    assert browser.js("document.querySelectorAll('[data-shelve^=lost]').length") == 1


def test_shelved_ground_comes_back_when_it_has_doubled(place):
    where = place("--rate", "10")
    browser = where.enter()
    browser.until("document.querySelector('[data-shelve^=lost]')")
    browser.js("document.querySelector('[data-shelve^=lost]').click()")
    browser.until("document.querySelector('#shelf-reason')")
    browser.js(
        "document.querySelector('#shelf-reason').value = 'fog'; document.querySelector('#shelf-reason').dispatchEvent(new Event('input', {bubbles: true}))"
    )
    browser.js("document.querySelector('[data-shelf-hours]').click()")
    browser.until("document.querySelector('#queue').innerText.includes('shelved by')")
    where.tell("set", {"gaps": [gap(22, 29.2, -80, -2), gap(12, 31, -2, 60)]})

    browser.until("document.querySelector('#queue').innerText.includes('19.0 km not observed')")
    assert browser.js("document.querySelector('[data-shelve^=lost]')") is not None
