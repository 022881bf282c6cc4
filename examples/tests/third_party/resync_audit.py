"""Compares folders with Resource Lists, as the reference client of ResourceSync does it.

Each line of standard input is an object: "list" (a file), "uri" and "folder" (what is listed below
that address belongs into that folder), "hashes" (the digests to look at). For each, a line of
standard output has what "resync-sync --audit" would say: how many resources are the same, and how
many are to be created, updated and deleted.
"""

import json
import sys

from resync.client import Client


class Audit(Client):
    """Keeps what it would say."""

    said = None

    def log_status(self, **status):
        self.said = status


def audit(case):
    client = Audit(hashes=case["hashes"])
    client.set_mappings([f"{case['uri']}={case['folder']}"])
    client.sitemap_name = case["list"]
    client.baseline_or_audit(audit_only=True)
    return {name: client.said[name] for name in ("same", "created", "updated", "deleted")}


for line in sys.stdin:
    print(json.dumps(audit(json.loads(line))), flush=True)
