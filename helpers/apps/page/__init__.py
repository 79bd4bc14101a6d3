"""The tracker's page: what the brew does, in a browser, by itself up to date.

``python -m helpers.apps.page --database tracker.db`` starts it. The drawing functions take rows
and give SVG as text; :func:`show` puts them together in a notebook.

Measured with two weeks in the database (resident memory; x86-64, Python 3.11, Voilà 0.5.13): the
server takes 97 MB and the kernel of each open page 58 MB, 49 MB on the first day. So the kernel
imports neither NumPy nor a plotting library, and runs without a debugger, which alone took 29 MB.
"""

from __future__ import annotations

from helpers.apps.page._alarms import Alarm, alarms
from helpers.apps.page._figures import NARROW, WIDE, plops_svg, rate_svg
from helpers.apps.page._spectrogram import spectrogram_svg

__all__ = [
    "NARROW",
    "WIDE",
    "Alarm",
    "alarms",
    "plops_svg",
    "rate_svg",
    "show",
    "spectrogram_svg",
]


def show(database=None):
    """Make the page of a database, for a notebook to show.

    Parameters
    ----------
    database : path, optional
        By default what the environment variable ``HEARING_TRACKER_DB`` names.

    Returns
    -------
    ipywidgets.VBox
    """
    from helpers.apps.page._live import Page

    return Page(database).box
