"""How an observable is written: TeX on figures, HTML in tables."""

import html
import re

QUANTITIES = {"pt": ("p_{T,%s}", "<i>p</i><sub>T,%s</sub>"), "eta": (r"\eta_{%s}", "η<sub>%s</sub>")}
MASS = ("m_{%s}", "<i>m</i><sub>%s</sub>")
GREEK = {"mu": (r"\mu", "μ"), "tau": (r"\tau", "τ"), "nu": (r"\nu", "ν"), "gamma": (r"\gamma", "γ")}
SIGNS = {"-": "−", "+": "+"}


def particle(name: str) -> tuple[str, str]:
    """TeX and HTML of a leaf or a resonance: "e-" is e^-, "q1" is q_1, "ll" is two ells, "tbar" has its bar."""
    if re.fullmatch("l+", name):
        return r"\ell" * len(name), "ℓ" * len(name)
    if re.fullmatch("[a-z]bar", name):
        return rf"\bar{{{name[0]}}}", f"{name[0]}\u0304"
    stem, number, sign = re.fullmatch(r"(.*?)(\d*)([+-]?)", name).groups()
    tex, web = GREEK.get(stem, (stem if len(stem) < 3 else rf"\mathrm{{{stem}}}", html.escape(stem)))
    if number:
        tex, web = f"{tex}_{{{number}}}", f"{web}{number}"
    if sign:
        tex, web = f"{tex}^{{{sign}}}", f"{web}<sup>{SIGNS[sign]}</sup>"
    return tex, web


def tex(name: str, unit: str = "") -> str:
    """Axis label of an observable, with its unit: tex("pt_q1", "GeV") is "$p_{T,q_{1}}$ [GeV]"."""
    quantity, _, rest = name.partition("_")
    if rest and quantity in QUANTITIES:
        label = f"${QUANTITIES[quantity][0] % particle(rest)[0]}$"
    elif rest and quantity == "m":
        label = f"${MASS[0] % particle(rest)[0]}$"
    else:
        # dollar signs and underscores of a table's own names are not TeX
        label = name.replace("$", r"\$")
    return f"{label} [{unit}]" if unit else label


def web(name: str) -> str:
    """The same for a table in HTML, without the unit."""
    quantity, _, rest = name.partition("_")
    if rest and quantity in QUANTITIES:
        return QUANTITIES[quantity][1] % particle(rest)[1]
    if rest and quantity == "m":
        return MASS[1] % particle(rest)[1]
    return html.escape(name)
