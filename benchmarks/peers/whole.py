"""Our recipe as a user has it, from an event file to a trained run in its folder; prints the seconds it took.

python -m benchmarks.peers.whole CONFIG FOLDER [--core N] [--config.KEY=VALUE ...]
"""

import argparse
import json
import os
import time
from pathlib import Path

from benchmarks.peers.worker import peak_mib, started


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("config")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--core", type=int)
    args, words = parser.parse_known_args()
    if args.core is not None:
        os.sched_setaffinity(0, {args.core})
    from jaxunfold import config as configs
    from jaxunfold import train

    given = [word.removeprefix("--config.").split("=", 1) for word in words]
    args.folder.mkdir(parents=True, exist_ok=True)
    train.fit(configs.without(configs.load(args.config, [tuple(pair) for pair in given]), "tune"), args.folder)
    print(json.dumps({"cpu": time.process_time(), "wall": time.time() - started(), "peak_mib": peak_mib()}))


if __name__ == "__main__":
    main()
