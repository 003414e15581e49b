"""The search behind ``jaxunfold.tune``: ranges of a config, one trial, and a study that outlives its process.

Settings are proposed by a tree-structured Parzen estimator (Bergstra et al., NeurIPS 2011) and judged by the
validation loss after ``config.tune.epochs``; a trial whose loss is above the median of the earlier ones at the same
epoch is stopped. Both are optuna's. The sampler starts anew for every trial, seeded by the number of finished ones,
so that an interrupted search proposes what an uninterrupted one does.
"""

import contextlib
import fcntl
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import jax
import optuna
from ml_collections import ConfigDict
from optuna import distributions
from optuna.trial import TrialState

from jaxunfold import config as configs
from jaxunfold import problem as problems
from jaxunfold import run as runs
from jaxunfold.errors import InputError
from jaxunfold.networks import count
from jaxunfold.report.tuning import Trial
from jaxunfold.training.loop import NonFiniteError, make_loop

SECTIONS = ("model", "optimizer", "training")
KINDS = '("int", low, high), ("float", low, high), ("log", low, high) or ("choice", (a, b, ...))'
STARTUP = 4
"""Finished trials before one is stopped."""
WARMUP = 2
"""Epochs before one is stopped: a running mean of the weights is not warm after the first."""
MIN_FOR_IMPORTANCES = 10
ENDED = (TrialState.COMPLETE, TrialState.PRUNED)


class Space(NamedTuple):
    """What is searched: the config without its section ``tune``, {key: range}, and the config's own values."""

    config: ConfigDict
    distributions: dict[str, distributions.BaseDistribution]
    own: dict[str, Any]

    @property
    def kinds(self) -> dict[str, str]:
        """{key: "linear", "log" or "choice"}."""
        return {
            key: "choice" if hasattr(d, "choices") else "log" if d.log else "linear"
            for key, d in self.distributions.items()
        }


def space_of(config: ConfigDict) -> Space:
    """The search that ``config.tune`` asks for: epochs of a trial, and ranges in the place of values.

    Raises: InputError for no ranges, an unknown key, an empty range, or one without the config's own value.
    """
    section = config.get("tune")
    if not isinstance(section, ConfigDict) or not section.get("ranges"):
        raise InputError("config.tune.ranges: expected a range for at least one key, found none")
    base = configs.without(config, "tune")
    if epochs := section.get("epochs", 0):
        base = configs.override(base, [("training.epochs", repr(epochs))])
    found, own = {}, {}
    for key, given in _flat(section.ranges.to_dict()).items():
        if key.split(".")[0] not in SECTIONS or key == "training.epochs":
            allowed = ", ".join(SECTIONS)
            raise InputError(f"config.tune.ranges: expected keys of {allowed} but training.epochs, found {key}")
        try:
            own[key] = configs.value_of(base, key)
        except InputError as error:
            raise InputError(f"config.tune.ranges.{key}: {error}") from error
        found[key] = _distribution(key, given, own[key])
        for value in getattr(found[key], "choices", ()):
            try:
                configs.override(base, [(key, repr(value))])
            except InputError as error:
                raise InputError(f"config.tune.ranges.{key}: {error}") from error
    return Space(base, found, own)


def _flat(tree: Mapping, prefix: str = "") -> dict[str, Any]:
    out = {}
    for name, item in tree.items():
        out |= _flat(item, f"{prefix}{name}.") if isinstance(item, Mapping) else {prefix + name: item}
    return out


