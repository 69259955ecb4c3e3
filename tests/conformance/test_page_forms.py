"""The page in a narrow window and on paper."""


def test_a_narrow_window_is_one_column_that_scrolls_and_cuts_nothing_off(place):
    browser = place().enter()
    browser.call(
        "Emulation.setDeviceMetricsOverride", width=390, height=844, deviceScaleFactor=1, mobile=True
    )
    try:
        assert browser.js("document.documentElement.scrollWidth") <= 390
        tops = browser.js(
            "['queue', 'panel', 'stage', 'time'].map(i => document.getElementById(i).offsetTop)"
        )
        assert tops == sorted(tops)
        assert browser.js("document.querySelector('[data-choose]').getBoundingClientRect().height") >= 64
        assert browser.js("document.querySelector('#now-line').getBoundingClientRect().top") >= 0
    finally:
        browser.call(
            "Emulation.setDeviceMetricsOverride", width=1920, height=1080, deviceScaleFactor=1, mobile=False
        )


def test_on_paper_words_are_black_and_the_map_s_places_stand_in_words(place):
    browser = place().enter()
    browser.call("Emulation.setEmulatedMedia", media="print")
    try:
        assert browser.js("getComputedStyle(document.querySelector('#panel h2')).color") == "rgb(0, 0, 0)"
        assert browser.js("document.querySelector('#map-list').getBoundingClientRect().height") > 200
        assert browser.js("getComputedStyle(document.querySelector('[data-choose]')).display") == "none"
    finally:
        browser.call("Emulation.setEmulatedMedia", media="")
