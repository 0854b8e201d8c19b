"""Somebody who does what a page says, in an empty folder: writes its files, calls its commands."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

from sybil import Example
from typer.testing import CliRunner

from balancer.cli import app
from tests.waiting import GIVE_UP_S

from .examples import COMMAND

__all__ = ["Reader"]

ROOT = Path(__file__).parents[2]
_VERDICTS = (0, 1, 3)
"""Of commands that judge: what they found is no matter of the page."""
_NONE_CHOSEN = 5
"""Of pytest: the page shows how tests are chosen, and has none of these."""
_LESS = {
    "run": ("--replications", "1", "--quiet"),
    "compare": ("--replications", "2", "--quiet"),
    "gate": ("--replications-max", "10", "--quiet"),
    "search": ("--examples", "2", "--replications", "2"),
    "backtest": ("--replications", "2"),
    "tune": ("--trials", "6"),
}
"""What makes each quicker; the tests marked `pages` do without."""
_JUDGES = (*_LESS, "replay", "load")
_WORD = re.compile(r"[A-Za-z]{3,}")
_SERVERS = ("open-balancer mock-gemini", "open-balancer serve", "open-balancer demo")
_READY = ("serves on ", "admin API", "Ctrl-C ends it")


class Reader:
    """Works through one page.

    Args:
        folder: to work in; it is the current one.
        whole: whether commands are called exactly as written, and slow blocks too.
    """

    def __init__(self, folder: Path, *, whole: bool) -> None:
        self._folder = folder
        self._whole = whole
        self._file = ""
        self._slow = self._background = False
        self._prints: str | None = None
        self._told: list[tuple[str, int, str]] = []
        self._exports: dict[str, str] = {}
        self._servers: dict[str, subprocess.Popen[str]] = {}
        self.commands = 0

    @property
    def evaluators(self) -> dict[str, Any]:
        """Of `tests.pages.examples.parsed`."""
        return {
            "file": self._name_file,
            "given": self._given,
            "background": self._go_on,
            "slow": self._take_time,
            "prints": self._expect,
            "commands": self._commands,
            "text": self._text,
        }

    @property
    def exported(self) -> tuple[str, ...]:
        """Variables that the page sets."""
        return tuple(self._exports)

    def close(self) -> None:
        """End what goes on."""
        for server in self._servers.values():
            _end(server)

    # --- marks ------------------------------------------------------------------------------

    def _name_file(self, example: Example) -> None:
        self._file = example.parsed

    def _given(self, example: Example) -> None:
        if self._slow and not self._whole:
            return
        for line in example.parsed.splitlines():
            if line.startswith("export "):
                self._call(line)
            elif line.startswith(_SERVERS):
                self._serve(line)
            else:
                code, said = self._bash(line)
                assert code == 0, f"{line}\n{said}"

    def _go_on(self, _example: Example) -> None:
        self._background = True

    def _take_time(self, _example: Example) -> None:
        self._slow = True

    def _expect(self, example: Example) -> None:
        self._prints = example.parsed

    # --- blocks -----------------------------------------------------------------------------

    def _text(self, example: Example) -> None:
        """A file where it has a name, else output, or a part of a file."""
        name, self._file = self._file, ""
        if name:
            path = self._folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(example.parsed.rstrip("\n") + "\n", encoding="utf-8")
        expected, self._prints = self._prints, None
        if expected is not None and self._told:
            self._compare(int(expected or 0), example.parsed)

    def _compare(self, expected: int, shown: str) -> None:
        """Hold what the last block's commands printed against what the page shows of it.

        Words only: numbers are of the machine that wrote the page, and `…` stands for the rest.
        """
        said = " ".join(text for _, _, text in self._told)
        missing = [word for word in _WORD.findall(shown) if word not in said]
        codes = {command: code for command, code, _ in self._told}
        assert not missing, f"{codes}: {missing} are shown and not printed:\n{said}"
        assert set(codes.values()) == {expected}, f"{codes}: the page says {expected}\n{said}"

    def _commands(self, example: Example) -> None:
        slow, self._slow = self._slow, False
        background, self._background = self._background, False
        self._told = []
        if slow and not self._whole:
            return
        for command in _lines(example.parsed):
            self.commands += 1
            if background and any(server in command for server in _SERVERS):
                self._serve(command)
            else:
                self._call(command)

    def _call(self, command: str) -> None:
        words = shlex.split(command, comments=True)
        if words[0] == "export":
            for word in words[1:]:
                name, _, value = word.partition("=")
                self._exports[name] = os.environ[name] = _expanded(value)
            return
        if "pip" in words[:2]:
            _check_install(command)
            return
        if words[0] in ("make", "git"):
            _check_target(words)
            return
        words[0] = words[0].removeprefix(".venv/bin/")
        shell = self._whole or words[0] != "open-balancer" or _needs_shell(command)
        code, said = self._bash(command) if shell else self._in_here(words[1:])
        expected: tuple[int, ...] = (0,)
        if words[0] == "pytest":
            chosen = {"-k", "-m"}.intersection(words)
            expected = (*_VERDICTS, _NONE_CHOSEN) if chosen else _VERDICTS
        elif len(words) > 1 and words[1] in _JUDGES:
            expected = _VERDICTS
        if self._whole or shell or words[1] not in _LESS:
            self._told.append((command, code, said))
        assert code in expected, f"{command}\nexit code {code}\n{said}"

    def _in_here(self, words: list[str]) -> tuple[int, str]:
        """Call the command in this process, which has imported everything already."""
        done = CliRunner().invoke(app, [*words, *_LESS.get(words[0], ())])
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        return done.exit_code, done.output

    def _bash(self, command: str) -> tuple[int, str]:
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", command],
            cwd=self._folder,
            env=self._environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout + done.stderr

    def _serve(self, command: str) -> None:
        """Start a server in place of the one before, and wait until it says that it serves."""
        (kind,) = [each for each in _SERVERS if each in command]
        # A demo listens where a service does.
        alike = {kind} if "mock" in kind else set(_SERVERS[1:])
        for other in alike & set(self._servers):
            _end(self._servers.pop(other))
        server = subprocess.Popen(
            ["bash", "-c", f"exec env {command.rstrip('& ')}"],
            cwd=self._folder,
            env=self._environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._servers[kind] = server
        assert server.stdout is not None
        said = ""
        while not any(word in said for word in _READY):
            line = server.stdout.readline()
            assert line, f"{command} ended: {said}"
            said += line

    def _environment(self) -> dict[str, str]:
        bin_folder = self._folder / ".venv" / "bin"
        bin_folder.mkdir(parents=True, exist_ok=True)
        for name, module in (("open-balancer", "balancer.cli"), ("pytest", "pytest")):
            path = bin_folder / name
            path.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m {module} "$@"\n')
            path.chmod(0o755)
        (bin_folder / ".curlrc").write_text("silent\nshow-error\nfail\n")
        return {
            **os.environ,
            **self._exports,
            "PATH": f"{bin_folder}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            "COLUMNS": "120",
            "CURL_HOME": str(bin_folder),
        }


def _end(server: subprocess.Popen[str]) -> None:
    server.terminate()
    server.communicate(timeout=GIVE_UP_S)


def _lines(text: str) -> list[str]:
    """The commands of a block, each in one line; their output is left out."""
    joined = re.sub(r"\\\n\s*", " ", text)
    return [line for line in joined.splitlines() if COMMAND.match(line)]


def _needs_shell(command: str) -> bool:
    """Whether a command is more than words: it has a pipe, a redirection or a variable."""
    signs = shlex.shlex(command, posix=False, punctuation_chars=True)
    return "$" in command or any(set(sign) <= set("|>&;<") for sign in signs)


def _expanded(value: str) -> str:
    """What a shell makes of a value; a place for a secret is none."""
    found = re.fullmatch(r"\$\((.*)\)", value)
    if found is None:
        return value
    return subprocess.run(  # noqa: S602
        found[1], shell=True, capture_output=True, text=True, check=True
    ).stdout.strip()


def _check_install(command: str) -> None:
    """Extras that are asked for are there. Tests install nothing: those of the wheel do."""
    asked = re.findall(r"\[([\w,-]+)\]", command)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    for extra in ",".join(asked).split(","):
        assert not extra or extra in project["optional-dependencies"], command
    assert "'.[" in command or ".whl" in command or "pip install ." in command, (
        f"{command}: finds nothing, as the package is not published"
    )


def _check_target(words: list[str]) -> None:
    """A target of the Makefile is there; its recipes are what the tests are run by."""
    if words[0] == "make":
        text = (ROOT / "Makefile").read_text(encoding="utf-8")
        assert re.search(rf"^{words[1]}:", text, re.MULTILINE), words
