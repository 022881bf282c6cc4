#!/usr/bin/env python3
"""Serves a made-up catalogue through somebody else's OAI-PMH server.

    .venv/bin/python examples/tests/third_party/serve.py [--port P] [--records N] [--changed N]

The protocol is spoken by the package `oaipmh`, HTTP by Flask; this file only has the records: the
same ones every time. The first line on standard output says where it listens and what a complete
harvest must find:

    {"url": …, "records": …, "deleted": …, "sets": {…}, "updated": 0, "removed": 0, "added": 0}

`records` counts the deleted ones, too, as do the numbers of the sets, and those of a set include the
sets below it. A line `change N` on standard input moves the catalogue to a later state, in which N
records were updated, removed or added just now, and prints such a line again; `--changed N` starts
in that state. It exits when standard input is closed.
"""

import argparse
import datetime
import json
import sys
import threading

from flask import Flask, Response, request
from oaipmh import common, error, metadata, server
from werkzeug.serving import WSGIRequestHandler, make_server

PAGE_SIZE = 100
SETS = {
    "library": "Library",
    "library:rare": "Library, rare books",
    "library:rare:maps": "Library, rare books, maps",
    "physics": "Physics",
    "physics:optics": "Physics, optics",
    "theses": "博士論文 / Disertace",
}
MEMBERSHIP = [
    ["library"],
    ["library:rare"],
    ["library:rare:maps", "physics"],
    ["physics:optics"],
    ["theses"],
    ["theses", "physics"],
    [],
]
TITLES = [
    ("en", "On the Refraction of Light, Q&A <part {}>"),
    ("ja", "光の屈折について 第{}巻 ―「序説」"),
    ("cs", "Příliš žluťoučký kůň úpěl ďábelské ódy, díl {}"),
]
CREATORS = ["Newton, Isaac", "湯川, 秀樹", "Čapek, Karel"]
FIRST = datetime.datetime(2020, 1, 1)


class Record:
    """An item of the catalogue."""

    def __init__(self, number):
        self.number = number
        self.identifier = f"oai:catalogue.example.org:item/{number:05}"
        # An odd number of seconds, so that records fall on all times of day; some share a second.
        self.datestamp = FIRST + datetime.timedelta(seconds=number // 3 * 3 * 7919)
        self.sets = MEMBERSHIP[number % len(MEMBERSHIP)]
        self.deleted = number % 25 == 7
        self.revision = 1

    def header(self):
        return common.Header(None, self.identifier, self.datestamp, self.sets, self.deleted)

    def full(self):
        if self.deleted:
            return self.header(), None, None
        language, title = TITLES[self.number % len(TITLES)]
        revised = "" if self.revision == 1 else f" [rev. {self.revision}]"
        fields = {
            "title": [title.format(self.number) + revised],
            "creator": [CREATORS[self.number % len(CREATORS)]],
            "subject": ["optics", "光学", "optika"],
            "description": ["A description of some length; popis; 説明。 " * (1 + self.number % 8)],
            "date": [str(1900 + self.number % 120)],
            "type": ["text"],
            "identifier": [f"http://catalogue.example.org/item/{self.number}?a=1&b=2"],
            "language": [language],
        }
        return self.header(), common.Metadata(None, fields), None


class Catalogue:
    """All records, as the package `oaipmh` wants to be asked for them."""

    def __init__(self, count):
        self.url = None
        self.changes = {"updated": 0, "removed": 0, "added": 0}
        self.lock = threading.Lock()
        self.records = [Record(number) for number in range(1, count + 1)]

    def change(self, count):
        """Updates, removes and adds records, a third each; they bear the present time."""
        now = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0, tzinfo=None)
        with self.lock:
            alive = [record for record in self.records if not record.deleted]
            # Every so manieth, so that they are spread over the pages.
            removed = added = count // 3
            updated = count - removed - added
            if updated + removed > len(alive):
                sys.exit(f"cannot change {count} of {len(alive)} records")
            step = len(alive) // max(updated + removed, 1)
            for n in range(updated + removed):
                record = alive[n * step]
                record.datestamp = now
                record.revision += 1
                record.deleted = n >= updated
            last = self.records[-1].number
            for number in range(last + 1, last + 1 + added):
                record = Record(number)
                record.datestamp, record.deleted = now, False
                self.records.append(record)
            self.changes["updated"] += updated
            self.changes["removed"] += removed
            self.changes["added"] += added

    def expected(self):
        """What a complete harvest must find."""
        with self.lock:
            return {
                "url": self.url,
                "records": len(self.records),
                "deleted": sum(record.deleted for record in self.records),
                "sets": {name: sum(below(r, name) for r in self.records) for name in SETS},
                **self.changes,
            }

    def identify(self):
        return common.Identify(
            repositoryName="Catalogue of a third party",
            baseURL=self.url,
            protocolVersion="2.0",
            adminEmails=["librarian@catalogue.example.org"],
            earliestDatestamp=FIRST,
            deletedRecord="persistent",
            granularity="YYYY-MM-DDThh:mm:ssZ",
            compression=["identity"],
        )

    def listMetadataFormats(self, identifier=None):
        if identifier is not None:
            self.find(identifier)
        return [("oai_dc", "http://www.openarchives.org/OAI/2.0/oai_dc.xsd", server.NS_OAIDC)]

    def listSets(self, cursor=0, batch_size=PAGE_SIZE):
        sets = [(spec, name, None) for spec, name in SETS.items()]
        return sets[cursor : cursor + batch_size]

    def listIdentifiers(self, **arguments):
        return [record.header() for record in self.select(**arguments)]

    def listRecords(self, **arguments):
        return [record.full() for record in self.select(**arguments)]

    def getRecord(self, metadataPrefix, identifier):
        check(metadataPrefix)
        return self.find(identifier).full()

    def find(self, identifier):
        with self.lock:
            for record in self.records:
                if record.identifier == identifier:
                    return record
        raise error.IdDoesNotExistError(f"no record {identifier}")

    def select(
        self, metadataPrefix, set=None, from_=None, until=None, cursor=0, batch_size=PAGE_SIZE
    ):
        check(metadataPrefix)
        with self.lock:
            found = [
                record
                for record in self.records
                if (set is None or below(record, set))
                and (from_ is None or record.datestamp >= from_)
                and (until is None or record.datestamp <= until)
            ]
        found.sort(key=lambda record: (record.datestamp, record.number))
        return found[cursor : cursor + batch_size]


