"""GPUs as plans know them: memory, and how fast they multiply matrices at best."""

import os
import re
from dataclasses import dataclass

from adapt.errors import RecipeError

GIB = 2**30
# Of a card's memory, what a plan counts on: the rest goes to CUDA itself, to libraries and to gaps between blocks.
COUNTED_ON = 0.92
# Of a card's speed, what training reaches. DreamZero's own trainer, which runs its frozen encoders in every step
# besides, is reported at 14.8 s a step on an RTX PRO 6000 (aws-samples/sample-dreamzero-finetuning-on-sagemaker): of
# its 504 TFLOP/s .28 by the count here.
UTILISATION = 0.3


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """A kind of GPU.

    Args:
        name: As its maker calls it.
        memory_gib: GiB.
        tflops: Dense bfloat16 products with single-precision sums, 10^12 operations a second, as its maker states.
    """

    name: str
    memory_gib: int
    tflops: float


# From NVIDIA's data sheets, dense figures.
CARDS = (
    Card(name="RTX 4090", memory_gib=24, tflops=165.2),
    Card(name="L40S", memory_gib=48, tflops=362.0),
    Card(name="H100", memory_gib=80, tflops=989.4),
    Card(name="RTX PRO 6000", memory_gib=96, tflops=503.8),
    Card(name="H200", memory_gib=141, tflops=989.4),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """Cards of one kind that train together.

    Args:
        card: Each of them.
        count: How many.
        utilisation: Share of their speed that training reaches.
    """

    card: Card
    count: int = 1
    utilisation: float = UTILISATION

    @property
    def room(self) -> float:
        """Bytes of a card that a plan counts on."""
        return COUNTED_ON * self.card.memory_gib * GIB

    @property
    def flops_per_s(self) -> float:
        """Of all cards together, as far as training reaches it."""
        return self.count * self.utilisation * self.card.tflops * 1e12

    def __str__(self) -> str:
        return f"{self.count} x {self.card.name}" if self.count > 1 else self.card.name


PROCESSOR = "the processor"
_PROCESSOR_TFLOPS = 0.05  # of one core; only for what is not measured


def this_machine(*, small: bool) -> Machine:
    """What training would run on here: the first GPU; without one the processor for a small base, else a 24 GB card.

    Args:
        small: Whether a processor trains the base in reasonable time.
    """
    import torch

    if torch.cuda.is_available():
        name, memory = torch.cuda.get_device_name(0), torch.cuda.mem_get_info(0)[1]
        known = [card for card in CARDS if card.name.lower() in name.lower()]
        speed = known[0].tflops if known else CARDS[0].tflops
        return Machine(card=Card(name=name, memory_gib=memory // GIB, tflops=speed))
    if small:
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        return Machine(card=Card(name=PROCESSOR, memory_gib=memory // GIB, tflops=_PROCESSOR_TFLOPS))
    return Machine(card=CARDS[0])


def read_machine(text: str, *, tflops: float | None = None, utilisation: float = UTILISATION) -> Machine:
    """The machine of a text such as "24", "8x80" or "h200".

    Args:
        text: GB of memory, or a card's name; with NUMBERx before it for several. Of memory that no known card has, the
            next smaller card's speed is taken.
        tflops: The card's speed, where it is another than the table's.
        utilisation: Above 0, at most 1.

    Raises:
        RecipeError: It is none.
    """
    found = re.fullmatch(r"(?:(\d+)\s*x\s*)?(?:(\d+)\s*(?:gb|gib)?|([a-z][\w -]*))", text.strip().lower())
    named = {card.name.lower().replace(" ", "").replace("rtx", ""): card for card in CARDS}
    card = None
    if found is not None and found[2] is not None:
        smaller = [card for card in CARDS if card.memory_gib <= int(found[2])]
        card = smaller[-1] if smaller else None
        if card is not None and card.memory_gib != int(found[2]):
            card = Card(
                name=f"{int(found[2])} GB, as fast as {card.name}", memory_gib=int(found[2]), tflops=card.tflops
            )
    elif found is not None:
        card = named.get(found[3].replace(" ", "").replace("rtx", ""))
    count = int(found[1] or 1) if found is not None else 0
    if card is None or count < 1 or not 0 < utilisation <= 1 or (tflops is not None and tflops <= 0):
        known = ", ".join(f"{card.memory_gib} ({card.name})" for card in CARDS)
        raise RecipeError(
            f"--gpu {text}: is no GPU that can be planned for, or its speed of {tflops or 'the table'} at a share of "
            f"{utilisation:g} is none. Give GB of memory, {known}, or several as 8x80."
        )
    if tflops is not None:
        card = Card(name=card.name, memory_gib=card.memory_gib, tflops=tflops)
    return Machine(card=card, count=count, utilisation=utilisation)
