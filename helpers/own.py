"""A detector for your own sound: ``python -m helpers.own --help``."""

if __name__ == "__main__":
    try:
        from helpers.apps.own import main

        raise SystemExit(main())
    except KeyboardInterrupt:  # while the libraries were loaded
        raise SystemExit(130) from None
