"""What is known of the pictures of a data folder, DATA in the other scripts: its manifest.tsv.

The folder holds photos/, styles/, textures/ and superres/. It is not published with the project,
since not all of its pictures may be; any folder of that form will do.
"""

import csv
from pathlib import Path

PUBLIC = "cc0/pd"  # licence class of what asks for no credit
CREDITED = ("cc-by", "permissive (bsd/mit)")
FREE = (PUBLIC, *CREDITED)  # of what models that ship may be trained on, and a page may show


def rows(data: Path) -> list[dict[str, str]]:
    """A row for each picture, by column: file, title_author, licence_class and others."""
    with (data / "manifest.tsv").open(encoding="utf-8") as lines:
        return list(csv.DictReader(lines, delimiter="\t"))