def _distribution(key: str, given: Any, own: Any) -> distributions.BaseDistribution:
    """optuna's form of a range. Raises: InputError that names the key."""
    where = f"config.tune.ranges.{key}"
    kind, *values = given if isinstance(given, tuple | list) and given else (None,)
    whole = isinstance(own, int) and not isinstance(own, bool)
    number = whole or isinstance(own, float)
    make = {
        "int": distributions.IntDistribution,
        "float": distributions.FloatDistribution,
        "log": lambda *x: (distributions.IntDistribution if whole else distributions.FloatDistribution)(*x, log=True),
        "choice": distributions.CategoricalDistribution,
    }.get(kind)
    if make is None or len(values) != (1 if kind == "choice" else 2):
        raise InputError(f"{where}: expected {KINDS}, found {given!r}")
    if kind == "choice":
        if not isinstance(values[0], tuple | list) or not values[0]:
            raise InputError(f"{where}: expected at least one choice, found {values[0]!r}")
        if any(not isinstance(x, bool | int | float | str) for x in values[0]):
            raise InputError(f"{where}: expected numbers and words to choose from, found {values[0]!r}")
    elif not number or (whole and kind == "float"):
        raise InputError(f"{where}: {kind!r} does not fit the config's own value {own!r}")
    elif any(isinstance(x, bool) or not isinstance(x, int if whole else int | float) for x in values):
        raise InputError(f"{where}: expected {'integers' if whole else 'numbers'} as ends, found {given!r}")
    try:
        out = make(*values)
    except (TypeError, ValueError) as error:
        raise InputError(f"{where}: {given!r} is empty or no range ({error})") from error
    if not (own in out.choices if kind == "choice" else out.low <= own <= out.high):
        raise InputError(f"{where}: expected a range with the config's own value {own!r} in it, found {given!r}")
    return out


def applied(space: Space, parameters: Mapping[str, Any]) -> ConfigDict:
    """The config with a trial's parameters. Raises: InputError if a value does not fit its key."""
    return configs.override(space.config, [(key, repr(value)) for key, value in parameters.items()])


