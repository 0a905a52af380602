"""A plugin of pytest that judges mutants: one session collects, and forks a child for each of them.

The tests run once as they are, which shows who reaches which line and how long that takes. Then
each mutant meets the tests of its line in a child of the process that has everything loaded
and a database made, until the first of them fails.
"""

import gc
import json
import os
import selectors
import shutil
import signal
import tempfile
import time
import warnings
from hashlib import sha256
from pathlib import Path
from typing import Any

import coverage
import pytest
from mutmut.mutation.trampoline import set_mutant_under_test

from trials._mutants_child import Child
from trials._mutants_chosen import Choice, fit, is_started

PLAN = "GATEHOUSE_MUTANTS"
# The slowest tests judge nobody: what they notice, others notice for less.
SLOWEST = 1 / 20
# A child is looked at this often. What passes between two looks counts at most twice as much, so
# that a machine that is busy elsewhere, or a run that was suspended, ends nobody.
LOOK_SECONDS = 0.5
# All that was learned is written this often, which is longer than it takes.
SAVE_SECONDS = 20.0


def pytest_configure(config: pytest.Config) -> None:
    """Judge what the plan names."""
    config.pluginmanager.register(Judge(config, json.loads(Path(os.environ[PLAN]).read_text())))


class Judge:
    """Learns which tests reach which function, and lets them judge its mutants."""

    def __init__(self, config: pytest.Config, plan: dict[str, Any]) -> None:
        self._config = config
        self._mutants: list[dict[str, Any]] = plan["mutants"]
        self._jobs = plan["jobs"]
        self._base, self._facts = plan["base"], Path(plan["facts"])
        self._verdicts = Path(plan["verdicts"]).open("a", buffering=1)  # noqa: SIM115 - to the end
        self._is_measuring = False
        self._report: pytest.TestReport | None = None
        self._choice = Choice(plan["seconds"], Path(plan["verdicts"]))
        self._coverage = coverage.Coverage(
            data_file=None,
            config_file=False,
            include=[str(Path(path).resolve()) for path in plan["paths"]],
        )
        self._coverage.set_option("run:disable_warnings", ["no-data-collected", "already-imported"])
        self._children = selectors.DefaultSelector()
        self._looked = time.monotonic()

    def pytest_collection_modifyitems(
        self, config: pytest.Config, items: list[pytest.Item]
    ) -> None:
        """Leave out what needs a real server, and cases that are many and alike."""
        chosen = set(fit(items))
        config.hook.pytest_deselected(items=[item for item in items if item not in chosen])
        items[:] = [item for item in items if item in chosen]

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Remember that a test failed or was skipped."""
        if not report.passed and self._report is None:
            self._report = report

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_call(self) -> None:
        """Tell what a test does from what its fixtures have prepared."""
        if self._is_measuring:
            self._coverage.switch_context("done")

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Run everything once as it is, then the mutants."""
        self._learn(session)
        gc.collect()
        gc.freeze()
        waiting = list(reversed(self._mutants))
        try:
            while waiting or self._children.get_map():
                while waiting and len(self._children.get_map()) < self._jobs:
                    self._start(session, waiting.pop())
                self._listen()
        finally:
            for key in list(self._children.get_map().values()):
                self._end(key, "stopped")
        return True

    def _learn(self, session: pytest.Session) -> None:
        """Find out, or remember, which lines each test reaches and how long it takes."""
        facts = json.loads(self._facts.read_text()) if self._facts.exists() else {}
        is_warm, written = False, time.monotonic()
        for item in session.items:
            of = sha256(self._base.encode() + item.path.read_bytes()).hexdigest()[:16]
            found = facts.get(item.nodeid, {})
            if found.get("of") != of or (is_started(item) and not is_warm):
                facts[item.nodeid] = {"of": of, **self._measure(session, item)}
                is_warm = is_warm or is_started(item)
                if time.monotonic() - written > SAVE_SECONDS:
                    self._facts.write_text(json.dumps(facts))
                    written = time.monotonic()
        self._facts.write_text(json.dumps(facts))
        good = [item for item in session.items if facts[item.nodeid]["is_passed"]]
        good.sort(key=lambda item: float(facts[item.nodeid]["seconds"]))
        for item in good[: len(good) - int(len(good) * SLOWEST)]:
            found = facts[item.nodeid]
            self._choice.add(item, found["seconds"], found["lines"])

    def _measure(self, session: pytest.Session, item: pytest.Item) -> dict[str, Any]:
        self._coverage.erase()
        began = time.process_time()  # what others do on the machine at the moment is no matter
        with self._coverage.collect():
            self._is_measuring = True
            self._coverage.switch_context("prepared")
            is_passed = self._run(session, item)
            self._is_measuring = False
        seconds = time.process_time() - began
        self._report = None  # what is skipped, or fails without any mutant, judges none
        data = self._coverage.get_data()
        lines = {
            os.path.relpath(path): {
                number: "done" in contexts
                for number, contexts in data.contexts_by_lineno(path).items()
            }
            for path in data.measured_files()
        }
        return {"seconds": seconds, "lines": lines, "is_passed": is_passed}

    def _run(self, session: pytest.Session, item: pytest.Item) -> bool:
        """Run a test, keep nothing of it but what belongs to the session; tell if it passed."""
        item.ihook.pytest_runtest_protocol(item=item, nextitem=session)
        return self._report is None

    def _start(self, session: pytest.Session, mutant: dict[str, Any]) -> None:
        chosen = self._choice.of(mutant)
        if not chosen:
            self._write(mutant, "survived", by="no test reaches it", tests=0, seconds=0.0)
            return
        directory = tempfile.mkdtemp(prefix="mutant-", dir=os.environ["TMPDIR"])
        reading, writing = os.pipe()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # newer Pythons warn of forks beside idle threads
            pid = os.fork()
        if pid == 0:
            self._judge(session, mutant["name"], chosen, writing, directory)
        os.close(writing)
        now = time.monotonic()
        child = Child(pid, mutant, directory, len(chosen), now)
        self._children.register(reading, selectors.EVENT_READ, child)

    def _judge(
        self,
        session: pytest.Session,
        name: str,
        tests: list[pytest.Item],
        writing: int,
        directory: str,
    ) -> None:
        """Run the tests in the child until one fails; never returns."""
        try:
            os.setpgid(0, 0)
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            os.dup2(1, 2)
            self._config._tmp_path_factory._basetemp = Path(directory)  # type: ignore[attr-defined]
            _switch_on(name)
            for item in tests:
                os.write(writing, b"\n" + item.nodeid.encode())
                if not self._run(session, item):
                    os._exit(1)
            os._exit(0)
        finally:
            os._exit(1)  # a mutant that ends the process is seen as well

    def _listen(self) -> None:
        """Wait until a child says something, and now and then look whether one hangs."""
        if not self._children.get_map():
            return
        for key, _ in self._children.select(LOOK_SECONDS):
            if said := os.read(key.fd, 65536):
                key.data.goes_on(said)
            else:
                self._end(key, None)
        passed = time.monotonic() - self._looked
        if passed < LOOK_SECONDS:
            return
        self._looked += passed
        for key in list(self._children.get_map().values()):
            if key.data.is_hung(min(passed, 2 * LOOK_SECONDS)):
                self._end(key, "timeout")

    def _end(self, key: selectors.SelectorKey, verdict: str | None) -> None:
        child: Child = key.data
        self._children.unregister(key.fd)
        os.close(key.fd)
        if verdict is not None:
            os.killpg(child.pid, signal.SIGKILL)
        _, status = os.waitpid(child.pid, 0)
        shutil.rmtree(child.directory, ignore_errors=True)
        last = child.said.decode().rpartition("\n")[2]
        if verdict is None:
            code = os.waitstatus_to_exitcode(status)
            verdict = {0: "survived", 1: "killed"}.get(code, "suspicious")
        if verdict == "killed":
            self._choice.note_kill(child.mutant["function"], last)
        if verdict != "stopped":
            by = "" if verdict == "survived" else last
            took = time.monotonic() - child.began
            self._write(child.mutant, verdict, by=by, tests=child.tests, seconds=round(took, 2))

    def _write(self, mutant: dict[str, Any], verdict: str, **more: object) -> None:
        line = {"key": mutant["key"], "name": mutant["name"], "verdict": verdict, **more}
        self._verdicts.write(json.dumps(line) + "\n")


def _switch_on(name: str) -> None:
    """Put a mutant in its function's place, here and in no program that a test starts."""
    set_mutant_under_test(name)
    os.environ.pop("MUTANT_UNDER_TEST", None)
