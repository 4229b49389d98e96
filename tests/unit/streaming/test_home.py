import os
from pathlib import Path

import pyspark

from ingestion.streaming.home import spark_home


def test_it_has_the_jars_and_programs_of_the_package_but_no_zipped_sources(tmp_path: Path) -> None:
    home = spark_home(tmp_path)
    assert home is not None
    package = Path(pyspark.__file__).parent
    assert (package / "python" / "lib" / "pyspark.zip").exists(), "what is to be left out"
    assert {path.name for path in home.iterdir()} == {"bin", "jars"}
    assert os.access(home / "bin" / "spark-submit", os.X_OK)
    assert any((home / "jars").glob("spark-core*.jar"))


def test_links_of_another_place_are_made_anew(tmp_path: Path) -> None:
    folder = tmp_path / "spark-home"
    folder.mkdir()
    (folder / "jars").symlink_to("/nowhere")
    home = spark_home(tmp_path)
    assert home == folder
    assert (folder / "jars").resolve() == (Path(pyspark.__file__).parent / "jars").resolve()


def test_an_environment_that_cannot_be_written_has_none(tmp_path: Path) -> None:
    (tmp_path / "spark-home").write_text("a file, not a folder")
    assert spark_home(tmp_path) is None
