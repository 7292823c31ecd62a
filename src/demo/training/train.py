"""Trains the demo's three models and writes them as ONNX, with the scores that the tests expect of them.

    python -m venv /tmp/contender-train
    /tmp/contender-train/bin/pip install -r requirements.txt
    /tmp/contender-train/bin/python train.py

The three are of different kinds on purpose: they disagree on single rows and differ in the spread of their scores,
which is what a split and a shadow are there to show. The score is the probability of a bad credit.

Seeds are fixed, so a second run on the same machine and libraries writes the same bytes.
"""

import csv
import json
from pathlib import Path

import numpy as np
from onnx.checker import check_model
from onnx.helper import make_opsetid
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

HERE = Path(__file__).parent
DATA = HERE.parent / "data"
MODELS = HERE.parent / "models"
EXPECTED = HERE.parents[2] / "test" / "fixtures" / "demo" / "expected-scores.json"
SEED = 20240607
# Every 20th held-out row: enough to meet each branch of the pre-processing, few enough to read.
EXPECTED_EVERY = 20


def load():
    """Rows as floats: numbers as they are, categories by their place in the schema."""
    schema = json.loads((DATA / "schema.json").read_text(encoding="utf-8"))
    with open(DATA / "german-credit.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))

    def encode(column, text):
        return column["categories"].index(text) if "categories" in column else float(text)

    features = np.array([[encode(c, row[c["name"]]) for c in schema["features"]] for row in rows], dtype=np.float32)
    labels = np.array([encode(schema["label"], row[schema["label"]["name"]]) for row in rows], dtype=np.int64)
    return schema, features, labels


def scaled_one_hot(schema):
    categorical = [i for i, column in enumerate(schema["features"]) if "categories" in column]
    numeric = [i for i in range(len(schema["features"])) if i not in categorical]
    sizes = [list(range(len(schema["features"][i]["categories"]))) for i in categorical]
    return ColumnTransformer(
        [
            ("numbers", StandardScaler(), numeric),
            ("categories", OneHotEncoder(categories=[np.array(s, dtype=np.float32) for s in sizes]), categorical),
        ]
    )


def models(schema):
    return {
        # The champion: what a bank would have had in place for years.
        "v1": make_pipeline(scaled_one_hot(schema), LogisticRegression(C=0.2, max_iter=2000)),
        # The challenger: trees take the codes as they are.
        "v2": GradientBoostingClassifier(
            n_estimators=80, max_depth=3, learning_rate=0.06, subsample=0.8, random_state=SEED
        ),
        # The shadow: not yet trusted with answers.
        "v3": make_pipeline(
            scaled_one_hot(schema),
            MLPClassifier(hidden_layer_sizes=(12,), alpha=2.0, max_iter=600, random_state=SEED),
        ),
    }


def tidy(model, name):
    """Gives the outputs their public names, and the list of operator sets, which comes out of a hash set, an order."""
    graph = model.graph
    graph.name = name
    # A converter may have used the public names for something inside.
    rename = {"label": "classes", "probabilities": "scores", "classes": "inner_classes", "scores": "inner_scores"}
    for node in graph.node:
        node.input[:] = [rename.get(name, name) for name in node.input]
        node.output[:] = [rename.get(name, name) for name in node.output]
    for named in [*graph.output, *graph.initializer]:
        named.name = rename.get(named.name, named.name)
    versions = sorted({(opset.domain, opset.version) for opset in model.opset_import})
    del model.opset_import[:]
    model.opset_import.extend(make_opsetid(domain, version) for domain, version in versions)
    check_model(model, full_check=True)


def main():
    schema, features, labels = load()
    cut = schema["heldOutFrom"]
    expected = {"every": EXPECTED_EVERY, "scores": {}}
    MODELS.mkdir(exist_ok=True)
    EXPECTED.parent.mkdir(parents=True, exist_ok=True)
    for version, model in models(schema).items():
        model.fit(features[:cut], labels[:cut])
        held_out = model.predict_proba(features[cut:])[:, 1]
        graph = to_onnx(
            model,
            initial_types=[("features", FloatTensorType([None, features.shape[1]]))],
            options={id(model): {"zipmap": False}},  # a plain [n, 2] tensor instead of a list of maps
            target_opset={"": 17, "ai.onnx.ml": 3},
        )
        tidy(graph, f"credit-{version}")
        path = MODELS / f"credit-{version}.onnx"
        path.write_bytes(graph.SerializeToString(deterministic=True))
        expected["scores"][version] = [round(float(p), 7) for p in held_out[::EXPECTED_EVERY]]
        auc = roc_auc_score(labels[cut:], held_out)
        print(f"{version}: {type(model).__name__}, held-out AUC {auc:.3f}, mean {held_out.mean():.3f}, {path.stat().st_size} bytes")
    EXPECTED.write_text(json.dumps(expected, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
