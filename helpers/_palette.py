"""The course's colours, in a module that imports nothing: the tracker's page uses them too."""

# Okabe and Ito's palette for colour-blind readers, darkened where white paper asks for it.
# Okabe and Ito, Color Universal Design, jfly.uni-koeln.de/color, 2008.
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
