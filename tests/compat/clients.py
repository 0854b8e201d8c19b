"""The clients that are tried, and the environments that hold them."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.environments import python_beside
from tests.older_genai import OLDER

__all__ = ["CALLS", "CLIENTS", "RETRIED", "Client", "command_of"]

CALLS = (
    "plain", "stream", "tools", "forced", "schema", "interaction", "interaction stream",
    "interaction async", "interaction background", "embedding", "upload",
)  # fmt: skip
RETRIED = "retried"
"""A plain call by a client that is told to make three attempts."""

_DRIVERS = Path(__file__).parent / "drivers"


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """A client.

    Attributes:
        title: as the page says it.
        name: of its environment.
        packages: as pip or npm take them; the newest where no version is said.
        driver: file of the script that makes its calls.
    """

    title: str
    name: str
    packages: tuple[str, ...]
    driver: str

    @property
    def of_node(self) -> bool:
        """Whether it is JavaScript."""
        return self.driver.endswith(".mjs")


CLIENTS = (
    Client(
        title="google-genai 2",
        name="google-genai-2",
        packages=(OLDER, "aiohttp"),
        driver="google_genai.py",
    ),
    Client(
        title="google-genai",
        name="google-genai",
        packages=("google-genai", "aiohttp"),
        driver="google_genai.py",
    ),
    Client(
        title="@google/genai",
        name="google-genai-node",
        packages=("@google/genai",),
        driver="google_genai_node.mjs",
    ),
    Client(title="OpenAI", name="openai", packages=("openai",), driver="openai_chat.py"),
    Client(title="LiteLLM", name="litellm", packages=("litellm",), driver="litellm_completion.py"),
    Client(
        title="LangChain",
        name="langchain",
        packages=("langchain-google-genai",),
        driver="langchain_chat.py",
    ),
    Client(
        title="LlamaIndex",
        name="llama-index",
        packages=("llama-index-llms-google-genai",),
        driver="llama_index_llm.py",
    ),
    Client(
        title="Pydantic AI",
        name="pydantic-ai",
        packages=("pydantic-ai-slim[google]",),
        driver="pydantic_ai_agent.py",
    ),
    Client(
        title="Instructor",
        name="instructor",
        packages=("instructor[google-genai]",),
        driver="instructor_client.py",
    ),
)


def command_of(client: Client, within: Path) -> tuple[Sequence[str], Mapping[str, str]]:
    """How its driver is run, with the environment made where there is none.

    Args:
        client: the client.
        within: the directory of the environments.

    Returns:
        The command, and variables of its environment.

    Raises:
        subprocess.CalledProcessError, OSError: the environment cannot be made here.
    """
    if not client.of_node:
        python = python_beside(client.name, *client.packages, within=within)
        module = client.driver.removesuffix(".py")
        return [str(python), "-m", f"tests.compat.drivers.{module}"], {}
    home = within / client.name
    if not (home / "node_modules").exists():
        home.mkdir(parents=True, exist_ok=True)
        install = ["npm", "install", "--no-fund", "--no-audit", "--prefix", str(home)]
        subprocess.run([*install, *client.packages], check=True, stdout=subprocess.DEVNULL)
    return ["node", str(_DRIVERS / client.driver)], {"COMPAT_NODE": str(home)}
