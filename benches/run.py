#!/usr/bin/env python3
"""Whole-process measurements: our programs against the barest ones that do the same work.

    run.py [ROW ...] [--records N] [--runs N] [--large N] [--bin DIR] [--json FILE]

Every ratio comes from one run: A and B take turns, and the medians are compared. Programs that
are not there are skipped and said so. `run.py --list` names the rows.
"""

import argparse
import contextlib
import functools
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from pathlib import Path

# What is measured. {url}, {urls} and {dir} are put in; a {urls} stands for several arguments.
# {resources} and {connections} are those of a row about ResourceSync.
PROGRAMS = {
    "download": ["bare-download", "{url}"],
    "download many": ["bare-download", "{urls}"],
    "scan": ["bare-scan", "{url}"],
    "insert": ["bare-insert", "{url}", "{dir}/bare.db"],
    "peer": ["examples/peer-harvest", "{url}"],
    "records": ["harvester", "oai", "records", "{url}", "--format", "oai_dc"],
    "harvest": ["harvester", "harvest", "{url}", "--db", "sqlite:{dir}/harvest.db"],
    "harvest many": ["harvester", "harvest", "{urls}", "--db", "sqlite:{dir}/harvest.db"],
    "get": ["bare-get", "{url}", "{resources}", "{connections}"],
    "baseline": [
        *("harvester", "resync", "baseline", "{url}", "{dir}/files"),
        *("--concurrency", "{connections}"),
    ],
    "incremental": ["harvester", "resync", "incremental", "{url}", "{dir}/files"],
    "plan": ["harvester", "resync", "baseline", "{url}", "{dir}/files", "--dry-run"],
    "audit": ["harvester", "resync", "audit", "{url}", "{dir}/files"],
    "marc": ["examples/marc-read", "{file}"],
    "marc record": ["examples/marc-read", "{file}", "record"],
    "yaz line": ["yaz-marcdump", "-i", "marcxml", "-o", "line", "{file}"],
    "yaz check": ["yaz-marcdump", "-i", "marcxml", "-n", "{file}"],
}
# What a database holds afterwards, one line a record; run where completeness is part of the row.
CONTENTS = {"harvest": ["harvester", "records", "--db", "sqlite:{dir}/harvest.db"]}
MB = 1 << 20


class Server:
    """A bench-server on a free port, stopped by closing its standard input."""

    PROGRAM = "bench-server"

    def __init__(self, *options, bind="127.0.0.1"):
        command = [program_path(self.PROGRAM), "--bind", bind, *map(str, options)]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.url = self.process.stdout.readline().strip()
        if not self.url:
            sys.exit(f"{' '.join(command)}: did not start")

    def ask(self, path):
        with urllib.request.urlopen(self.url.removesuffix("/oai") + path) as answer:
            return json.load(answer)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait()


class Source(Server):
    """The same, a resync-server."""

    PROGRAM = "resync-server"

    def port(self):
        return self.url.rpartition(":")[2]


class Run:
    """One finished process."""

    def __init__(self, wall, status, usage, memory, lines):
        self.wall = wall
        self.status = status
        self.user, self.sys = usage.ru_utime, usage.ru_stime
        # At the peak, and of that what no file on the disk stands behind.
        self.memory, self.own = memory
        self.lines = lines
        # Records in the database, where that was looked at.
        self.stored = None


