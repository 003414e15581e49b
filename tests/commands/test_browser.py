"""A browser opens the report and pages of the documentation: nothing in its console, nothing missing.

Skipped where no headless Chromium is found. No network is needed: pages come from this machine, and a request to any
other, which would go through the recording proxy, fails the test.
"""

import functools
import http.server
import os
import re
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome", "chrome")
BROWSER = next(filter(None, map(shutil.which, NAMES)), None)
# one of each kind; that no page misses a file is what the strict build checks
PAGES = ("", "methods/", "reference/", "families/adversarial/", "notebooks/4_five_methods/", "benchmarks/quality/")
pytestmark = pytest.mark.skipif(BROWSER is None, reason="no headless Chromium found")


class Handler(http.server.SimpleHTTPRequestHandler):
    """Files of a folder; what is not there, or is asked of another server, is noted."""

    def do_CONNECT(self):
        self.send_error(501)

    def send_error(self, code, *args):
        self.server.failed.append(f"{code} {self.path}")
        super().send_error(code, *args)

    def log_message(self, *args):
        pass


@pytest.fixture
def opens(tmp_path):
    """opens(folder, page): the browser's DOM and everything that went wrong, as lines."""
    servers = []

    def visit(folder, page="index.html"):
        server = http.server.ThreadingHTTPServer(
            ("127.0.0.1", 0), functools.partial(Handler, directory=os.fspath(folder))
        )
        server.failed = []
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        here = f"http://127.0.0.1:{server.server_port}"
        argv = [
            BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr", "--v=0",
            f"--user-data-dir={tmp_path / 'profile'}", f"--proxy-server={here}", "--virtual-time-budget=3000",
            "--dump-dom", f"{here}/{page}",
        ]  # fmt: skip
        done = subprocess.run(argv, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stderr
        console = re.findall(r"INFO:CONSOLE.*?\] (.*)", done.stderr)
        return done.stdout, console + server.failed

    yield visit
    for server in servers:
        server.shutdown()
        server.server_close()


def test_faults_are_seen(tmp_path, opens):
    text = '<img src="gone.png"><img src="http://example.com/a.png"><script>console.error("oh"); nothing();</script>'
    (tmp_path / "index.html").write_text(text)
    _, wrong = opens(tmp_path)
    for part in ("oh", "nothing is not defined", "404 /gone.png", "404 http://example.com/a.png"):
        assert any(part in line for line in wrong), (part, wrong)


def test_report(table_run, opens):
    dom, wrong = opens(Path(table_run) / "report")
    assert "<svg" in dom or "<img" in dom
    assert wrong == []


def test_documentation(tmp_path, opens):
    pytest.importorskip("mkdocs")
    pytest.importorskip("mkdocstrings")
    site = tmp_path / "site"
    argv = [sys.executable, "-m", "mkdocs", "build", "--strict", "-q", "-d", str(site)]
    subprocess.run(argv, cwd=ROOT, capture_output=True, check=True)
    for page in PAGES:
        dom, wrong = opens(site, f"{page}index.html")
        assert "md-content" in dom
        assert wrong == [], page
