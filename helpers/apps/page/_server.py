"""The page's server: Voilà with one notebook, a template of its own, and nothing else to fetch."""

from __future__ import annotations

import argparse
import ipaddress
import logging
import os
import socket
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from helpers.apps.page._look import VARIABLE

HERE = Path(__file__).resolve().parent
EXTENSIONS = ("@voila-dashboards/widgets-manager8", "@jupyter-widgets/jupyterlab-manager")
# Seconds after which the kernel of a page that asks no more is ended. A page that is open but not
# seen asks about once a minute.
IDLE = 150

DESCRIPTION = """\
Show what the fermentation tracker hears, in a browser. The page only reads the tracker's database,
and may be started before the tracker."""

EPILOG = """\
on a network:
  The page listens on this computer alone unless --host says otherwise. It has no password and no
  encryption: with --host 0.0.0.0 everyone who reaches this computer sees the brew, and may open as
  many pages as --pages allows. Do that only in a network that you trust. From elsewhere come
  through a tunnel: ssh -L 8866:localhost:8866 NAME-OF-THIS-COMPUTER

memory:
  97 MB for the server and up to 58 MB for each open page, measured with two weeks of minutes on
  64-bit Linux. A Raspberry Pi with 512 MB has room for the tracker and three pages. A page that
  was closed gives its share back, at once or within three minutes.
"""


def parser() -> argparse.ArgumentParser:
    """Make the parser of the command line."""
    made = argparse.ArgumentParser(
        prog="python -m helpers.apps.page",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument(
        "--database",
        type=Path,
        default=Path("tracker.db"),
        metavar="PATH",
        help="what the tracker writes (default: %(default)s)",
    )
    made.add_argument(
        "--port", type=int, default=8866, help="default: %(default)s; 0 takes any that is free"
    )
    made.add_argument(
        "--host",
        default="127.0.0.1",
        metavar="ADDRESS",
        help="address to listen on (default: %(default)s, this computer alone)",
    )
    made.add_argument(
        "--pages",
        type=int,
        default=3,
        metavar="N",
        help="so many may be open at once, since each takes memory (default: %(default)s)",
    )
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve the page until Ctrl-C or SIGTERM; return the exit status."""
    options = parser().parse_args(arguments)
    try:
        port = free_port(options.host, options.port)
    except OSError as error:
        print(f"helpers.apps.page: {options.host}:{options.port}: {error}", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory(prefix="tracker-page-") as folder:
        set_environment(options.database, Path(folder))
        config = settings(options.host, port, options.pages, Path(folder))
        serve(config, greeting(options.host, port, options.database))
    return 0


def free_port(host: str, port: int) -> int:
    """Check that a port may be listened on.

    Parameters
    ----------
    host : str
    port : int
        0 asks for any.

    Returns
    -------
    int

    Raises
    ------
    OSError
        When it is taken or not allowed, or the address is not this computer's; the message says
        what to do.
    """
    if not 0 <= port <= 65535:  # the system would take the rest of a division for it
        raise OSError("there is no such port: --port must be 0 to 65535")
    try:
        family, kind, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind) as listener:
            if os.name == "posix":  # a port that was just let go is free
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
            return listener.getsockname()[1]
    except OSError as error:
        told = f"cannot listen there ({error.strerror}): choose another --port or --host"
        raise OSError(told) from error


def is_loopback(host: str) -> bool:
    """Tell whether an address is reached from this computer alone."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def greeting(host: str, port: int, database: Path) -> str:
    """Say where the page is and who can see it."""
    if is_loopback(host):
        who = "Only this computer can open it; --help says how to come from elsewhere."
    else:
        who = (
            "WARNING: it listens on a network, without a password and without encryption: "
            "everyone who reaches this computer can open it."
        )
    shown = socket.gethostname() if host in ("", "0.0.0.0", "::") else host
    shown = f"[{shown}]" if ":" in shown else shown
    return f"The page of {database}: http://{shown}:{port}/\n{who}\nCtrl-C ends it."


def set_environment(database: Path, folder: Path) -> None:
    """Tell kernels what to show, and Voilà and Jupyter where our files are.

    Parameters
    ----------
    database : Path
    folder : Path
        For what a kernel would otherwise leave in the home folder.
    """
    _prepend("JUPYTER_PATH", HERE / "jupyter")
    root = HERE.parents[2]
    if (root / "pyproject.toml").exists():  # a clone, which may not be installed
        _prepend("PYTHONPATH", root)
    os.environ["IPYTHONDIR"] = str(folder / "ipython")
    os.environ[VARIABLE] = str(database.absolute())


def _prepend(variable: str, path: Path) -> None:
    others = os.environ.get(variable)
    os.environ[variable] = os.pathsep.join([str(path), others] if others else [str(path)])


def settings(host: str, port: int, pages: int, folder: Path):
    """Make Voilà's configuration.

    Parameters
    ----------
    host, port, pages
        As in the command line.
    folder : Path
        For files of the moment.

    Returns
    -------
    traitlets.config.Config
    """
    from traitlets.config import Config

    config = Config()
    config.Voila.update(
        notebook_path=str(HERE / "tracker.ipynb"),
        ip=host,
        port=port,
        port_retries=0,
        connection_dir_root=str(folder),
        config_file_paths=[],  # nobody's settings for other notebooks
        log_level="ERROR",
    )
    if os.name == "posix":  # nobody else on this computer can listen to the kernels
        config.KernelManager.transport = "ipc"
    config.VoilaConfiguration.update(
        template="tracker",
        allow_template_override="NO",
        allow_theme_override="NO",
        file_allowlist=[],
        extension_allowlist=list(EXTENSIONS),
        prelaunch_hook=limit(pages),
    )
    config.NotebookNotary.data_dir = str(folder)  # nothing is left in the home folder
    # A page asks every few seconds while somebody sees it; a phone does not say goodbye.
    config.MappingKernelManager.update(
        cull_idle_timeout=IDLE, cull_interval=30, cull_connected=True
    )
    return config


def serve(config, told: str) -> None:
    """Run Voilà until it is told to stop, and print `told` once it listens."""
    from voila.app import Voila

    # A browser may end a kernel twice, and a page may ask for one of yesterday: no news for a log.
    logging.getLogger("tornado").setLevel(logging.ERROR)

    class Server(Voila):
        def launch_browser(self) -> None:  # what Voilà does next when it listens
            print(told, flush=True)

    Server.launch_instance(argv=[], config=config)


def limit(pages: int):
    """Make a hook that refuses a page where too many are open, and lets others end themselves.

    Parameters
    ----------
    pages : int

    Returns
    -------
    callable
        Voilà calls it before it starts a kernel.
    """
    from tornado.web import HTTPError

    def hook(request, notebook=None, cwd=None) -> None:
        if len(request.kernel_manager.list_kernel_ids()) >= pages:
            told = f"{pages} pages are open, which is as many as may be (--pages). "
            told += "Close one: this page tries again every 20 seconds."
            raise HTTPError(503, told)
        _ = request.xsrf_token  # sets the cookie without which a page may not end its kernel

    return hook
