"""Train a method on paired events and report how well it unfolds held-out ones.

python -m jaxunfold.train --config configs/cinn.py [--workdir DIR] [--data FILE] [--config.KEY=VALUE ...]
"""

import dataclasses
import json
import os
import time
import zlib
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import jax
import numpy as np
from ml_collections import ConfigDict

from jaxunfold import cli, experiments, saved
from jaxunfold import config as configs
from jaxunfold import problem as problems
from jaxunfold import run as runs
from jaxunfold.data import batches, mirror, preprocess, splits, support
from jaxunfold.data.columns import selected
from jaxunfold.data.events import Events, accepted, read, require_trainable, scan, truth_alone
from jaxunfold.data.location import fingerprint, resolve
from jaxunfold.errors import InputError
from jaxunfold.evaluation import OWN_PARTS, evaluate, headline
from jaxunfold.networks import count
from jaxunfold.report import card
from jaxunfold.training import callbacks, processes
from jaxunfold.training.loop import make_loop

SAMPLE = ("process", "sqrt_s_gev", "generator", "seed", "code_version", "cuts")
"""What is known of a data file that a model card repeats."""


EXAMPLE = "--config configs/cinn.py --data events.h5 --workdir runs/mine\n--config.training.epochs=20"

MOST_ROWS = 1_000_000
"""Rows of a training file among which those that describe its support are chosen."""


def sample_of(attrs: dict) -> dict:
    """``SAMPLE`` of a data file's attributes; the cuts of a simulated one are in its config."""
    out = {key: attrs[key] for key in SAMPLE if key in attrs}
    try:
        selection = json.loads(attrs.get("config", "{}")).get("selection")
    except (TypeError, ValueError, AttributeError):  # another's file may hold anything there
        selection = None
    if selection and "cuts" not in out:
        out["cuts"] = ", ".join(f"{name} {value}" for name, value in selection.items() if value is not None)
    return out


def read_parts(path: str, data: dict) -> tuple[splits.Split, bool, Events, Events, Events]:
    """(split, whether to stream, training events to fit on, validation events, test events) of a file."""
    if os.path.getsize(path) <= data["resident_bytes"]:
        events = read(path, require_truth=True)
        require_trainable(events)
        parts = splits.split(len(events), data["valid"], data["test"], data["split_seed"])
        if cuts := data.get("select"):
            # the same rows are test events of every selection
            keep = selected(events, cuts)
            parts = splits.Split(*(rows[keep[rows]] for rows in parts))
            require_trainable(events[parts.train])
        return parts, False, events[parts.train], events[parts.valid], events[parts.test]
    if data.get("select"):
        raise InputError(f"{path}: data.select expected a file of at most data.resident_bytes, found a larger one")
    header = scan(path, require_truth=True)
    parts = splits.split(header.num_events, data["valid"], data["test"], data["split_seed"])
    rows = (parts.train[: data["fit_events"]], parts.valid, parts.test)
    return parts, True, *(batches.take_rows(path, chosen) for chosen in rows)


def independent_events(train: Events, rows: int) -> float:
    """How many unweighted events so many weighted ones count for: Kish's number.

    Args: train: The training events that are in memory. rows: How many there are.
    """
    if train.weight is None:
        return float(rows)
    weight = train.weight.astype(np.float64)
    return float(rows * weight.mean() ** 2 / np.mean(weight**2))


def prepare(config: ConfigDict, path: str, base: runs.Run | None = None) -> tuple[runs.Run, object, object, Events]:
    """(run without a state, training source, validation batch, test events) from a data file.

    Args:
      base: The run that is refined: what networks see is as it was fitted for that one.
    """
    data = problems.plain(config.data)
    parts, stream, *events = read_parts(path, data)
    alone = problems.unconditional(config)
    train, valid, test = map(truth_alone, events) if alone else events
    problem = problems.problem_of(train)
    pipeline = problems.make_pipeline(config, problem)
    if base is not None and base.problem != problem:
        raise InputError(f"{path}: expected the columns of the base run, {base.problem}, found {problem}")
    # a file too large for the device needs no mirror images to be enough
    axes = () if stream else tuple(data["augment"])
    kept = accepted(train)
    images, seen = mirror.augment(kept, axes), None
    if base is None:
        # with the images, so that a fit of one is the image of a fit
        resolution = preprocess.fit_resolution(pipeline, images)
        seen = preprocess.measure(pipeline, resolution, kept)
        fitted = preprocess.fit(pipeline, kept, resolution, seen)
    else:
        fitted = base.fitted
    about = {"data": fingerprint(path), "train_events": len(parts.train), "test_events": len(parts.test)}
    about["sample"] = sample_of(train.attrs) | {"file": Path(path).name}
    run = runs.assemble(config, problem, fitted, about=about)
    if not run.method.whole_sample:
        train, valid, test = kept, accepted(valid), accepted(test)
    # mirror images say nothing of their own on weights that are to be learned
    run.about["copies"] = 2 ** len(axes)
    run.about["independent"] = independent_events(train, len(parts.train) if stream else len(train))
    train = mirror.augment(train, axes) if run.method.whole_sample else images
    rows = parts.train
    if stream and not run.method.whole_sample:
        rows = batches.accepted_rows(path, rows, ("pass_truth",) if alone else ("pass_truth", "pass_reco"))
    run.about["rows"] = len(rows) if stream else len(train)

    def encode(events):
        return preprocess.encode(pipeline, fitted, truth_alone(events) if alone else events)

    if stream:
        source = batches.stream(path, rows, encode)
    elif run.method.whole_sample:
        source = encode(train)
    else:
        seen = preprocess.measure(pipeline, fitted.resolution, kept) if seen is None else seen
        seen = mirror.measure(pipeline, fitted.resolution, images, seen)
        source = preprocess.encode(pipeline, fitted, images, seen)
    run.about["holds"] = batches.describe(source.take(np.arange(2)) if stream else source)
    return run, source, encode(valid) if len(valid) else None, test


