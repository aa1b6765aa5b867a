"""The delivered files agree with the reference featuriser, and a vector does not depend on its batch."""
import hashlib
import json
from pathlib import Path

import numpy as np

from evaluate import Onnx
from features import features, runs
from prepare import prepare

HERE = Path(__file__).parent.parent


def test_vectors():
    enc, rows = Onnx(HERE), json.loads((HERE / "vectors.json").read_text(encoding="utf-8"))
    assert len(rows) >= 30
    ids = [enc.f.ids(r["text"]) for r in rows]
    for r, i in zip(rows, ids):
        assert prepare(r["text"]) == r["text"]
        assert [list(x) for x in runs(r["text"])] == r["runs"]
        assert features(r["text"]) == r["features"] and i == r["ids"]
    together = enc.run(ids)
    for r, i, v in zip(rows, ids, together):
        assert np.abs(enc.run([i])[0] - v).max() < 1e-6
        assert np.abs(v[:8] - r["embedding_head"]).max() < 2e-5
        assert abs(np.linalg.norm(v) - 1) < 1e-5


def test_manifest():
    m = json.loads((HERE / "encoder.json").read_text())
    for name, f in m["files"].items():
        b = (HERE / name).read_bytes()
        assert len(b) == f["bytes"] and hashlib.sha256(b).hexdigest() == f["sha256"]
    assert sum(f["bytes"] for f in m["files"].values()) <= 15_000_000
