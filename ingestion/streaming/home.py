"""A Spark home without zipped Python sources, so that Python workers use the installed PySpark.

Spark puts `python/lib/*.zip` of its home before everything else on the path of its Python workers.
From a zip every process compiles anew whatever it imports, and the stream starts half a dozen
processes. Without these files they import the installed package, whose bytecode is kept. The home
is links into that package; it lies inside the Python environment and goes with it.
"""

import os
import sys
from pathlib import Path

import pyspark

_PARTS = ("bin", "jars")


def spark_home(environment: Path | None = None) -> Path | None:
    """The home for this environment's Spark; None where the environment cannot be written.

    Args:
        environment: Folder of the Python environment; by default the one of this process.
    """
    package = Path(pyspark.__file__).parent
    folder = (environment or Path(sys.prefix)) / "spark-home"
    try:
        folder.mkdir(exist_ok=True)
        for part in _PARTS:
            _link(folder / part, package / part)
    except OSError:
        return None
    return folder


def _link(link: Path, target: Path) -> None:
    if link.is_symlink() and link.readlink() == target:
        return
    new = link.with_name(f"{link.name}.{os.getpid()}.new")
    new.symlink_to(target, target_is_directory=True)
    new.replace(link)