def refuse_another(workdir: Path, run: runs.Run) -> None:
    """Raise InputError where the workdir holds a run of another config or other data."""
    if not (workdir / "problem.json").exists():
        return
    earlier = saved.load_setup(workdir)
    if changed := configs.diff(earlier.config, run.config, ignore=("data.path",)):
        raise InputError(f"{workdir}: holds a run of another config ({changed[0]}); choose another --workdir")
    if earlier.about["data"] != run.about["data"]:
        raise InputError(f"{workdir}: holds a run on another data file; choose another --workdir")


def with_base(config: ConfigDict) -> tuple[ConfigDict, runs.Run | None]:
    """A config that names ``base_run``, a trained run, completed by what that one was trained with; and that run.

    Data, preprocessing, resonances and observables are taken over, but for ``data.path`` where the config gives one.
    """
    if not config.get("base_run"):
        return config, None
    base = saved.load(config.base_run)
    path = config.get("data", {}).get("path", "") or base.config.data.path
    config = config.copy_and_resolve_references()
    with config.unlocked():
        for section in ("data", "preprocess", "resonances", "observables"):
            if section in base.config:
                config[section] = base.config[section].copy_and_resolve_references()
        config.data.path = path
        config.model.base, config.model.base_model = base.config.method, base.config.model.to_dict()
        config.model.base_optimizer = base.config.optimizer.to_dict() if "optimizer" in base.config else None
    return config, base


def products(config: ConfigDict) -> AbstractContextManager:
    """The context that trains with the config's ``products``: factors of bfloat16, sums of float32, if it says so.

    Raises: InputError for another kind of number.
    """
    usual, kind = configs.RUN["products"], config.get("products", configs.RUN["products"])
    if kind not in (usual, "bfloat16"):
        raise InputError(f"products: expected {usual} or bfloat16, found {kind!r}")
    return nullcontext() if kind == usual else jax.default_matmul_precision(kind)


