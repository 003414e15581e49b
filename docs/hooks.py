"""What the site shows beside the pages of docs/: the measured numbers and their figures, from benchmarks/."""

from pathlib import Path

from mkdocs.structure.files import File

ROOT = Path(__file__).parents[1]
SHOWN = ("quality.md", "laser.md", "throughput.md", "figures/*.png")


def on_files(files, config):
    """Add ``SHOWN`` of benchmarks/ to the site's files."""
    for pattern in SHOWN:
        for path in sorted((ROOT / "benchmarks").glob(pattern)):
            files.append(File.generated(config, path.relative_to(ROOT).as_posix(), abs_src_path=str(path)))
    return files


def on_page_markdown(markdown, page, config, files):
    """Links to benchmarks/ stand as they are in the repository, one folder further up than in the site."""
    return markdown.replace("../benchmarks/", "benchmarks/") if page.file.generated_by is None else markdown