def rounded(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters with floats of four digits, as a trial uses them and as they are printed."""
    return {key: float(f"{x:.4g}") if isinstance(x, float) else x for key, x in parameters.items()}


def check_ends(space: Space, run: runs.Run, source: Any, valid: Any) -> None:
    """Build the method and the loop at both ends of every range, or with every choice, before any training.

    Raises: InputError that names the range.
    """
    for key, found in space.distributions.items():
        for value in getattr(found, "choices", None) or (found.low, found.high):
            try:
                build(applied(space, {key: value}), run, source, valid, ())
            except InputError as error:
                raise InputError(f"config.tune.ranges.{key}: {value!r} is refused ({error})") from error


def build(config: ConfigDict, run: runs.Run, source: Any, valid: Any, watchers: tuple) -> tuple:
    """(method, loop) of a config on data that are encoded already; the loop keeps no checkpoints."""
    settings = problems.plain(config.training)
    settings.pop("patience")
    loop = make_loop(None, source, valid, callbacks=watchers, **{**settings, "select": "last"})
    return runs.assemble(config, run.problem, run.fitted, total_steps=loop.total_steps).method, loop


def measure(config: ConfigDict, run: runs.Run, source: Any, valid: Any, report: Callable) -> tuple[float, int]:
    """(validation loss, number of parameters) of one training.

    Args:
      report: Called with (epochs done, validation loss); what it raises ends the training.
    The loss is the last epoch's, or the lowest where ``training.select`` is "best". A method of several stages is
    judged by its last one; their epochs are counted through.
    """
    losses = []

    def watch(event):
        if event.kind == "epoch":
            if "loss" not in event.valid:
                raise InputError("data.valid: expected a validation loss to tune by, found none")
            losses.append(event.valid["loss"])
            report(len(losses), losses[-1])

    method, loop = build(config, run, source, valid, (watch,))
    state = method.fit(jax.random.key(config.training.seed), loop)
    if not losses:
        raise InputError(f"config.method: {config.method!r} is not trained epoch by epoch, there is nothing to tune")
    loss = min(losses) if config.training.select == "best" else losses[-1]
    return float(loss), count(getattr(state, "params", state))


@contextlib.contextmanager
def open_study(folder: Path, config: ConfigDict, own: Mapping[str, Any], data: str) -> Iterator[optuna.Study]:
    """The study of a folder, new or as it was left; a trial that was interrupted will be started again.

    Args:
      config: With its section ``tune``. own: Parameters of the first trial. data: Fingerprint of the data file.
    Raises: InputError if the folder has a run, another process's study, or one of another config or other data.
    """
    if (folder / "problem.json").exists():
        raise InputError(f"{folder}: holds a trained run; choose another --workdir")
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    with open(folder / "study.lock", "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise InputError(f"{folder}: another process is tuning here") from error
        try:
            storage = optuna.storages.RDBStorage(f"sqlite:///{(folder / 'study.db').absolute()}")
            pruner = optuna.pruners.MedianPruner(n_startup_trials=STARTUP, n_warmup_steps=WARMUP)
            study = optuna.create_study(storage=storage, study_name="tune", pruner=pruner, load_if_exists=True)
        except Exception as error:  # of sqlalchemy, optuna or the disk, by how the file is broken
            raise InputError(f"{folder / 'study.db'}: not a study that can be read ({error})") from error
        refuse_another(folder, study, config, data)
        for trial in study.get_trials(states=(TrialState.RUNNING,)):
            study.tell(trial.number, state=TrialState.FAIL)
            study.enqueue_trial(trial.params)
        if not study.trials:
            study.enqueue_trial(dict(own))
        try:
            yield study
        finally:
            storage.remove_session()
            storage.engine.dispose()


def refuse_another(folder: Path, study: optuna.Study, config: ConfigDict, data: str) -> None:
    """Raise InputError where a study is of another config or other data; a new one gets these."""
    identity = {"config": configs.to_json(config), "data": data}
    if not study.user_attrs:
        study.set_user_attr("identity", identity)
        return
    earlier = study.user_attrs["identity"]
    if changed := configs.diff(configs.from_json(earlier["config"]), config, ignore=("data.path",)):
        raise InputError(f"{folder}: holds a study of another config ({changed[0]}); choose another --workdir")
    if earlier["data"] != data:
        raise InputError(f"{folder}: holds a study on another data file; choose another --workdir")


def search(
    study: optuna.Study,
    space: Space,
    train: Callable,
    trials: int,
    seed: int,
    seconds: float = float("inf"),
    note: Callable[..., None] = lambda n=1, note="": None,
) -> None:
    """Go on until the study has so many trials that ended, or for so many seconds.

    Args:
      train: (config, report) -> (loss, number of parameters).
      note: Called with (trials done since the last call, a few words on what goes on).
    """
    begin = time.monotonic()
    while (done := len(ended(study))) < trials and time.monotonic() - begin < seconds:
        study.sampler = optuna.samplers.TPESampler(seed=seed + done, multivariate=True)
        trial = study.ask(space.distributions)
        start, epochs = time.monotonic(), space.config.training.epochs

        def report(epoch, loss, trial=trial, epochs=epochs):
            trial.report(loss, epoch)
            note(0, f"trial {trial.number}: epoch {epoch}/{epochs}, loss {loss:.4f}")
            if epoch < epochs and trial.should_prune():
                raise optuna.TrialPruned

        words = ""
        try:
            loss, parameters = train(applied(space, rounded(trial.params)), report)
            trial.set_user_attr("parameters", parameters)
        except (optuna.TrialPruned, NonFiniteError) as error:
            diverged = isinstance(error, NonFiniteError)
            trial.set_user_attr("diverged", diverged)
            words, state, loss = "diverged" if diverged else "pruned", TrialState.PRUNED, None
        else:
            words, state = f"loss {loss:.4f}", TrialState.COMPLETE
        finally:
            # every trial compiles programs of its own
            jax.clear_caches()
        trial.set_user_attr("seconds", time.monotonic() - start)
        study.tell(trial, loss, state=state)
        note(1, f"trial {trial.number}: {words}")


def ended(study: optuna.Study) -> list[Trial]:
    """The trials that ended, in order; not those that were interrupted."""
    out = []
    for t in study.get_trials(deepcopy=False, states=ENDED):
        seconds = t.user_attrs.get("seconds", 0.0)
        out.append(Trial(t.number, rounded(t.params), t.value, t.state is TrialState.PRUNED, seconds))
    return out


def importances(study: optuna.Study) -> dict[str, float]:
    """Share of each setting in the variance of the loss (fANOVA; Hutter, Hoos, Leyton-Brown, ICML 2014).

    Over the trials that were not pruned; {} where they are too few or all alike.
    """
    finished = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    if len(finished) < MIN_FOR_IMPORTANCES or len({t.value for t in finished}) == 1:
        return {}
    evaluator = optuna.importance.FanovaImportanceEvaluator(seed=0)
    return dict(optuna.importance.get_param_importances(study, evaluator=evaluator))
