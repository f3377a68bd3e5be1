"""From what the drawing library writes to the SVG that is answered: self-contained, accessible, small, and the same bytes every time.

The library writes a style sheet, classes and random ids. A page under a strict content security policy would drop the style sheet, so it is
turned into attributes here; ids follow from the content; numbers are rounded to a hundredth of a pixel. Elements and attributes that a
picture does not need, such as links, are left out, whatever a label says.
"""

import hashlib
import re
from collections.abc import Sequence
from xml.etree import ElementTree as ET

from crmsearch.charts.labels import MARK

__all__ = ["finish"]

GAP = 12  # pixels between charts that stand below each other

_NAMESPACE = "{http://www.w3.org/2000/svg}"
_TAGS = {"svg", "g", "path", "line", "rect", "circle", "polyline", "polygon", "text", "tspan", "defs", "clipPath"}
_PAINT = {"fill", "fill-opacity", "stroke", "stroke-opacity", "stroke-width", "stroke-dasharray", "fill-rule"}
_FONT = {"font-size", "font-weight", "font-style"}
_PLACE = {"d", "x", "y", "x1", "x2", "y1", "y2", "dx", "dy", "cx", "cy", "r", "width", "height", "points", "transform", "text-anchor"}
_ATTRIBUTES = _PAINT | _FONT | _PLACE | {"id", "clip-path"}
_USUAL = {("fill-opacity", "1.0"), ("stroke-opacity", "1.0"), ("font-weight", "normal"), ("font-style", "normal"), ("fill-rule", "evenodd")}


def finish(charts: Sequence[str], title: str, description: str) -> str:
    """Put charts below each other into one picture.

    Args:
        charts: SVG documents of the library.
        title: what the picture is, for those who do not see it.
        description: its figures in words, likewise.
    """
    width, height, parts = 0.0, 0.0, []
    for chart in charts:
        root = ET.fromstring(chart)  # noqa: S314 (written by our own process a moment ago)
        rules = _rules(root)
        part = ET.Element("g", {"transform": f"translate(0 {height:g})"} if height else {})
        part.extend(clean for child in root if (clean := _clean(child, rules)) is not None)
        parts.append(part)
        # A plot that cannot be drawn comes as a text about it, without a size; that is a defect, and no picture.
        width, height = max(width, float(root.attrib["width"])), height + float(root.attrib["height"]) + GAP
    height -= GAP
    named = _with_stable_ids("".join(ET.tostring(part, encoding="unicode") for part in parts)).replace(MARK, "")
    svg = ET.Element("svg")
    for name, text in (("title", title), ("desc", description)):
        ET.SubElement(svg, name).text = "".join(character if character.isprintable() else " " for character in text)
    head = "".join(ET.tostring(child, encoding="unicode") for child in svg)
    size = f'width="{width:g}" height="{height:g}" viewBox="0 0 {width:g} {height:g}"'
    # No fonts are named beyond the kind: the reader's system has one for every script of a label.
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" font-family="sans-serif">{head}{named}</svg>\n'


def _rules(root: ET.Element) -> dict[str, dict[str, str]]:
    """The style sheet: what each class sets."""
    sheet = "".join(style.text or "" for style in root.iter(f"{_NAMESPACE}style"))
    return {name: _declarations(body) for name, body in re.findall(r"#\S+ \.([\w-]+)\s*{([^}]*)}", sheet)}


def _declarations(text: str) -> dict[str, str]:
    pairs = (each.split(":", 1) for each in text.split(";") if ":" in each)
    return {name.strip(): value.strip() for name, value in pairs}


def _clean(element: ET.Element, rules: dict[str, dict[str, str]]) -> ET.Element | None:
    tag = element.tag.removeprefix(_NAMESPACE)
    if tag not in _TAGS:
        return None
    attributes = dict(element.attrib)
    # As a browser would: the class's rule beats an attribute, the element's own style beats both.
    for name in element.get("class", "").split():
        attributes |= rules.get(name, {})
    attributes |= _declarations(element.get("style", ""))
    kept = {name: _rounded(value) for name, value in attributes.items() if name in _ATTRIBUTES and (name, value) not in _USUAL}
    if "d" in kept:
        kept["d"] = re.sub(r" C(\S+ \S+) \1 \1(?= )", "", kept["d"])  # a corner that is round with a radius of zero
    if kept.get("stroke-width") == "0":
        del kept["stroke-width"]
        kept.pop("stroke", None)
    if tag == "svg":
        tag = "g"  # a picture within the picture, without a place of its own
        kept = {}
    clean = ET.Element(tag, {name: value.removesuffix("px") if name == "font-size" else value for name, value in kept.items()})
    if element.text and element.text.strip():
        clean.text = element.text.strip()
    for child in element:
        inner = _clean(child, rules)
        if inner is not None and (len(inner) or inner.text or inner.tag not in {"g", "defs", "text"}):
            if inner.tag == "g" and not inner.attrib:
                clean.extend(inner)
            else:
                clean.append(inner)
    return clean


def _rounded(value: str) -> str:
    return re.sub(r"-?\d+\.\d+", lambda number: f"{round(float(number[0]), 2):g}", value)


def _with_stable_ids(body: str) -> str:
    """Ids after the content, so that several pictures in one page have different ones; those nobody refers to go."""
    used = dict.fromkeys(re.findall(r"url\(#([^)]+)\)", body))
    body = re.sub(r' id="([^"]*)"', lambda found: found[0] if found[1] in used else "", body)
    for number, name in enumerate(used):
        body = body.replace(f'id="{name}"', f'id="@{number}"').replace(f"url(#{name})", f"url(#@{number})")
    mark = hashlib.sha256(body.encode()).hexdigest()[:8]
    return re.sub(r'(id="|url\(#)@(\d+)', rf"\1c{mark}-\2", body)