def below(record, name):
    """Whether the record is in the set or in one below it."""
    return any(spec == name or spec.startswith(name + ":") for spec in record.sets)


def check(prefix):
    if prefix != "oai_dc":
        raise error.CannotDisseminateFormatError(f"no format {prefix}")


class QuietHandler(WSGIRequestHandler):
    """Keeps connections open, and its log to itself."""

    protocol_version = "HTTP/1.1"

    def log(self, *_):
        pass


def application(catalogue):
    registry = metadata.MetadataRegistry()
    registry.registerWriter("oai_dc", server.oai_dc_writer)
    repository = server.BatchingServer(catalogue, registry, resumption_batch_size=PAGE_SIZE)
    app = Flask(__name__)

    @app.route("/oai", methods=["GET", "POST"])
    def oai():
        answer = repository.handleRequest(request.values.to_dict())
        return Response(answer, content_type="text/xml; charset=utf-8")

    return app


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--port", type=int, default=0, help="default: any free one")
    parser.add_argument("--records", type=int, default=1234, help="how many at first")
    parser.add_argument("--changed", type=int, default=0, help="so many records changed since")
    options = parser.parse_args()

    catalogue = Catalogue(options.records)
    if options.changed:
        catalogue.change(options.changed)
    http = make_server(
        "127.0.0.1",
        options.port,
        application(catalogue),
        threaded=True,
        request_handler=QuietHandler,
    )
    catalogue.url = f"http://127.0.0.1:{http.server_port}/oai"
    threading.Thread(target=http.serve_forever, daemon=True).start()
    print(json.dumps(catalogue.expected(), ensure_ascii=False), flush=True)

    for line in sys.stdin:
        words = line.split()
        if len(words) != 2 or words[0] != "change" or not words[1].isdigit():
            sys.exit(f"not understood: {line!r}; say `change N`")
        catalogue.change(int(words[1]))
        print(json.dumps(catalogue.expected(), ensure_ascii=False), flush=True)
    http.shutdown()


if __name__ == "__main__":
    main()