class Peak(threading.Thread):
    """Watches a process's peak memory, in bytes.

    A child's `ru_maxrss` starts from that of the process that spawned it, so it is believed only
    where it is larger; below that the last high-water mark seen before the end is. What is the
    process's own is known by looking, and only where there is `/proc`.
    """

    def __init__(self, pid):
        super().__init__(daemon=True)
        self.status = Path(f"/proc/{pid}/status")
        self.own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        self.seen = self.seen_own = 0
        self.ended = threading.Event()
        self.start()

    def run(self):
        while not self.ended.wait(0.02):
            try:
                lines = self.status.read_text().splitlines()
            except OSError:
                return
            seen = {l.split(":")[0]: int(l.split()[1]) for l in lines if l.startswith(("VmHWM", "RssAnon"))}
            self.seen = seen.get("VmHWM", self.seen)
            self.seen_own = max(self.seen_own, seen.get("RssAnon", 0))

    def bytes(self, usage):
        self.ended.set()
        self.join()
        peak = usage.ru_maxrss if usage.ru_maxrss > self.own or not self.seen else self.seen
        # Kilobytes on Linux, bytes on macOS.
        unit = 1 if sys.platform == "darwin" else 1024
        return peak * unit, self.seen_own * unit


def program_path(name):
    """Ours, or that of the system."""
    path = str(OPTIONS.bin / name)
    return path if os.path.exists(path) else shutil.which(name) or path


@functools.cache
def available(name):
    program, subcommand = PROGRAMS[name][:2]
    if shutil.which(program_path(program)) is None:
        return False
    if subcommand != "resync":
        return True
    asked = subprocess.run([program_path(program), subcommand, "--help"], capture_output=True)
    return asked.returncode == 0


def folder(in_memory=False):
    """A fresh one, for one run or for several that follow one another."""
    memory = Path("/dev/shm")
    where = OPTIONS.tmp or (memory if in_memory and memory.is_dir() else None)
    return tempfile.TemporaryDirectory(prefix="bench-", dir=where)


def run(name, urls, count=False, inside=None, **values):
    """Runs a program to its end, its standard output read through a pipe as a consumer would.

    `count` looks into the database, or among the files, afterwards; `inside` is a folder that
    exists, instead of a fresh one.
    """
    in_memory = PROGRAMS[name][1] == "resync"
    with contextlib.nullcontext(inside) if inside else folder(in_memory) as directory:
        command = []
        for word in PROGRAMS[name]:
            if word == "{urls}":
                command += urls
            else:
                command.append(word.format(url=next(iter(urls), ""), dir=directory, **values))
        command[0] = program_path(command[0])
        with tempfile.TemporaryFile() as errors:
            start = time.monotonic()
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors
            )
            peak = Peak(process.pid)
            lines, last = 0, b"\n"
            while block := os.read(process.stdout.fileno(), 1 << 16):
                lines += block.count(b"\n")
                last = block[-1:]
            _, status, usage = os.wait4(process.pid, 0)
            wall = time.monotonic() - start
            status = process.returncode = os.waitstatus_to_exitcode(status)
            result = Run(wall, status, usage, peak.bytes(usage), lines + (last != b"\n"))
            process.stdout.close()
            if result.status != 0:
                errors.seek(0)
                text = errors.read().decode(errors="replace").strip().splitlines()
                print(f"  {name} exited with {result.status}: {' | '.join(text[-3:])}")
        if count and name in CONTENTS:
            command = [word.format(dir=directory) for word in CONTENTS[name]]
            command[0] = program_path(command[0])
            listed = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
            result.stored = listed.stdout.count(b"\n")
        elif count:
            result.stored = sum(1 for _ in Path(directory, "files").rglob("*.xml"))
    return result


def alternate(runs, values=None, **programs):
    """Runs each program in turn, `runs` times; a list of runs each. `programs`: name → urls."""
    results = {name: [] for name in programs}
    for _ in range(runs):
        for name, urls in programs.items():
            results[name].append(run(name, urls, **(values or {})))
    for name, taken in results.items():
        show(name, taken)
    return results


def median(runs, what):
    return statistics.median(getattr(one, what) for one in runs)


def show(name, runs):
    walls = [one.wall for one in runs]
    print(
        f"  {name:16} wall {median(runs, 'wall'):7.3f} s ({min(walls):.3f}–{max(walls):.3f})"
        f"  user {median(runs, 'user'):6.2f}  sys {median(runs, 'sys'):6.2f}"
        f"  memory {median(runs, 'memory') / MB:6.1f} MB  lines {runs[-1].lines}"
    )


