"""Cut the demo's data (examples/data) from the project's set of recogniser reads.

Run: python examples/make_demo_data.py ocr_reads_dev.jsonl.gz
"""

from __future__ import annotations

import csv
import gzip
import json
import random
import sys
from pathlib import Path
from typing import Any

OUT = Path(__file__).parent / "data"
SEED = 20191
IMAGES = 450
ENTRIES = 3000
WANTED_SHARE = 0.25  # of the images' plates
SYLLABLES = "가나다라마거너더러머버서어저고노도로모보소오조구누두루무부수우주"
CATEGORIES = [("stolen", 3, 0.70), ("violent crime", 1, 0.10), ("suicide risk", 1, 0.05), ("unpaid tax", 5, 0.15)]

# Invented cameras at well-known places of Gwangju; coordinates to about 100 m.
PLACES = [
    ("City Hall", 35.1601, 126.8514),
    ("Sangmu Station", 35.1537, 126.8480),
    ("Songjeong Station", 35.1376, 126.7910),
    ("Airport Junction", 35.1400, 126.8110),
    ("Gwangju Station", 35.1655, 126.9095),
    ("U-Square Bus Terminal", 35.1603, 126.8793),
    ("Geumnam-ro 4-ga", 35.1497, 126.9143),
    ("Asia Culture Center", 35.1469, 126.9199),
    ("Chosun University", 35.1400, 126.9310),
    ("Chonnam National University", 35.1760, 126.9060),
    ("Champions Field", 35.1682, 126.8891),
    ("World Cup Stadium", 35.1335, 126.8750),
    ("Baegun Square", 35.1318, 126.9046),
    ("Nam-gu Office", 35.1329, 126.9024),
    ("Hyocheon Station", 35.1050, 126.8790),
    ("Pungam Lake", 35.1260, 126.8700),
    ("Suwan District", 35.1910, 126.8250),
    ("Cheomdan 1-dong", 35.2130, 126.8470),
    ("GIST", 35.2285, 126.8430),
    ("Biennale Hall", 35.1825, 126.8890),
    ("Munheung Junction", 35.1870, 126.9230),
    ("Dongnim Junction", 35.1790, 126.8690),
    ("Unam Market", 35.1720, 126.8790),
    ("Hanam Industrial Complex", 35.2010, 126.8030),
    ("Pyeongdong Station", 35.1250, 126.7690),
    ("Seochang Tollgate", 35.1030, 126.8320),
    ("Jisan Resort Road", 35.1480, 126.9440),
    ("Mudeungsan Entrance", 35.1340, 126.9560),
    ("Gakhwa Market", 35.1850, 126.9350),
    ("Dongwangju Tollgate", 35.2000, 126.9500),
]


def main(source: str) -> None:
    rng = random.Random(SEED)
    with gzip.open(source, "rt", encoding="utf-8") as lines:
        reads = [read for read in map(json.loads, lines) if read["country"] == "KR"]
    by_image: dict[str, dict[str, Any]] = {}
    for read in reads:  # one read an image, of either recogniser
        if read["image"] not in by_image or rng.random() < 0.5:
            by_image[read["image"]] = read
    # A city's cameras read better than the set's worst: take the three milder severities.
    pool = [read for read in by_image.values() if read["severity"] <= 2]
    chosen = rng.sample(pool, IMAGES)

    OUT.mkdir(exist_ok=True)
    with (OUT / "reads.jsonl").open("w", encoding="utf-8") as out:
        for read in chosen:
            row = {
                "text": read["text"],
                "confidence": read["confidence"],
                "chars": [{"c": c["c"], "p": c["p"], "alts": c["alts"][:3]} for c in read["chars"]],
                "engine": read["engine"],
                "camera_id": f"GJ-{rng.randrange(len(PLACES)) + 1:04d}",
                "truth": read["truth"],
            }
            out.write(json.dumps(row, ensure_ascii=False) + "\n")

    truths = sorted({read["truth"] for read in chosen})
    plates = set(rng.sample(truths, round(len(truths) * WANTED_SHARE)))
    while len(plates) < ENTRIES:
        code = f"{rng.randint(100, 699)}" if rng.random() < 0.7 else f"{rng.randint(1, 69):02d}"
        plates.add(f"{code}{rng.choice(SYLLABLES)}{rng.randint(100, 9999):04d}")
    shuffled = rng.sample(sorted(plates), len(plates))
    with (OUT / "wanted.csv").open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(["id", "plate", "category", "priority", "agency"])
        for number, plate in enumerate(shuffled, 1):
            category, priority, _ = rng.choices(CATEGORIES, [share for *_, share in CATEGORIES])[0]
            writer.writerow([f"W-{number:05d}", plate, category, priority, "Gwangju Police"])

    with (OUT / "cameras.csv").open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(["camera_id", "name", "latitude", "longitude", "heading"])
        for number, (name, latitude, longitude) in enumerate(PLACES, 1):
            writer.writerow([f"GJ-{number:04d}", name, latitude, longitude, rng.randrange(0, 360, 15)])


if __name__ == "__main__":
    main(sys.argv[1])
