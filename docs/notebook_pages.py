"""Notebooks as pages of the site: their text, code, printed output and figures, without running anything."""

import base64
import json
import re
from pathlib import Path

ANSI = re.compile(r"\x1b\[[0-9;]*m")
TEX = (
    (r"\\mathrm\{([^}]*)\}", r"\1"),
    (r"\\sqrt\{([^}]*)\}", r"√(\1)"),
    (r"\\mid", "|"),
    (r"\\to", "→"),
    (r"\\sim", "~"),
    (r"\\propto", "∝"),
    (r"\\log", "log"),
    (r"\\[,;]", " "),
    (r"_\{([^}]*)\}", r"<sub>\1</sub>"),
    (r"_(\w)", r"<sub>\1</sub>"),
    (r"\^\{([^}]*)\}", r"<sup>\1</sup>"),
    (r"\^(.)", r"<sup>\1</sup>"),
)


def plain(text: str) -> str:
    """Formulas between dollars in HTML: the site loads no script from another server to set them."""

    def formula(match):
        out = match.group(1)
        for pattern, new in TEX:
            out = re.sub(pattern, new, out)
        return f"*{out.strip()}*" if "<" not in out else f"<i>{out.strip()}</i>"

    return re.sub(r"\$([^$\n]+)\$", formula, text)


def page_of(path: Path) -> tuple[str, dict[str, bytes]]:
    """(markdown, {name of a figure: PNG}) of a notebook, which keeps its outputs."""
    parts, figures = [], {}
    for cell in json.loads(path.read_text())["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            parts.append(plain(source))
            continue
        parts.append(f"```python\n{source}\n```")
        for out in cell["outputs"]:
            data = out.get("data", {})
            if "image/png" in data:
                name = f"{path.stem}_{len(figures)}.png"
                figures[name] = base64.b64decode(data["image/png"])
                parts.append(f"![figure {len(figures)}]({name})")
            elif text := ANSI.sub("", "".join(out.get("text", data.get("text/plain", "")))).strip("\n"):
                parts.append(f"```text\n{text}\n```")
    parts.append(f"*This is `notebooks/{path.name}` of the repository.*")
    return "\n\n".join(parts) + "\n", figures
