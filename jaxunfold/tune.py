"""Search the settings of a config for the lowest validation loss, in the ranges that stand in the config.

python -m jaxunfold.tune --config configs/cinn.py --trials N [--minutes M] [--workdir DIR] [--data FILE]
"""

import importlib.util
import json
import os
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax

from jaxunfold import cli
from jaxunfold import config as configs
from jaxunfold.data.location import fingerprint, resolve
from jaxunfold.errors import InputError
from jaxunfold.train import prepare

EXAMPLE = "--config configs/cinn.py --data events.h5 --trials 50 --minutes 60"


def tune(config: Any, workdir: str, trials: int, minutes: float = float("inf"), command: Sequence[str] = ()) -> dict:
    """Search, or go on where an earlier start left off.

    Args:
      config: A config with a section ``tune``. command: Words of the training to which the best settings are added.
    Returns: The contents of DIR/best.json, which is written with DIR/tuning.png and .pdf.
    Raises: InputError if the ranges or the data do not fit, or the folder holds another study.
    """
    if importlib.util.find_spec("optuna") is None:
        raise InputError("tune needs optuna, found none: pip install 'jaxunfold[tune]'")
    from jaxunfold import tuning
    from jaxunfold.report.tuning import write_figure

    space = tuning.space_of(config)
    path = resolve(config.data.path)
    folder = Path(cli.check_writable_dir(workdir))
    with tuning.open_study(folder, config, space.own, fingerprint(path)) as study:
        before = len(tuning.ended(study))
        if before < trials:
            cli.say(f"encoding the events once for all trials, {jax.devices()[0].platform}")
            run, source, valid, _ = prepare(space.config, path)
            tuning.check_ends(space, run, source, valid)
            with cli.progress("tuning", trials - before, "trials") as advance:
                tuning.search(
                    study,
                    space,
                    lambda config, report: tuning.measure(config, run, source, valid, report),
                    trials,
                    space.config.training.seed,
                    60 * minutes,
                    advance,
                )
        found, shares = tuning.ended(study), tuning.importances(study)
    finished = [t for t in found if not t.pruned]
    if not finished:
        raise InputError(f"{folder}: no trial came to its end; more --trials, or ranges that do not diverge")
    best = min(finished, key=lambda t: t.value)
    kept = [word for word in command if word.partition("=")[0].removeprefix("--config.") not in best.parameters]
    words = [*kept, *(f"--config.{key}={value}" for key, value in best.parameters.items())]
    own = next((t for t in found if t.parameters == tuning.rounded(space.own)), found[0])
    result = {
        "loss": best.value,
        "own_loss": own.value,
        "epochs": space.config.training.epochs,
        "trial": best.number,
        "trials": len(found),
        "pruned": len(found) - len(finished),
        "seconds": {"best": best.seconds, "own": own.seconds, "all": sum(t.seconds for t in found)},
        "parameters": best.parameters,
        "own_parameters": space.own,
        "importances": shares,
        "train": shlex.join(words),
    }
    (folder / "best.json").write_text(json.dumps(result, indent=2) + "\n")
    write_figure(str(folder), found, space.kinds)
    return result


def rows(result: dict, workdir: str) -> dict[str, str]:
    """What the command prints at its end."""
    seconds, own = result["seconds"], result["own_parameters"]
    out = {
        "trials": f"{result['trials']}, {result['pruned']} of them pruned, {result['epochs']} epochs each",
        "best loss": f"{result['loss']:.4f} (trial {result['trial']}, {seconds['best']:.0f} s)",
        "the config's own": f"{result['own_loss']:.4f} ({seconds['own']:.0f} s)",
    }
    out |= {key: f"{value} (own {own[key]})" for key, value in result["parameters"].items()}
    shares = sorted(result["importances"].items(), key=lambda item: -item[1])
    out["what mattered"] = ", ".join(f"{key} {x:.0%}" for key, x in shares[:5]) or "too few trials to say"
    out["figure"] = os.path.join(workdir, "tuning.png")
    return out


def main(argv=None) -> int:
    """Entry point; returns the exit status."""
    parser = cli.parser(
        "tune", "Search a config's settings for the lowest loss.", EXAMPLE, config=True, workdir=False, data=False
    )
    parser.add_argument(
        "--trials", type=int, required=True, metavar="N", help="how many in all, earlier starts included"
    )
    parser.add_argument("--minutes", type=float, default=float("inf"), metavar="M", help="then no new trial")

    def body(args):
        cli.check_at_least(args, trials=1, minutes=0)
        config = configs.load(args.config, args.overrides)
        command = ["python", "-m", "jaxunfold.train", "--config", args.config]
        if args.data:
            config = configs.override(config, [("data.path", args.data)])
            command += ["--data", args.data]
        name = configs.name_of(args.config)
        command += ["--workdir", os.path.join("runs", f"{name}-tuned")]
        command += [f"--config.{key}={value}" for key, value in args.overrides if not key.startswith("tune.")]
        workdir = args.workdir or os.path.join("runs", f"{name}-tune")
        result = tune(config, workdir, args.trials, args.minutes, command)
        cli.summary(f"tuning {name}", rows(result, workdir))
        print(f"train with the best:\n{result['train']}")

    return cli.run_command(body, parser, argv)


if __name__ == "__main__":
    raise SystemExit(main())
