"""Arguments of ``jaxunfold.train`` for runs that take seconds."""

TINY = (
    "--config.model.flow.blocks=1", "--config.model.flow.hidden=8", "--config.model.condition.units=8",
    "--config.model.condition.output=4", "--config.training.batch_size=128", "--config.training.epochs=2",
    "--config.training.checkpoint_every_seconds=0.0", "--config.evaluation.draws=4",
)  # fmt: skip
TABLE = ("--config", "configs/table.py", *TINY)
MOMENTA = (
    "--config", "configs/cinn.py", *TINY, "--config.data.valid=100", "--config.data.test=0",
    "--config.data.augment=()",
)  # fmt: skip
