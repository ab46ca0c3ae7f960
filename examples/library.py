"""What a service does that pip-installs platewatch: `python examples/library.py`.

CI runs it where no compiler is, and checks its types with mypy and pyright.
"""

from __future__ import annotations

import pickle
import tempfile
from pathlib import Path

import platewatch as pw


def describe(match: pw.Match) -> str:
    entry_id, plate, edits, _, probability = match
    return f"{entry_id} {plate}: {edits} edits, {100 * probability:.1f} %"


def graded(match: pw.Match) -> str:
    match match:
        case pw.Match(entry_id, _, 0):
            return f"{entry_id} was read exactly"
        case _:
            return "look first"


def main() -> None:
    hotlist = pw.Hotlist.from_records(
        [{"id": "A1", "plate": "12가 3456", "category": "stolen"}, {"id": "A2", "plate": "서울12바3456"}]
    )
    matcher = pw.Matcher(hotlist, max_edits=2, model=pw.ChannelModel.default())
    read = pw.Read(text="12거3456", chars=[{"c": c, "p": 0.99, "alts": []} for c in "12거3456"], engine="lpr-3")
    matches: list[pw.Match] = matcher.match(read)
    print([describe(match) for match in matches], [graded(match) for match in matcher.match("12가3456")])

    batch = matcher.match_batch(["12가3456", "99하9999"], min_probability=0.02)
    print([batch.entry_ids[entry] for entry in batch.entry], batch.probability.round(2).tolist())
    try:
        matcher.match("")
    except pw.ReadError as error:
        print(f"{error.field}: {error.reason}")

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "wanted.snapshot")
        matcher.save(path)
        with pw.Matcher.open(path, mapped=True) as opened:
            print(len(opened), pickle.loads(pickle.dumps(opened)).match("12가3456") == matcher.match("12가3456"))
    print(pw.build_info().kernel)


if __name__ == "__main__":
    main()
