"""Starts `passerelle`: puts the application's folder on the path, of this process and of its children."""

import os
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent


def main() -> None:
    """Run the command of the command line."""
    _leave_links()
    folder = str(HERE / "app" if (HERE / "app").is_dir() else HERE.parent)  # of a wheel, or of a checkout
    sys.path.insert(0, folder)
    others = [each for each in os.environ.get("PYTHONPATH", "").split(os.pathsep) if each and each != folder]
    os.environ["PYTHONPATH"] = os.pathsep.join([folder, *others])
    os.environ["PYTHONSAFEPATH"] = "1"  # children look for no module in the working directory
    from portal.command import run

    sys.exit(run(sys.argv[1:]))


def _leave_links() -> None:
    """Start again from the environment's own folder where it was reached by a link: an upgrade moves the link."""
    real = os.path.realpath(sys.prefix)
    python = os.path.join(real, "bin", "python")
    if real != sys.prefix and sys.prefix != sys.base_prefix and os.path.exists(python):
        os.execv(python, [python, str(HERE / "__main__.py"), *sys.argv[1:]])


if __name__ == "__main__":
    main()
