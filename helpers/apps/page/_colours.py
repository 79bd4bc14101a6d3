"""The course's colours once more: what `helpers.plot` imports is too much for the page's kernel.

A test compares them with ``helpers.plot.PALETTE``.
"""

PALETTE = {
    "blue": "#0072B2",
    "vermilion": "#C44E00",
    "green": "#00795A",
    "purple": "#A8477F",
    "sky": "#2E86B8",
    "ochre": "#9A6A00",
    "black": "#1A1A1A",
    "grey": "#6B6B6B",
}
#: Quiet to loud, ever lighter, so that it reads without any colour too.
LEVELS = ("#0B0B1D", "#3A1B57", PALETTE["purple"], "#E8853A", "#FFF4CC")


def mixed(share: float) -> tuple[int, int, int]:
    """Red, green and blue for a level from 0 to 1."""
    place = min(max(share, 0.0), 1.0) * (len(LEVELS) - 1)
    left = min(int(place), len(LEVELS) - 2)
    part = place - left
    low, high = (bytes.fromhex(name[1:]) for name in LEVELS[left : left + 2])
    return tuple(round(a + part * (b - a)) for a, b in zip(low, high, strict=True))
