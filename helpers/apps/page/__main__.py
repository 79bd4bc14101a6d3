"""Start the tracker's page: ``python -m helpers.apps.page --database tracker.db``."""

from helpers.apps.page._server import main

if __name__ == "__main__":
    raise SystemExit(main())
