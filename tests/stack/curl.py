"""The part of curl that the README uses, for machines without curl. Unknown options are an error."""

import argparse
import sys
from pathlib import Path

import requests


def main() -> None:
    parser = argparse.ArgumentParser(prog="curl", allow_abbrev=False)
    parser.add_argument("-s", action="store_true", help="no progress: there is none")
    parser.add_argument("-X", dest="method")
    parser.add_argument("-H", dest="headers", action="append", default=[])
    parser.add_argument("-d", dest="data")
    parser.add_argument("-T", dest="upload", type=Path)
    parser.add_argument("-w", dest="told", required=True, help="what is told at the end, as the test wants it")
    parser.add_argument("url")
    given = parser.parse_args()
    sent = given.upload.read_bytes() if given.upload else given.data
    if given.data is not None and given.data.startswith("@"):
        sent = Path(given.data[1:]).read_bytes()
    method = given.method or ("PUT" if given.upload else "POST" if sent is not None else "GET")
    headers = dict(line.split(": ", 1) for line in given.headers)
    answer = requests.request(method, given.url, data=sent, headers=headers, timeout=60)
    sys.stdout.buffer.write(answer.content)
    sys.stdout.flush()
    facts = {"stderr": "", "method": method, "http_code": str(answer.status_code), "url_effective": given.url}
    told = given.told.replace("\\n", "\n")
    for name, fact in facts.items():
        told = told.replace("%{" + name + "}", fact)
    sys.stderr.write(told)


if __name__ == "__main__":
    main()