TABLE = []


def note(row, figure, text, limit, met):
    TABLE.append({"row": row, "figure": figure, "value": text, "limit": limit, "met": met})


def succeeded(*lists):
    """A program that fails is fast and small; that does not count."""
    return all(one.status == 0 for runs in lists for one in runs)


def note_speed(row, figure, ours, bare, least):
    ratio = median(bare, "wall") / median(ours, "wall")
    note(row, figure, f"{ratio:.2f}", f"≥ {least}", succeeded(ours, bare) and ratio >= least)


def wanted(row, *names):
    """The names that can be run; says which cannot."""
    missing = [name for name in names if not available(name)]
    for name in missing:
        path = program_path(PROGRAMS[name][0])
        subcommand = " resync" if PROGRAMS[name][1] == "resync" else ""
        print(f"  NOT MEASURED: {name}, there is no {path}{subcommand}")
        note(row, f"{name} NOT MEASURED", f"no {path}{subcommand}", "", None)
    return [name for name in names if name not in missing]


def together(row, server, *names, **values):
    return alternate(OPTIONS.runs, values, **{n: [server.url] for n in wanted(row, *names)})


def row_floors(row):
    """The bare programs, and the peer, on the same list; no limits."""
    with Server("--records", OPTIONS.records, "--no-end-token") as server:
        results = together(row, server, "download", "scan", "insert", "peer")
    for name, runs in results.items():
        note(row, name, f"{median(runs, 'wall'):.3f} s", "", None)


def row_records(row):
    """`oai records` to a pipe, against download + bare scan in a second thread."""
    with Server("--records", OPTIONS.records) as server:
        results = together(row, server, "scan", "records")
    if "records" in results:
        note_speed(row, "oai records : bare-scan", results["records"], results["scan"], 0.8)
        count = results["records"][-1].lines
        note(row, "lines", f"{count}", f"= {OPTIONS.records}", count == OPTIONS.records)
        memory = max(one.memory for one in results["records"]) / MB
        note(row, "peak memory", f"{memory:.1f} MB", "≤ 32 MB", memory <= 32)


def row_harvest(row):
    """`harvest` into SQLite, against download + slice + insert."""
    with Server("--records", OPTIONS.records) as server:
        results = together(row, server, "insert", "harvest")
        if "harvest" in results:
            note_speed(row, "harvest : bare-insert", results["harvest"], results["insert"], 0.8)
            stored = run("harvest", [server.url], count=True).stored
            limit = f"= {OPTIONS.records}"
            note(row, "records stored", f"{stored}", limit, stored == OPTIONS.records)


def row_memory(row):
    """Peak memory of lists of 10 000 records, of ten times as many, and of a long one."""
    names = wanted(row, "records", "harvest") or ["scan"]
    peaks, good = {}, True
    for size in sorted({10_000, min(100_000, OPTIONS.large), OPTIONS.large}):
        print(f"  {size} records")
        with Server("--records", size) as server:
            # The shortest varies most.
            runs = 3 if size == 10_000 else 1
            for name, runs in alternate(runs, **{name: [server.url] for name in names}).items():
                peaks.setdefault(name, []).append((size, median(runs, "memory"), median(runs, "own")))
                good = good and succeeded(runs)
    for name, taken in peaks.items():
        for size, peak, own in taken:
            most = {"harvest": 64, "records": 32}.get(name)
            text = f"{peak / MB:.1f} MB, of which its own {own / MB:.1f}"
            limit = f"≤ {most} MB" if most else ""
            note(row, f"{name}, {size} records", text, limit, good and peak <= most * MB if most else None)
        smallest, largest = (how(peak for _, peak, _ in taken) for how in (min, max))
        limit = "within 10 %" if name != "scan" else ""
        met = good and largest <= 1.1 * smallest if limit else None
        note(row, f"{name}, all sizes", f"{smallest / MB:.1f}–{largest / MB:.1f} MB", limit, met)


