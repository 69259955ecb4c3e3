"""A night on duty at the page: what it opens, what it says of the picture, and what a change would cost."""

# ruff: noqa: E501  (sentences and scripts are not broken)

READ = "fetch('/recommendations', {headers: {Authorization: 'Bearer duty'}}).then(r => r.json())"


def first_proposal(browser):
    return browser.js(READ)["items"][0]


def test_theme_turned_before_the_map_stands_reaches_the_map(place):
    where = place()
    browser = where.browser
    browser.call("Page.navigate", url=f"{where.url}#token=duty")
    browser.until("window.truceline")
    before = browser.js("document.documentElement.dataset.theme")
    browser.press("d", "d")
    browser.until("truceline.ready")
    browser.until("document.querySelector('#map canvas')")

    land = browser.js("getComputedStyle(document.documentElement).getPropertyValue('--land').trim()")
    wanted = tuple(int(land[i : i + 2], 16) for i in (1, 3, 5))
    assert browser.js("document.documentElement.dataset.theme") != before
    browser.until_seen(
        lambda shot: max(abs(a - b) for a, b in zip(shot.getpixel((900, 600)), wanted, strict=True)) < 12
    )


def test_stretch_that_is_looked_at_again_is_no_longer_called_unobserved(place):
    where = place()
    browser = where.enter()
    assert "7.2 of 60 km" in browser.words("#health")
    where.tell("set", {"rate": 1600.0})  # the gap of the made-up day ends five minutes later

    browser.until("parseInt(document.querySelector('#utc').innerText) >= 4")
    browser.until("document.querySelector('#health').innerText.includes('0.0 of 60 km')")
    assert "Could not observe km 22.0" not in browser.words("#queue")


def test_first_proposal_opens_where_nothing_was_open(place):
    rec = first_proposal(place().enter())
    where = place("--idle")
    browser = where.enter()
    assert "Open a decision in the list" not in browser.words("#panel")
    where.tell("happen", {"kind": "recommendation", "data": rec})

    browser.until("document.querySelector('#panel h2').innerText.startsWith('Send patrol C-07')")
    assert browser.js("document.activeElement.dataset.choose") is None


def test_events_alike_in_kind_and_place_are_one_line_with_a_count(place):
    where = place()
    browser = where.enter()
    about = next(
        i
        for i in browser.js(READ.replace("recommendations", "incidents"))["items"]
        if i["verdict"] == "covered_by_notice"
    )
    for number in range(4):
        where.tell(
            "happen",
            {
                "kind": "incident",
                "data": {**about, "id": f"inc-like-{number}", "case_id": f"inc-like-{number}"},
            },
        )

    browser.until("document.querySelector('#queue').innerText.includes('(5 of the kind)')")
    assert browser.words("#queue").count("covered by a notice") == 1


def test_amending_says_what_another_unit_costs_and_who_is_barred(place):
    where = place()
    browser = where.enter()
    rec = first_proposal(browser)
    ways = [
        {"what": "E-03 (Elm) in place of C-07", "unit": "E-03", "instead_of": "C-07", "there_utc": "2026-11-24T03:41:00Z", "cost": "14 min later", "proposed": False, "barred_by": None},
        {"what": "B-12 (Birch) in place of C-07", "unit": "B-12", "instead_of": "C-07", "there_utc": None, "cost": "", "proposed": False, "barred_by": "its nation does not allow movement by night"},
    ]  # fmt: skip
    where.tell("happen", {"kind": "recommendation", "data": {**rec, "ways": [*rec["ways"], *ways]}})
    browser.until("document.querySelector('#panel .body').innerText.includes('E-03 (Elm)')")
    browser.let_settle()
    browser.press("m", "m")
    browser.until("document.querySelector('[data-part=unit]')")

    def choose(unit, later, said):
        for part, value in (("unit", unit), ("later", later)):
            browser.js(
                f"(() => {{ const it = document.querySelector('[data-part={part}]'); it.value = '{value}';"
                "it.dispatchEvent(new Event('change', {bubbles: true})); })()"
            )
            browser.until(f"document.querySelector('[data-part={part}]').value === '{value}'")
        browser.until(f"document.querySelector('#panel .act').innerText.includes('{said}')")

    choose("E-03", 0, "E-03 there 03:41Z: 14 min later")
    choose("E-03", 30, "E-03 there 04:11Z")
    choose("A-21", 0, "was not reckoned")
    choose("B-12", 0, "B-12 may not go: its nation does not allow movement by night")
    browser.js("document.querySelector('[data-reason]').click()")
    browser.until("document.querySelector('[data-reason][aria-pressed=true]')")
    assert browser.js("document.querySelector('[data-record]').disabled")
