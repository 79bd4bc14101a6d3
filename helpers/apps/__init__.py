"""Programs built on the core: collecting recordings, reviewing labels, and what follows."""
