"""A detector for your own sound: ``python -m helpers.own --help``."""

from helpers.apps.own import main

if __name__ == "__main__":
    raise SystemExit(main())
