"""The page's colours keep the contrast that a tired reader in a dim room needs."""

import re
from pathlib import Path

import pytest

STYLE = Path(__file__).resolve().parents[2] / "truceline" / "app" / "page" / "page.css"
# WCAG 2.2: 1.4.3 asks 4.5 of text, 1.4.11 asks 3.0 of shapes.
RATIOS = {
    "ink-1": 4.5, "ink-2": 4.5, "ink-3": 4.5, "attend": 4.5, "overdue": 4.5, "own": 4.5, "party": 4.5,
    "unknown": 4.5, "edge": 3.0, "hatch": 3.0,
}  # fmt: skip


@pytest.mark.parametrize("theme", ["dark", "light"])
@pytest.mark.parametrize("name", RATIOS)
@pytest.mark.parametrize("ground", ["panel", "land"])
def test_colour_stands_out_from_its_ground(theme, name, ground):
    colours = tokens(theme)

    assert contrast(colours[name], colours[ground]) >= RATIOS[name]


def test_both_themes_name_the_same_colours():
    assert set(tokens("light")) == set(tokens("dark"))


def tokens(theme: str) -> dict[str, str]:
    """Read the colours that a theme sets in the built style sheet."""
    selector = r":root" if theme == "dark" else r"\[data-theme=\"?light\"?\]"
    block = re.search(selector + r"\s*\{([^}]*)\}", STYLE.read_text("utf-8"))
    assert block is not None
    return dict(re.findall(r"--([a-z0-9-]+):\s*(#[0-9a-fA-F]{3,6})", block[1]))


def contrast(one: str, other: str) -> float:
    """WCAG 2.2, contrast ratio of two sRGB colours."""
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def luminance(colour: str) -> float:
    digits = colour[1:] if len(colour) == 7 else "".join(2 * c for c in colour[1:])
    parts = [int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
