"""The page's colours: those of the course, and a scale of its own for loudness."""

from helpers._palette import PALETTE

#: Quiet to loud, ever lighter, so that it reads without any colour too.
LEVELS = ("#0B0B1D", "#3A1B57", PALETTE["purple"], "#E8853A", "#FFF4CC")


def mixed(share: float) -> tuple[int, int, int]:
    """Red, green and blue for a level from 0 to 1."""
    place = min(max(share, 0.0), 1.0) * (len(LEVELS) - 1)
    left = min(int(place), len(LEVELS) - 2)
    part = place - left
    low, high = (bytes.fromhex(name[1:]) for name in LEVELS[left : left + 2])
    return tuple(round(a + part * (b - a)) for a, b in zip(low, high, strict=True))
