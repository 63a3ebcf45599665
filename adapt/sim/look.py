"""How does the scene itself look, whatever the body? Paint and light."""

from dataclasses import dataclass

from adapt.sim.shapes import Colour


@dataclass(frozen=True, slots=True, kw_only=True)
class SceneLook:
    """Colours of what stands still and of the blocks, and the strength of light and shadow.

    Every colour is red, green, blue and opacity in [0, 1]. The default is the world that everything is trained in.
    """

    floor: Colour = (0.15, 0.16, 0.18, 1.0)
    table: Colour = (0.50, 0.53, 0.54, 1.0)
    line: Colour = (0.72, 0.75, 0.76, 1.0)
    blocks: tuple[Colour, Colour, Colour] = ((0.92, 0.12, 0.10, 1.0), (0.10, 0.72, 0.20, 1.0), (0.12, 0.25, 0.98, 1.0))
    light: float = 1.0  # 1 as it should be; less is darker
    shadow: float = 0.5  # 0 none .. 1 black
