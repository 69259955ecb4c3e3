"""Answers that come late, words that change under the hand, and a server that is away for a while."""

# ruff: noqa: E501  (sentences and scripts are not broken)

import json

READ = "fetch('/{}', {{headers: {{Authorization: 'Bearer duty'}}}}).then(r => r.json())"
COUNT_BUTTONS = (
    "window.again = 0; new MutationObserver(() => { if (document.querySelector('[data-choose]')) window.again++; })"
    ".observe(document.querySelector('#panel'), {childList: true, subtree: true})"
)


def items(browser, path):
    return browser.js(READ.format(path))["items"]


def an_incident(browser, number):
    about = items(browser, "incidents")[0]
    name = f"inc-more-{number}"
    return {**about, "id": name, "case_id": name, "class": "no_fly", "what": f"odd thing {number}"}


def reject(browser):
    browser.let_settle()
    browser.press("x", "x")
    browser.until("document.querySelector('[data-reason]')")
    browser.js("document.querySelector('[data-reason]').click()")
    browser.until("document.querySelector('[data-record]')?.disabled === false")
    browser.js("document.querySelector('[data-record]').click()")


def test_an_answer_from_before_the_decision_does_not_bring_its_buttons_back(place):
    where = place()
    browser = where.enter()
    where.tell("set", {"held": ["recommendations"]})
    before = how_often(where, "asked")
    where.tell("happen", {"kind": "incident", "data": an_incident(browser, 1)})
    wait_until(browser, lambda: how_often(where, "asked") > before)
    reject(browser)
    browser.until("document.querySelector('#panel .act').innerText.includes('Rejected')")

    browser.js(COUNT_BUTTONS)
    before = how_often(where, "answered")
    where.tell("set", {"let_go": before + 1})  # the oldest alone, made before the decision
    wait_until(browser, lambda: how_often(where, "answered") > before)
    browser.let_settle()

    assert browser.js("window.again") == 0
    assert "Rejected" in browser.words("#panel .act")
    where.tell("set", {"held": []})


def how_often(where, what):
    return where.tell("lists", {})[what].count("recommendations")


def wait_until(browser, is_so):
    for _ in range(1000):
        if is_so():
            return
        browser.js("new Promise(done => setTimeout(done, 100))")
    raise AssertionError("it never came so")


def test_a_press_that_begins_on_a_button_ends_on_it_while_entries_come(place):
    where = place()
    browser = where.enter()
    browser.let_settle()
    before = browser.words("#panel .act .small")
    x, y = browser.js(
        "(b => [b.left + b.width / 2, b.top + b.height / 2])(document.querySelector('[data-choose=approved]').getBoundingClientRect())"
    )

    mouse = {"x": x, "y": y, "button": "left", "clickCount": 1}
    browser.call("Input.dispatchMouseEvent", type="mousePressed", **mouse)
    where.tell("happen", {"kind": "incident", "data": an_incident(browser, 1)})
    browser.until(f"document.querySelector('#panel .act .small').innerText !== {json.dumps(before)}")
    browser.call("Input.dispatchMouseEvent", type="mouseReleased", **mouse)

    browser.until("document.querySelector('[data-record]')")


def test_words_half_typed_stay_when_the_list_around_them_changes(place):
    where = place()
    browser = where.enter()
    browser.js("document.querySelector('[data-shelve]').click()")
    browser.until("document.querySelector('#shelf-reason')")
    browser.js("document.querySelector('#shelf-reason').focus()")
    browser.call("Input.insertText", text="fog until da")
    where.tell("happen", {"kind": "incident", "data": an_incident(browser, 1)})
    browser.until("document.querySelector('#queue').innerText.includes('Odd thing 1')")
    browser.call("Input.insertText", text="wn")

    assert browser.js("document.querySelector('#shelf-reason').value") == "fog until dawn"
    browser.js("document.querySelector('[data-shelf-hours=\"1\"]').click()")
    browser.until("document.querySelector('#queue').innerText.includes('“fog until dawn”')")


def test_a_refusal_that_comes_late_names_its_decision_and_spares_the_note_on_another(place):
    where = place()
    browser = where.enter()
    action = browser.words("#panel h2")
    where.tell("set", {"refuse": 409, "held": ["decisions"]})
    reject(browser)
    browser.press("2", "2")
    browser.until(f"document.querySelector('#panel h2').innerText !== {json.dumps(action)}")
    browser.press("a", "a")
    browser.until("document.querySelector('#note')")
    browser.js("document.querySelector('#note').focus()")
    browser.call("Input.insertText", text="the ground is known")
    where.tell("set", {"held": []})

    browser.until("document.querySelector('#panel .said')")

    assert browser.words("#panel .said").startswith(f"{action}: This decision was not recorded")
    assert browser.js("document.querySelector('#note').value") == "the ground is known"


def test_a_refusal_because_of_a_change_shows_the_change(place):
    where = place()
    browser = where.enter()
    first = items(browser, "recommendations")[0]
    touched = {**first, "touched_seq": 600, "changes": ["C-07 moved 1.4 km"]}
    where.tell("happen", {"kind": "recommendation", "data": touched, "quietly": True})
    reject(browser)

    browser.until("document.querySelector('#panel .said')")
    browser.until("document.querySelector('#panel .changed')?.innerText.includes('C-07 moved 1.4 km')")


def test_a_key_struck_as_the_words_appear_does_nothing_and_says_so(place):
    where = place("--idle")
    browser = where.enter()
    browser.js(
        "new MutationObserver((_, it) => { if (!document.querySelector('[data-choose]')) return; it.disconnect();"
        "document.dispatchEvent(new KeyboardEvent('keydown', {key: 'a', bubbles: true})); })"
        ".observe(document.querySelector('#panel'), {childList: true, subtree: true})"
    )
    where.tell("happen", {"kind": "recommendation", "data": proposal()})

    browser.until(
        "document.querySelector('#panel .said')?.innerText.startsWith('The words changed just as you pressed')"
    )
    assert browser.js("document.querySelector('[data-record]')") is None
    browser.let_settle()
    browser.press("a", "a")
    browser.until("document.querySelector('[data-record]')")


def test_reports_that_could_not_be_read_are_read_again(place):
    where = place()
    browser = where.browser
    browser.call("Page.navigate", url=where.url)
    browser.until("document.querySelector('#token')")
    browser.js(
        "window.broken = 2; const whole = window.fetch; window.fetch = (path, ...more) =>"
        "String(path).startsWith('reports') && window.broken-- > 0 ? Promise.reject(new TypeError('away')) : whole(path, ...more);"
        "document.querySelector('#token').value = 'duty'; document.querySelector('form').requestSubmit()"
    )

    browser.until("window.broken < 0 && document.querySelector('#panel .sides li span')")


def proposal():
    return {
        "id": "rec-new", "incident_ids": [], "action": "Look again", "why": "", "tasks": [], "ways": [], "left_uncovered": [],
        "state": "waiting", "touched_seq": 1, "changes": [], "decision": None, "due_utc": None,
    }  # fmt: skip
