"""What the site shows beside the pages of docs/: the measured numbers with their figures, and the notebooks."""

import re
import sys
from pathlib import Path

from mkdocs.structure.files import File

sys.path.insert(0, str(Path(__file__).parent))
from measured import fill
from notebook_pages import page_of

ROOT = Path(__file__).parents[1]
SHOWN = (
    "quality.md",
    "bayesian.md",
    "laser.md",
    "generation.md",
    "throughput.md",
    "flows.md",
    "unfolding.md",
    "sampling.md",
    "growth.md",
    "notes.md",
    "simulation.md",
    "figures/*.png",
)


def on_files(files, config):
    """Add ``SHOWN`` of benchmarks/ and a page for every notebook."""
    for pattern in SHOWN:
        for path in sorted((ROOT / "benchmarks").glob(pattern)):
            files.append(File.generated(config, path.relative_to(ROOT).as_posix(), abs_src_path=str(path)))
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        text, figures = page_of(path)
        files.append(File.generated(config, f"notebooks/{path.stem}.md", content=text))
        for name, content in figures.items():
            files.append(File.generated(config, f"notebooks/{name}", content=content))
    return files


def on_page_markdown(markdown, page, config, files):
    """Tables of benchmarks/ stand where a page asks for them; links to benchmarks/ and notebooks/ stand as in the
    repository, one folder further up than in the site.
    """
    if page.file.generated_by is not None:
        return markdown
    markdown = re.sub(r"\.\./notebooks/(\w+)\.ipynb", r"notebooks/\1.md", markdown)
    return fill(markdown).replace("../benchmarks/", "benchmarks/")
