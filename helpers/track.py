"""The fermentation tracker: ``python -m helpers.track --help``."""

from helpers.apps.track import main

if __name__ == "__main__":
    raise SystemExit(main())
