"""A thing looked at closely on the page, and the page looking at the past."""

# ruff: noqa: E501  (sentences and scripts are not broken)

import re

OPEN = "truceline.select('T-27')"


def test_a_thing_says_who_saw_it_last_who_looked_since_and_who_could_not(place):
    browser = place().enter()
    assert browser.js(OPEN) is True

    browser.until("document.querySelector('#thing').innerText.includes('saw it last')")
    words = browser.words("#thing")
    assert "Radar R-3 saw it last, 01:49Z, entry 412." in words
    assert "Looked there since and saw nothing UAV-1: 2 looks, the last 02:50Z, entry 470" in words
    assert "Camera 4, 03:11Z: looked there, but shows only what moves" in words
    assert "Reported by people 00:32Z: two men at the wheel of a lorry, tarpaulin down, entry 398" in words
    assert "Camera 5, 03:11Z: looked at other ground" in words
    assert "UAV-2: grounded, fog" in words  # it cannot observe
    assert "Seen last 01:49Z, 1 h 23 min ago" in words
    assert browser.trouble == []


def test_a_thing_s_card_stays_until_escape_closes_it(place):
    browser = place().enter()
    browser.js(OPEN)
    browser.until("!document.querySelector('#thing').hidden")
    selected = browser.js("document.querySelector('.card[aria-current=true]').dataset.open")
    browser.press("Escape")

    browser.until("document.querySelector('#thing').hidden")
    assert browser.js("document.querySelector('.card[aria-current=true]').dataset.open") == selected


def test_a_unit_s_card_speaks_of_no_looks(place):
    browser = place().enter()
    browser.js("truceline.select('C-07')")
    browser.until("!document.querySelector('#thing').hidden")

    assert "Looked there" not in browser.words("#thing")
    assert "± 10 m" in browser.words("#thing") or "± 8 m" in browser.words("#thing")


def test_what_was_missed_is_among_the_places_in_words(place):
    browser = place().enter()

    assert "seen 01:49Z, not seen by UAV-1 at 02:50Z" in str(
        browser.js("document.querySelector('#map-list').textContent")
    )


def test_the_past_is_asked_of_the_server_as_known_now_and_as_known_then(place):
    where = place()
    browser = where.enter()
    browser.js("document.querySelector('#chart').focus()")
    browser.press("PageDown")
    said = browser.until(
        "document.querySelector('#then').innerText.includes('1 track, told by the server') && document.querySelector('#then').innerText"
    )
    assert said.startswith("You are looking at 02:12Z, as it is known now.")
    browser.js("truceline.select('9')")
    browser.until("document.querySelector('#thing').innerText.includes('km 30.2')")
    assert "told on the live picture" in browser.words("#thing")
    assert browser.js("document.querySelector('#stage').hasAttribute('data-past')")

    browser.press("v", "v")
    browser.until("document.querySelector('#then').innerText.includes('as it was known then')")
    browser.until("!document.querySelector('#thing').innerText.includes('km 30.2')")

    browser.press("End")
    browser.until("document.querySelector('#thing').hidden && document.querySelector('#then').hidden")
    assert not browser.js("document.querySelector('#stage').hasAttribute('data-past')")
    assert browser.trouble == []


def test_a_past_that_the_server_does_not_tell_is_said_to_be_the_page_s_own(place):
    where = place()
    browser = where.enter()
    where.tell("set", {"held": ["tracks"], "let_go": 1})
    browser.js("document.querySelector('#chart').focus()")
    browser.press("PageDown")

    browser.until("document.querySelector('#then').innerText.includes('Asking the server')")
    where.tell("set", {"held": []})
    browser.until("document.querySelector('#then').innerText.includes('told by the server')")


def test_of_several_lines_the_nearest_one_is_named_and_all_are_counted(place):
    there = place("--lines", "west", "east")
    browser = there.enter()
    read = "path => fetch(path, {headers: {Authorization: 'Bearer duty'}}).then(r => r.json()).then(j => j.items)"
    east = "i.properties.id === 'east'"
    lon, lat = browser.js(f"({read})('/zones').then(all => all.find(i => {east}).geometry.coordinates[22])")
    seen = browser.js(f"({read})('/incidents').then(all => all[0])")
    there.tell(
        "happen",
        {
            "kind": "incident",
            "data": {**seen, "id": "e", "case_id": "e", "lon_deg": lon, "lat_deg": lat, "km": 11.0},
        },
    )
    browser.until(r"/km 11\.[0-4] of east/.test(document.querySelector('#map-list').innerText)")

    listed = browser.words("#map-list")

    assert re.search(r"km \d+\.\d of west", listed), listed
    assert "of 60 km not observed" in browser.words("#health")
    assert browser.trouble == []