def fit(config: ConfigDict, folder: Path) -> tuple[runs.Run, Events]:
    """Train, or go on where an earlier start left off: the trained run, saved in its folder, and the test events."""
    rounded = products(config)
    config, base = with_base(config)
    run, source, valid, test = prepare(config, resolve(config.data.path), base)
    refuse_another(folder, run)
    # the same events may lie elsewhere on another machine
    settings = configs.to_json(configs.override(run.config, [("data.path", "anywhere")]))
    processes.agree("--config and --data, by a checksum", zlib.crc32(f"{settings} {run.about['data']}".encode()))
    leads = processes.leads()
    if leads:
        saved.save_setup(folder, run)
    watchers = [callbacks.progress(), callbacks.metrics_writer(str(folder / "metrics.jsonl"))] if leads else []
    settings = problems.plain(config.training)
    if patience := settings.pop("patience"):
        watchers.append(callbacks.early_stopping(patience))
    loop = make_loop(str(folder), source, valid, callbacks=watchers, **settings)
    given = {} if base is None else {"base_state": base.state}
    run = runs.assemble(config, run.problem, run.fitted, total_steps=loop.total_steps, about=run.about, **given)
    if leads:
        shared = f", {jax.process_count()} processes" if jax.process_count() > 1 else ""
        cli.say(
            f"training {config.method} on {run.about['train_events']} events, {jax.devices()[0].platform}{shared}"
        )
    with rounded:
        state = run.method.fit(jax.random.key(settings["seed"]), loop)
    found = None
    if not problems.unconditional(config):
        found = support_of(source, run.about["rows"] // run.about["copies"])
    if leads:
        if found is not None:
            saved.save_support(folder, found)
        saved.save_state(folder, state)
    return dataclasses.replace(run, state=state, support=found), test


def support_of(source: object, rows: int) -> support.Support:
    """What the measured events of a training source cover, from its first rows: those that are no mirror images."""
    rows = min(rows, MOST_ROWS)
    order = np.argsort(np.random.PCG64(0).random_raw(rows), kind="stable")
    order = order[: support.REFERENCE + support.HELD_OUT]
    batch = source.take(order) if hasattr(source, "take") else jax.tree.map(lambda a: a[order], source)
    seen = np.ones(len(order), bool) if batch.pass_reco is None else np.asarray(batch.pass_reco)
    return support.fit(np.asarray(batch.reco.features)[seen])


def fit_variations(config: ConfigDict, files: dict[str, list[str]], folder: Path) -> dict[str, list[runs.Run]]:
    """The same training on files with another response, in ``folder/variations/PART/NUMBER``: {part: runs}."""
    out = {}
    for part, paths in files.items():
        for number, path in enumerate(paths):
            place = Path(cli.check_writable_dir(folder / "variations" / part / str(number)))
            cli.say(f"variation {part}: {path}")
            varied = configs.override(config, [("data.path", path)])
            out.setdefault(part, []).append(fit(varied, place)[0])
    return out


def variation_files(config: ConfigDict) -> dict[str, list[str]]:
    """{part: data files} of the config's section ``variations``, each of which must be there.

    Raises: InputError for a part without a file, or one of the names that other parts of a covariance have.
    """
    out = {}
    for part, paths in problems.plain(config.get("variations") or {}).items():
        paths = [paths] if isinstance(paths, str) else list(paths)
        if not paths or part in OWN_PARTS:
            raise InputError(f"variations.{part}: expected data files under a name of its own, found {paths}")
        out[part] = [str(resolve(path)) for path in paths]
    return out


def train(config: ConfigDict, workdir: str, title: str = "") -> dict:
    """Train, or go on where an earlier start left off; returns the metrics on the test events, in the first of
    several processes; nothing in the others.

    The config's ``experiment`` names one of ``experiments.EXPERIMENTS``, done on the same test events; a run that is
    there already is not trained again for it. Its section ``variations``, {part: data files}, names files with
    another response, prior or model: each is trained on as well, and the report holds the covariance with their
    shifts as parts.
    """
    begin = time.monotonic()
    if str(workdir).startswith("model:"):
        raise InputError(f"--workdir: expected a folder to train in, found {workdir}, which ships with the package")
    files = variation_files(config)
    name = config.get("experiment", "")
    experiments.check_name(name)
    # where a search would look, what is varied and what is done with it afterwards is no part of a run
    usual = ("products",) if config.get("products") == configs.RUN["products"] else ()
    for section in ("tune", "variations", "experiment", *usual):
        config = configs.without(config, section)
    folder = Path(cli.check_writable_dir(workdir))
    run, test = fit(config, folder)
    trained = time.monotonic() - begin
    varied = fit_variations(config, files, folder) if files else None
    processes.leave()
    if not processes.leads():
        return {}
    rows = {"training": f"{trained:.0f} s"}
    if hasattr(run.state, "params"):
        rows = {"parameters": f"{count(run.state.params):,}", **rows}
    metrics = {}
    if len(test) >= 2:
        history = callbacks.read_metrics(str(folder / "metrics.jsonl"))
        chosen, seed = test[: config.evaluation.events], config.training.seed
        metrics = evaluate(
            run, chosen, folder / "report", config.evaluation.draws, seed, title, history, cli.say, varied
        )
        rows |= headline(metrics)
        rows["report"] = str(folder / "report" / "index.html")
        rows |= experiments.carry_out(name, run, chosen, folder, config.evaluation.draws, seed)
    rows["all in all"] = f"{time.monotonic() - begin:.0f} s"
    card.write(folder / "model_card.md", run.config, run.about, metrics, run.problem, run.density_of)
    rows["model card"] = str(folder / "model_card.md")
    cli.summary(title or config.method, rows)
    return metrics


def main(argv=None) -> int:
    """Entry point; returns the exit status."""
    parser = cli.parser("train", "Train an unfolding method.", EXAMPLE, config=True, workdir=False, data=False)
    parser.add_argument("--coordinator", metavar="HOST:PORT", help="where the first of several processes listens")
    parser.add_argument("--processes", type=int, metavar="N", help="how many processes train together")
    parser.add_argument("--process-id", type=int, metavar="I", help="which of them this one is, from 0")

    def body(args):
        processes.join(args.coordinator, args.processes, args.process_id)
        config = configs.load(args.config, args.overrides, configs.RUN)
        if args.data:
            config = configs.override(config, [("data.path", args.data)])
        name = configs.name_of(args.config)
        train(config, args.workdir or os.path.join("runs", name), title=name)

    return cli.run_command(body, parser, argv)


if __name__ == "__main__":
    raise SystemExit(main())
