#!/usr/bin/env python3
"""Serves thirty made-up records through the package `oai_repo`, whose faults the checker must find.

    .venv/bin/python examples/tests/third_party/serve_oai_repo.py

The first line on standard output says where it listens: {"url": …}. It exits when standard input
is closed.
"""

import datetime
import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

import oai_repo
from lxml import etree

OAI_DC = "http://www.openarchives.org/OAI/2.0/oai_dc/"
DC = "http://purl.org/dc/elements/1.1/"
FIRST = datetime.datetime(2024, 1, 1, 12, tzinfo=datetime.timezone.utc)
SETS = {"a": "A", "a:b": "B in A", "c": "C"}
# Where a record stands, and whether it is deleted.
RECORDS = {
    f"oai:catalogue.example.org:{n}": (
        FIRST + datetime.timedelta(days=n),
        list(SETS)[n % 3],
        n % 7 == 3,
    )
    for n in range(30)
}


class Catalogue(oai_repo.DataInterface):
    limit = 10
    url = None

    def get_identify(self):
        identify = oai_repo.Identify()
        identify.repository_name = "Catalogue of another third party"
        identify.base_url = self.url
        identify.admin_email = ["librarian@catalogue.example.org"]
        identify.earliest_datestamp = FIRST.strftime("%Y-%m-%dT%H:%M:%SZ")
        identify.deleted_record = "persistent"
        identify.granularity = "YYYY-MM-DDThh:mm:ssZ"
        return identify

    def is_valid_identifier(self, identifier):
        return identifier in RECORDS

    def get_metadata_formats(self, identifier=None):
        return [
            oai_repo.MetadataFormat(
                "oai_dc", "http://www.openarchives.org/OAI/2.0/oai_dc.xsd", OAI_DC
            )
        ]

    def get_record_header(self, identifier):
        stamp, spec, deleted = RECORDS[identifier]
        header = oai_repo.RecordHeader()
        header.identifier = identifier
        header.datestamp = stamp.strftime("%Y-%m-%dT%H:%M:%SZ")
        header.setspecs = [spec]
        header.status = "deleted" if deleted else None
        return header

    def get_record_metadata(self, identifier, metadataprefix):
        if RECORDS[identifier][2]:
            return None
        root = etree.Element(f"{{{OAI_DC}}}dc", nsmap={"oai_dc": OAI_DC, "dc": DC})
        etree.SubElement(root, f"{{{DC}}}title").text = f"光の屈折 {identifier}"
        return root

    def get_record_abouts(self, identifier):
        return []

    def list_set_specs(self, identifier=None, cursor=0):
        specs = list(SETS) if identifier is None else [RECORDS[identifier][1]]
        return specs[cursor : cursor + self.limit], len(specs), None

    def get_set(self, setspec):
        return oai_repo.Set(setspec, SETS[setspec], []) if setspec in SETS else None

    def list_identifiers(
        self, metadataprefix, filter_from=None, filter_until=None, filter_set=None, cursor=0
    ):
        found = [
            identifier
            for identifier, (stamp, spec, _) in RECORDS.items()
            if (filter_from is None or stamp >= filter_from)
            and (filter_until is None or stamp <= filter_until)
            and (filter_set is None or spec == filter_set or spec.startswith(filter_set + ":"))
        ]
        return found[cursor : cursor + self.limit], len(found), None


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.answer(urlsplit(self.path).query)

    def do_POST(self):
        length = int(self.headers.get("Content-Length", 0))
        self.answer(self.rfile.read(length).decode())

    def answer(self, query):
        arguments = dict(parse_qsl(query, keep_blank_values=True))
        body = bytes(oai_repo.OAIRepository(Catalogue()).process(arguments))
        self.send_response(200)
        self.send_header("Content-Type", "text/xml; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def main():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Catalogue.url = f"http://127.0.0.1:{server.server_port}/oai"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(json.dumps({"url": Catalogue.url}), flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
