"""What listens on loopback gives nothing to another user of the machine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

from netsim.presenting.cluster import connect

distributed = pytest.importorskip("distributed", reason="workers need the extra sweep: pip install -e '.[sweep]'")
pytest.importorskip("cryptography", reason="workers need the extra sweep: pip install -e '.[sweep]'")
pytestmark = pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0, reason="becomes another user, which the superuser can"
)
NOBODY = 65534
INTRUDER = """
import asyncio, os, ssl, sys
from distributed import Client, Security
from distributed.comm import connect

os.setgroups([])
os.setgid({nobody})
os.setuid({nobody})

async def ask(address, **options):
    try:
        comm = await connect(address, timeout=float(sys.argv[1]), **options)
        await comm.write({{"op": "identity", "reply": True}})
        return "identity" if "workers" in await asyncio.wait_for(comm.read(), 60) else "nothing"
    except Exception as error:
        return type(error).__name__

key = Security.temporary()
answers = []
for address in sys.argv[2:]:
    plain = address.replace("tls://", "tcp://")
    answers.append(asyncio.run(ask(plain)))
    answers.append(asyncio.run(ask(address, ssl_context=key.get_connection_args("client")["ssl_context"])))
print(os.getuid(), *answers)
for process in os.environ["OWNED"].split():
    for file in ("environ", "mem", "fd", "maps"):
        try:
            path = f"/proc/{{process}}/{{file}}"
            os.listdir(path) if file == "fd" else open(path, "rb").read(1)
            print("read", file)
        except OSError:
            pass
"""


@pytest.fixture(autouse=True)
def _can_be_imported(others_read: Callable[..., None]) -> None:
    others_read("distributed", "cryptography")


def _ask_as_nobody(addresses: list[str], processes: list[int], seconds: int) -> list[str]:
    """What another user is told at each address, in plain text and with a key of its own; and what it can read.

    Refused connections are tried again for so many seconds.
    """
    environment = os.environ | {"OWNED": " ".join(map(str, processes))}
    command = [sys.executable, "-c", INTRUDER.format(nobody=NOBODY), str(seconds), *addresses]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    user, *answers = done.stdout.split()
    assert user == str(NOBODY)
    return answers


def test_another_user_gets_nothing_from_workers_of_this_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither in plain text nor with a key of one's own; and the key is nowhere to be read."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))  # other processes make folders in the shared one
    with connect(workers=1) as client:
        info = client.scheduler_info()
        addresses = [info["address"], *info["workers"]]
        answers = _ask_as_nobody(addresses, [os.getpid(), *client.run(os.getpid).values()], 1)
        scratch = list(tmp_path.glob("netsim-*"))
        assert scratch
        assert all(folder.stat().st_mode & 0o077 == 0 for folder in scratch)
        assert client.submit(int, 3).result() == 3  # it goes on all the while
    assert len(answers) == 2 * len(addresses)
    assert all(answer.endswith("Error") for answer in answers), answers


def test_a_scheduler_without_a_key_would_answer() -> None:
    """So that the refusals above are no fault of the question."""
    options = {"n_workers": 0, "host": "127.0.0.1", "dashboard_address": None}
    with distributed.LocalCluster(**options) as cluster:
        assert _ask_as_nobody([cluster.scheduler_address], [], 60)[0] == "identity"


def test_ports_of_dask_for_pages_have_none() -> None:
    """Dask opens one for the scheduler and for each worker, and answers in plain HTTP; it cannot be told not to."""
    with connect(workers=1) as client:
        info = client.scheduler_info()
        ports = [each["services"]["dashboard"] for each in (info, *info["workers"].values())]
        for port in ports:
            for page in ("", "health", "metrics", "status", "info/main/workers.html", "json/counts.json"):
                with pytest.raises(HTTPError, match="404"):
                    urlopen(f"http://127.0.0.1:{port}/{page}")
            assert json.load(urlopen(f"http://127.0.0.1:{port}/sitemap.json")) == {"paths": ["/sitemap.json"]}
    assert len(ports) == 2
