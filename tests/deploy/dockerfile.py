"""The Dockerfile as a parser reads it: stages, and in each the instructions in order."""

import io
import json
import shlex
from dataclasses import dataclass

from dockerfile_parse import DockerfileParser

from tests.servers.server import ROOT

TEXT = (ROOT / "Dockerfile").read_text()


@dataclass(frozen=True, slots=True)
class Instruction:
    """One instruction, and what it says behind its name."""

    name: str
    value: str

    @property
    def words(self) -> list[str]:
        """The words of the value; of an exec form those of its list."""
        start = self.value.find("[")
        if start >= 0 and self.name in ("CMD", "ENTRYPOINT", "HEALTHCHECK"):
            words: list[str] = json.loads(self.value[start:])
            return words
        return shlex.split(self.value)


@dataclass(frozen=True, slots=True)
class Stage:
    """What stands between one FROM and the next."""

    base: str
    name: str | None
    instructions: tuple[Instruction, ...]

    def all(self, name: str) -> list[Instruction]:
        """Return the instructions of one name, in order."""
        return [one for one in self.instructions if one.name == name]

    def last(self, name: str) -> Instruction:
        """Return the instruction that counts where a name stands several times."""
        return self.all(name)[-1]

    @property
    def environment(self) -> dict[str, str]:
        """What ENV sets, as it is written."""
        return dict(word.split("=", 1) for one in self.all("ENV") for word in one.words)


def stages(text: str = TEXT) -> list[Stage]:
    """Return the stages; the last one is the image."""
    found: list[Stage] = []
    parser = DockerfileParser(fileobj=io.BytesIO(text.encode()))
    for line in parser.structure:
        one = Instruction(line["instruction"], line["value"])
        if one.name == "FROM":
            base, *name = one.words
            found.append(Stage(base, name[1] if name else None, ()))
        elif found and one.name != "COMMENT":
            last = found.pop()
            found.append(Stage(last.base, last.name, (*last.instructions, one)))
    return found