def row_single_page(row):
    """The whole list on one page."""
    with Server("--records", OPTIONS.records, "--single-page") as server:
        results = together(row, server, "scan", "records", "harvest")
    for name, runs in results.items():
        memory = max(one.memory for one in runs) / MB
        limit = "< 64 MB" if name != "scan" else ""
        met = succeeded(runs) and memory < 64 if limit else None
        note(row, f"{name}, peak memory", f"{memory:.1f} MB", limit, met)


def row_latency(row):
    """One chain behind 50 ms, against downloading it."""
    with Server("--records", OPTIONS.records, "--latency", "50ms") as server:
        results = together(row, server, "download", "records", "harvest")
    for name in ("records", "harvest"):
        if name in results:
            ratio = median(results[name], "wall") / median(results["download"], "wall")
            met = succeeded(results[name]) and ratio <= 1.05
            note(row, f"{name} : its floor", f"{ratio:.3f}", "≤ 1.05", met)


def row_sources(row):
    """Eight sources at once in one process, each behind 50 ms, against downloading one.

    A tenth of the records on as many pages: with all of them two cores are busy storing, and the
    latency no longer matters.
    """
    records, page = max(100, OPTIONS.records // 10), max(1, OPTIONS.records // 1000)
    many = wanted(row, "harvest many") or ["download many"]
    servers = []
    try:
        for n in range(1, 9):
            # Eight hosts, so that politeness towards one does not slow the others.
            bind = f"127.0.0.{n}" if sys.platform.startswith("linux") else "127.0.0.1"
            servers.append(
                Server("--records", records, "--page", page, "--latency", "50ms", bind=bind)
            )
        urls = [server.url for server in servers]
        programs = {"download": urls[:1], **{name: urls for name in many}}
        results = alternate(OPTIONS.runs, **programs)
    finally:
        for server in servers:
            server.__exit__()
    for name in many:
        ratio = median(results[name], "wall") / median(results["download"], "wall")
        limit = "≤ 1.3" if name != "download many" else ""
        met = succeeded(results[name]) and ratio <= 1.3 if limit else None
        note(row, f"{name} : floor of one", f"{ratio:.2f}", limit, met)


def row_faults(row):
    """Every 10th list request fails once, in five ways."""
    names = wanted(row, "records", "harvest")
    pages = -(-OPTIONS.records // 1_000)
    for fault in ("retry-after", "reset", "half-length", "half-chunked", "half-close"):
        options = "--records", OPTIONS.records, "--fault", fault, "--retry-after", OPTIONS.retry_after
        with Server(*options) as server:
            for name in names or ["peer"]:
                server.ask("/reset")
                result = run(name, [server.url], count=True)
                stats = server.ask("/stats")
                asked, faults = stats["list_requests"], stats["faults"]
                text = f"exit {result.status}, {asked} list requests, {faults} faults"
                met = result.status == 0 and asked <= pages + faults + 1
                if name == "peer":
                    met = None
                else:
                    delivered = result.lines if name == "records" else result.stored
                    text += f", {delivered} records"
                    met = met and delivered == OPTIONS.records
                note(row, f"{name}, {fault}", text, f"0, ≤ {pages + faults + 1}", met)


def baseline_against_get(row, resources, connections, *options):
    with Source("--resources", resources, *options) as source:
        values = {"resources": resources, "connections": connections}
        results = together(row, source, "get", "baseline", **values)
        get = resources / median(results["get"], "wall")
        note(row, f"bare-get, {connections} connections", f"{get:.0f} files/s", "", None)
        if "baseline" not in results:
            return
        ours = resources / median(results["baseline"], "wall")
        met = None if succeeded(results["baseline"]) else False
        note(row, "baseline", f"{ours:.0f} files/s", "", met)
        note(row, "baseline : bare-get", f"{ours / get:.2f}", "", met)
        memory = max(one.memory for one in results["baseline"]) / MB
        note(row, "baseline, peak memory", f"{memory:.1f} MB", "", met)
        source.ask("/reset")
        stored = run("baseline", [source.url], count=True, **values).stored
        note(row, "files stored", f"{stored}", f"= {resources}", stored == resources)
        stats = source.ask("/stats")
        text = f"{stats['requests']} requests, {stats['max_open_connections']} connections"
        note(row, "baseline asked", text, "", None)


def row_resync_files(row):
    """A baseline of 20 000 files of 2 kB, against getting them and throwing them away."""
    baseline_against_get(row, 20_000, OPTIONS.connections)


def row_resync_latency(row):
    """A baseline of 10 000 files behind 50 ms, 32 at a time, against getting them."""
    baseline_against_get(row, 10_000, 32, "--latency", "50ms")
    note(row, "ideal", f"{32 / 0.05:.0f} files/s", "", None)


def row_resync_nochange(row):
    """A baseline of what is there already."""
    if not wanted(row, "baseline"):
        return
    values = {"connections": OPTIONS.connections}
    with Source("--resources", OPTIONS.large, "--size", 128) as source, folder(in_memory=True) as inside:
        first = run("baseline", [source.url], inside=inside, **values)
        show("the first", [first])
        for n in range(2, 4):
            source.ask("/reset")
            again = run("baseline", [source.url], inside=inside, **values)
            show("once more", [again])
            stats = source.ask("/stats")
            text = f"{again.wall:.2f} s, {again.user + again.sys:.2f} s of CPU"
            met = None if succeeded([first, again]) else False
            note(row, f"run {n}, {OPTIONS.large} known", text, "", met)
            text = f"{stats['requests']} requests, {stats['not_modified']} not modified"
            asked = stats["resource_requests"]
            note(row, "… resources asked for", f"{asked} ({text})", "= 0", asked == 0)
            note(row, "… peak memory", f"{again.memory / MB:.1f} MB", "", None)


def row_resync_dump(row):
    """An incremental run that finds 100 000 new resources in a change dump."""
    if len(wanted(row, "baseline", "incremental")) < 2:
        return
    changes, taken = 100_000, []
    for _ in range(OPTIONS.runs):
        with folder(in_memory=True) as inside:
            with Source("--resources", 1, "--size", 256) as source:
                port = source.port()
                run("baseline", [source.url], inside=inside, connections=1)
            options = "--resources", changes + 1, "--changes", changes, "--size", 256
            # The same source, later.
            with Source("--port", port, *options, "--created", "--dump") as source:
                taken.append(run("incremental", [source.url], count=True, inside=inside))
                stats = source.ask("/stats")
    show("incremental", taken)
    met = None if succeeded(taken) else False
    speed = changes / median(taken, "wall")
    note(row, "incremental", f"{speed:.0f} entries/s", "", met)
    note(row, "… peak memory", f"{median(taken, 'memory') / MB:.1f} MB", "", met)
    stored = taken[-1].stored
    note(row, "files stored", f"{stored}", f"= {changes + 1}", stored == changes + 1)
    asked = stats["resource_requests"]
    note(row, "resources asked for one by one", f"{asked}", "= 0", asked == 0)


def row_resync_memory(row):
    """Peak memory of planning a baseline, and of an audit, of 10 000 resources and of many."""
    names = wanted(row, "plan", "audit")
    peaks, good = {}, True
    for size in (10_000, OPTIONS.large) if names else ():
        print(f"  {size} resources")
        with Source("--resources", size, "--fake-digests") as source:
            for name, runs in alternate(3, **{name: [source.url] for name in names}).items():
                peaks.setdefault(name, []).append(median(runs, "memory"))
                good = good and succeeded(runs)
    for name, (small, large) in peaks.items():
        text = f"{small / MB:.1f} → {large / MB:.1f} MB"
        note(row, f"{name}, 10 000 → {OPTIONS.large}", text, "", None if good else False)


def row_marc(row):
    """A file of MARC 21 in XML on one thread, against yaz-marcdump, by CPU.

    `yaz check` builds the tree and the record of YAZ and prints nothing, which is as much as `marc
    record` does; `yaz line` prints it as well; `marc` filters each record by five expressions and
    reads it into the bibliographic model.
    """
    names = wanted(row, "marc", "marc record", "yaz line", "yaz check")
    if "marc" not in names:
        return
    with folder(in_memory=True) as inside:
        file = str(Path(inside, "marc.xml"))
        make = [program_path("examples/marc-read"), file, "make", str(OPTIONS.records)]
        subprocess.run(make, check=True, stdout=subprocess.DEVNULL)
        results = alternate(OPTIONS.runs, {"file": file}, **{name: [] for name in names})
    cpu = {
        name: statistics.median(one.user + one.sys for one in runs)
        for name, runs in results.items()
    }
    for name, seconds in cpu.items():
        met = None if succeeded(results[name]) else False
        note(row, name, f"{OPTIONS.records / seconds:.0f} records/s", "", met)
    for ours, theirs in (("marc", "yaz line"), ("marc", "yaz check"), ("marc record", "yaz check")):
        if theirs in cpu:
            ratio = cpu[theirs] / cpu[ours]
            note(row, f"{ours} : {theirs}", f"{ratio:.2f}", "> 1", ratio > 1)


ROWS = {
    "floors": row_floors,
    "records": row_records,
    "harvest": row_harvest,
    "memory": row_memory,
    "single-page": row_single_page,
    "latency": row_latency,
    "sources": row_sources,
    "faults": row_faults,
    "resync-files": row_resync_files,
    "resync-latency": row_resync_latency,
    "resync-nochange": row_resync_nochange,
    "resync-dump": row_resync_dump,
    "resync-memory": row_resync_memory,
    "marc": row_marc,
}


def main():
    for row in OPTIONS.rows or ROWS:
        print(f"{row}: {ROWS[row].__doc__}")
        ROWS[row](row)
    print(f"\n{'row':16} {'figure':32} {'measured':44} {'limit':14}")
    for entry in TABLE:
        met = {None: "", True: "ok", False: "MISSED"}[entry["met"]]
        print(
            f"{entry['row']:16} {entry['figure']:32} {entry['value']:44} {entry['limit']:14} {met}"
        )
    if OPTIONS.json:
        OPTIONS.json.write_text(json.dumps(TABLE, indent=1, ensure_ascii=False) + "\n")
    if any(entry["met"] is False for entry in TABLE):
        sys.exit(1)


def options():
    root = Path(__file__).resolve().parent.parent
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("rows", nargs="*", metavar="ROW", help=", ".join(ROWS))
    parser.add_argument("--list", action="store_true", help="name the rows")
    parser.add_argument("--records", type=int, default=100_000)
    parser.add_argument(
        "--large",
        type=int,
        default=1_000_000,
        help="the long list of the rows about memory, and of `resync-nochange`",
    )
    parser.add_argument(
        "--connections", type=int, default=8, help="of `resync-files` and `resync-nochange`"
    )
    parser.add_argument("--runs", type=int, default=5, help="of each program, taking turns")
    parser.add_argument("--retry-after", type=int, default=0, help="seconds, in `faults`")
    parser.add_argument("--bin", type=Path, default=root / "target" / "release")
    parser.add_argument("--tmp", type=Path, help="where databases, and files (else /dev/shm), go")
    parser.add_argument("--json", type=Path, help="write the table there too")
    parsed = parser.parse_args()
    for row in parsed.rows:
        if row not in ROWS:
            parser.error(f"no row {row!r}: {', '.join(ROWS)}")
    if parsed.list:
        for name, row in ROWS.items():
            print(f"{name:16} {row.__doc__}")
        sys.exit()
    return parsed


if __name__ == "__main__":
    OPTIONS = options()
    main()
