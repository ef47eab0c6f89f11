"""The whole proof of downloads against nginx on loopback: ``python -m tests.downloads.proof``.

What ``nox -s downloads_proof`` runs: a file of a GiB is killed ten times and resumed, the rate of
one connection is compared with curl's and with that of four, and the memory is measured.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

from tests.downloads.nginx import FileServer, file_server
from tests.downloads.relay import relay

from anyiohttp.downloads.journal import decode

MIB = 1024 * 1024
BOOT_ID = "/proc/sys/kernel/random/boot_id"
BACKENDS = ("asyncio", "uvloop", "trio")


def make_file(path: Path, size: int) -> str:
    """Write ``size`` random bytes; return their digest."""
    source, digest = random.Random(size), hashlib.sha256()
    with path.open("wb") as file:
        for _ in range(size // MIB):
            block = source.randbytes(MIB)
            digest.update(block)
            file.write(block)
    return f"sha256:{digest.hexdigest()}"


def command(backend: str, url: object, path: Path, connections: int, digest: str = "") -> list[str]:
    words = [sys.executable, "-m", "tests.downloads.child", backend, str(url), str(path)]
    return [*words, str(connections), *([digest] if digest else [])]


def complete(words: list[str]) -> dict[str, float]:
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{words}: {done.stderr[-3000:]}")
    result: dict[str, float] = json.loads(done.stdout)
    return result


def in_journal(part: Path) -> int:
    """Return how many bytes the journal says are there: what a resuming download would believe."""
    journal = part.with_name(part.name + ".journal")
    try:
        recorded = decode(journal.read_bytes(), Path(BOOT_ID).read_text().strip())
    except FileNotFoundError:
        return 0
    return recorded.written.total if recorded is not None else 0


def killed(words: list[str], part: Path, share: float, size: int) -> int:
    """Run a download and kill it when it has got a share of the file more; return what it had."""
    had = in_journal(part)
    with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
        while process.poll() is None and in_journal(part) - had < max(share * size, 1):
            time.sleep(0.002)  # another process: there is nothing to wait for but time
        if process.poll() is not None:
            assert process.stderr is not None
            raise SystemExit(f"{words} ended before it was killed: {process.stderr.read()!r}")
        process.send_signal(signal.SIGKILL)
    return in_journal(part)


def resume_after_kills(server: FileServer, size: int, target: Path, kills: int, seed: int) -> bool:
    """Kill ``anyiohttp download -x 4`` at random moments; compare what it got with what it took."""
    good = True
    chance = random.Random(seed)
    digest = make_file(server.directory / "killed.bin", size)
    part = target.with_name(target.name + ".part")
    for backend in BACKENDS:
        target.unlink(missing_ok=True)
        words = [sys.executable, "-m", "anyiohttp", "download", str(server.url / "killed.bin")]
        words += ["-o", str(target), "-x", "4", "--digest", digest, "--backend", backend]
        before, had = server.sent(), [0]
        for _ in range(kills):
            share = min(chance.uniform(0.0, 1.6 / (kills + 1)), 0.9 - had[-1] / size)
            had.append(killed(words, part, max(share, 0.0), size))
            assert not target.exists()
        subprocess.run(words, check=True, stderr=subprocess.DEVNULL)
        time.sleep(0.5)  # another process, which writes its log when a connection has ended
        times = (server.sent() - before) / size
        right = hash_of(target) == digest
        fine = right and times <= 1.05
        good &= fine
        told = ", ".join(f"{100 * count / size:.0f}" for count in had[1:])
        print(
            f"{backend:8} {size // MIB} MiB, {kills} kills at {told} %: digest "
            f"{'right' if right else 'WRONG'}, each byte sent {times:.4f} times, "
            f"{'ok' if fine else 'FAILED'}",
            flush=True,
        )
    target.unlink(missing_ok=True)
    return good


def hash_of(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(MIB):
            digest.update(block)
    return f"sha256:{digest.hexdigest()}"


def one_connection(server: FileServer, size: int, target: Path, runs: int) -> bool:
    """Compare one connection with ``curl -O``, and look at the memory.

    They take turns, and the best of each counts: what else the machine does is nobody's merit.
    """
    make_file(server.directory / "one.bin", size)
    url = server.url / "one.bin"
    curl: list[float] = []
    results: dict[str, list[dict[str, float]]] = {backend: [] for backend in BACKENDS}
    for _ in range(runs):
        curl.append(timed(["curl", "-sS", "-o", str(target), str(url)], target))
        for backend in BACKENDS:
            results[backend].append(complete(command(backend, url, target, 1)))
            target.unlink()
    good = True
    for backend in BACKENDS:
        seconds = min(result["seconds"] for result in results[backend])
        peak = max(result["peak"] for result in results[backend]) / MIB
        ratio = min(curl) / seconds
        fine = ratio >= 0.6 and peak <= 64
        good &= fine
        print(
            f"{backend:8} one connection into {target.parent}: {size / MIB / seconds:.0f} MiB/s, "
            f"curl {size / MIB / min(curl):.0f} MiB/s, ratio {ratio:.2f}, peak memory "
            f"{peak:.0f} MiB, {'ok' if fine else 'FAILED'}",
            flush=True,
        )
    return good


def timed(words: list[str], target: Path) -> float:
    target.unlink(missing_ok=True)
    began = time.monotonic()
    subprocess.run(words, check=True)
    seconds = time.monotonic() - began
    target.unlink()
    return seconds


def four_connections(server: FileServer, size: int, target: Path, rate: float) -> bool:
    """Compare four connections with one, where each has the same limited rate."""
    digest = make_file(server.directory / "four.bin", size)
    good = True
    for backend in BACKENDS:
        results = []
        with relay(server.url.port or 0, rate) as port:
            url = server.url.with_port(port) / "four.bin"
            for connections in (1, 4):
                results.append(complete(command(backend, url, target, connections, digest)))
                target.unlink()
        ratio = results[0]["seconds"] / results[1]["seconds"]
        peak = max(result["peak"] for result in results) / MIB
        fine = ratio >= 3.5 and peak <= 64
        good &= fine
        print(
            f"{backend:8} four connections of {rate / MIB:.0f} MiB/s each: {ratio:.2f} times one "
            f"({results[0]['seconds']:.1f} s, {results[1]['seconds']:.1f} s), peak memory "
            f"{peak:.0f} MiB, {'ok' if fine else 'FAILED'}",
            flush=True,
        )
    return good


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=1024, help="MiB of the file that is killed")
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    parser.add_argument("--to", type=Path, default=Path("/tmp"), help="where files are written")
    parser.add_argument("--only", default="", help="kills, one or four")
    options = parser.parse_args()
    target = options.to / f"anyiohttp-proof-{options.seed}.bin"
    print(f"seed {options.seed}")
    good = True
    with file_server() as server:
        if options.only in ("", "kills"):
            size = options.size * MIB
            good &= resume_after_kills(server, size, target, options.kills, options.seed)
        if options.only in ("", "one"):
            good &= one_connection(server, options.size * MIB, target, 5)
        if options.only in ("", "four"):
            good &= four_connections(server, 128 * MIB, target, 8 * MIB)
    print("all passed" if good else "FAILED")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
