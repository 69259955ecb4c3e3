"""Pages as trees of elements: text is never glued to text, so nothing that was reported becomes markup."""

from collections.abc import Iterable, Sequence
from xml.etree import ElementTree as ET  # builds only; nothing foreign is parsed

from truceline.model.text import visible

_LAYOUT = "\t\n\r"  # white space of a page


def element(tag: str, *children: "ET.Element | str", **attributes: str) -> ET.Element:
    """Make an element; ``class_`` becomes ``class``."""
    made = ET.Element(tag, {key.rstrip("_"): visible(value, _LAYOUT) for key, value in attributes.items()})
    for child in children:
        if isinstance(child, str):
            _append_text(made, visible(child, _LAYOUT))
        else:
            made.append(child)
    return made


def table(heads: Sequence[str], rows: Iterable[Sequence["ET.Element | str"]], caption: str) -> ET.Element:
    """Make a table with a caption and one row of heads."""
    return element(
        "table",
        element("caption", caption),
        element("thead", element("tr", *(element("th", head, scope="col") for head in heads))),
        element("tbody", *(element("tr", *(element("td", cell) for cell in row)) for row in rows)),
    )


def bullets(sentences: Iterable["ET.Element | str"]) -> ET.Element:
    """Make a list of sentences."""
    return element("ul", *(element("li", sentence) for sentence in sentences))


def page(root: ET.Element) -> bytes:
    """Write a page as UTF-8 HTML; the same tree gives the same bytes."""
    ET.indent(root)
    body: bytes = ET.tostring(root, encoding="utf-8", method="html", xml_declaration=False)
    return b"<!DOCTYPE html>\n" + body + b"\n"


def _append_text(parent: ET.Element, text: str) -> None:
    if len(parent):
        parent[-1].tail = (parent[-1].tail or "") + text
    else:
        parent.text = (parent.text or "") + text
