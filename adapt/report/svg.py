"""How is a drawing written down? Elements, nested and escaped; nothing here knows what is drawn."""

from markupsafe import Markup, escape

Number = int | float  # whoever draws may count in either


def tag(name: str, *children: object, **attributes: object) -> Markup:
    """One element.

    Args:
        name: Of the element, for example "line".
        children: Text, which is escaped, or elements.
        attributes: By name, with "_" for "-" and a final "_" dropped ("class_"); None leaves one out. Numbers are
            rounded to a tenth of a pixel, which nobody sees.
    """
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(_plain(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    inside = "".join(escape(child) for child in children)
    return Markup(f"<{name}{written}>{inside}</{name}>" if inside else f"<{name}{written}/>")


def drawing(width: Number, height: Number, label: str, *children: object, kind: str = "chart") -> Markup:
    """A whole drawing in its own pixels.

    Args:
        width: In CSS pixels.
        height: Likewise.
        label: What it shows, for those who do not see it.
        children: Its elements.
        kind: A class, for the style sheet.
    """
    return tag(
        "svg",
        *children,
        class_=kind,
        viewBox=f"0 0 {_plain(width)} {_plain(height)}",
        width=width,
        height=height,
        role="img",
        aria_label=label,
    )


def path(points: list[tuple[Number, Number]], **attributes: object) -> Markup:
    """A line through points."""
    steps = "L".join(f"{_plain(x)} {_plain(y)}" for x, y in points)
    return tag("path", d=f"M{steps}", **attributes)


def marker(shape: str, x: Number, y: Number, size: Number = 4.0, **attributes: object) -> Markup:
    """A mark whose shape tells as much as its colour: circle, square, diamond, up, down, cross or bar.

    Args:
        shape: Which.
        x: Its middle.
        y: Likewise.
        size: Half its width.
        attributes: As for `tag`; "class_" sets its colour.
    """
    if shape == "circle":
        return tag("circle", cx=x, cy=y, r=size, **attributes)
    corners = {
        "square": ((-0.85, -0.85), (0.85, -0.85), (0.85, 0.85), (-0.85, 0.85)),
        "diamond": ((0, -1.2), (1.2, 0), (0, 1.2), (-1.2, 0)),
        "up": ((-1.1, 0.9), (1.1, 0.9), (0, -1.1)),
        "down": ((-1.1, -0.9), (1.1, -0.9), (0, 1.1)),
        "bar": ((-0.35, -1.4), (0.35, -1.4), (0.35, 1.4), (-0.35, 1.4)),
        "cross": (
            (-1, -0.5), (-0.5, -1), (0, -0.5), (0.5, -1), (1, -0.5), (0.5, 0),
            (1, 0.5), (0.5, 1), (0, 0.5), (-0.5, 1), (-1, 0.5), (-0.5, 0),
        ),
    }[shape]  # fmt: skip
    steps = "L".join(f"{_plain(x + size * dx)} {_plain(y + size * dy)}" for dx, dy in corners)
    return tag("path", d=f"M{steps}Z", **attributes)


def _plain(value: object) -> str:
    if isinstance(value, float):
        text = f"{value:.1f}".removesuffix(".0")
        return "0" if text == "-0" else text
    return str(value)
