"""Make the encoder: vocabulary, teacher vectors, synthetic pairs, training, export.

    python train.py --corpora DIR --lexicons DIR --out models/encoder [--benchmarks DIR] [--work DIR]

`--benchmarks` is read only to leave out corpus lines that occur literally in the measuring sets.
"""
import argparse
import collections
import pickle
import random
import re
import sys
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from scipy import sparse

import export
import prepare
import teacher
from features import Featuriser, features
from synth import Synth

# kind -> (least number of names it occurs in, at most so many)
LIMITS = {"1": (2, 6000), "b": (8, 13000), "3": (15, 3000), "4": (25, 600), "w": (6, 16500), "t": (40, 6500), "p": (40, 1200), "n": (12, 1000), "q": (12, 650), "m": (40, 350)}
LEXICAL = {"1": 0.4, "b": 1.0, "3": 0.8, "4": 0.8, "w": 1.0, "t": 0.35, "p": 0.5, "n": 1.0, "q": 1.0, "m": 0.7}
WEIGHT = {"1": 0.5, "b": 1.0, "3": 1.0, "4": 1.0, "w": 1.2, "t": 0.35, "p": 0.8, "n": 0.5, "q": 0.6, "m": 0.6}


def log(*x):
    print(f"[{time.time() - START:6.0f}s]", *x, file=sys.stderr, flush=True)


def cached(path, make):
    if path.exists():
        return pickle.loads(path.read_bytes())
    x = make()
    path.write_bytes(pickle.dumps(x, protocol=4))
    return x


def name_pool(o):
    seen = prepare.benchmark_texts(o.benchmarks) if o.benchmarks else frozenset()
    n, rng = prepare.names(o.corpora, seen), random.Random(7)
    latin = [x for x in n["ruen"] if not re.search("[а-я]", x)]
    russian = [x for x in n["ruen"] if re.search("[а-я]", x)]
    rng.shuffle(russian)
    pool = list(dict.fromkeys(n["query"] + n["title"] + n["pos"] + latin + russian[:30000]))
    rng.shuffle(pool)
    return pool


def word_pool(lex):
    w, rng = lex["words"], random.Random(3)
    brands = rng.sample(lex["brands"], min(20000, len(lex["brands"])))
    xs = [x for g in lex["groups"] for x in g] + w["food"] + w["medical"] + [x for x, _ in w["taobao"]] + [x for b in brands for x in b]
    return [x for x in dict.fromkeys(xs) if x]


def vocabulary(names, words):
    df = collections.Counter()
    for x in names:
        df.update(set(features(x)))
    known = collections.Counter(df)
    for x in words:  # dictionary words count a little, so that rare goods get rows of their own
        known.update({f: 3 for f in set(features(x)) if f[0] in "1bw34"})
    out = []
    for k, (least, most) in LIMITS.items():
        fs = sorted((f for f, c in known.items() if f[0] == k and c >= least), key=lambda f: (-known[f], f))[:most]
        log(f"kind {k}: {len(fs)} of {sum(f[0] == k for f in known)}")
        out += fs
    return out, df


class Ragged:
    def __init__(self, rows):
        self.off = np.zeros(len(rows) + 1, np.int64)
        np.cumsum([len(r) for r in rows], out=self.off[1:])
        self.flat = np.concatenate([np.asarray(r, np.int32) for r in rows])

    def __len__(self):
        return len(self.off) - 1

    def take(self, idx, rng, drop=None):
        n = self.off[idx + 1] - self.off[idx]
        first = np.cumsum(n) - n
        at = np.arange(n.sum()) + np.repeat(self.off[idx] - first, n)
        flat = self.flat[at]
        if drop is not None:  # chance of each id to be left out
            keep = rng.random(len(flat), np.float32) >= drop[flat]
            keep[first + (rng.random(len(first)) * n).astype(np.int64)] = True
            n = np.add.reduceat(keep, first)
            flat, first = flat[keep], np.cumsum(n) - n
        return torch.from_numpy(flat.astype(np.int64)), torch.from_numpy(first)


def clusters(y, count, rng, rounds=6):
    """k-means on unit vectors: cluster of each, so that batches can be made of neighbours."""
    y = torch.from_numpy(y.astype(np.float32))
    c = y[torch.from_numpy(rng.choice(len(y), count, replace=False))]
    for _ in range(rounds):
        own = torch.cat([(y[i : i + 8192] @ c.T).argmax(1) for i in range(0, len(y), 8192)])
        c = F.normalize(torch.zeros_like(c).index_add_(0, own, y), dim=1)
    return own.numpy()


def neighbour_order(own, group, rng):
    """Pairs in groups of `group` neighbours: members of a cluster shuffled, clusters cut into groups, groups shuffled."""
    idx = np.lexsort((rng.random(len(own)), rng.permutation(own.max() + 2)[own]))
    idx = idx[: len(idx) // group * group].reshape(-1, group)
    return idx[rng.permutation(len(idx))].ravel()


class Encoder(torch.nn.Module):
    def __init__(self, table, hidden):
        super().__init__()
        d = table.shape[1]
        self.table = torch.nn.Parameter(table)
        self.w1 = torch.nn.Parameter(torch.randn(d, hidden) * d**-0.5)
        self.b1 = torch.nn.Parameter(torch.zeros(hidden))
        self.w2 = torch.nn.Parameter(torch.zeros(hidden, d))

    def forward(self, bag):
        flat, first = bag
        x = F.normalize(F.embedding_bag(flat, self.table, first, mode="sum"), dim=1)
        if self.w1.shape[1]:
            x = x + torch.relu(x @ self.w1 + self.b1) @ self.w2
        return F.normalize(x, dim=1)


def make_pairs(names, lex, fz, count, composed, seed):
    """Ragged anchors' names (index), positives, negatives; composed pairs have index -1 and their own anchor."""
    chars = [c for c, _ in collections.Counter(c for x in names for c in x if "一" <= c <= "鿿").most_common()]
    syn, rng = Synth(lex, chars, seed), random.Random(seed)
    which, anchors, pos, neg, has = [], [], [], [], []
    order = [i for i in range(len(names))]
    rng.shuffle(order)
    while len(which) < count:
        if rng.random() < composed:
            a, p = syn.composed()
            w = -1
        else:
            w = order[len(which) % len(order)]
            a = names[w]
            p = syn.positive(a)
        n, ok = syn.negative(a)
        which.append(w), anchors.append(fz.ids(a)), pos.append(fz.ids(p)), neg.append(fz.ids(n)), has.append(ok)
    return np.array(which), Ragged(anchors), Ragged(pos), Ragged(neg), np.array(has)


def main():
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument("--corpora", required=True)
    a.add_argument("--lexicons", required=True)
    a.add_argument("--benchmarks")
    a.add_argument("--dictionary", default=str(Path(__file__).parent / "dictionary.txt"))
    a.add_argument("--out", required=True)
    a.add_argument("--work", default="work")
    a.add_argument("--dim", type=int, default=256)
    a.add_argument("--hidden", type=int, default=512)
    a.add_argument("--buckets", type=int, default=6000)
    a.add_argument("--steps", type=int, default=1200)
    a.add_argument("--until", type=int, help="stop after this step of the schedule")
    a.add_argument("--batch", type=int, default=1024)
    a.add_argument("--pairs", type=int, default=300_000)
    a.add_argument("--composed", type=float, default=0.25)
    a.add_argument("--lr", type=float, default=3e-3)
    a.add_argument("--tau", type=float, default=0.05)
    a.add_argument("--near", type=float, default=3.0)
    a.add_argument("--near-tau", type=float, default=0.07)
    a.add_argument("--share", type=float, default=0.4)
    a.add_argument("--common", type=float, default=0.1)
    a.add_argument("--twin", type=float, default=0.92)
    a.add_argument("--distil", type=float, default=0.3)
    a.add_argument("--clusters", type=int, default=1500)
    a.add_argument("--group", type=int, default=256)
    a.add_argument("--threads", type=int, default=1)
    a.add_argument("--version", default="1")
    a.add_argument("--check", help="measure recall on this benchmarks folder while training (never trained on)")
    o = a.parse_args()
    torch.manual_seed(1)
    torch.set_num_threads(o.threads)
    work = Path(o.work)
    work.mkdir(parents=True, exist_ok=True)

    lex = prepare.lexicons(o.lexicons, o.dictionary if Path(o.dictionary).exists() else None)
    names = cached(work / "names.pkl", lambda: name_pool(o))
    words = word_pool(lex)
    log(f"{len(names)} names, {len(words)} words, {len(lex['groups'])} alias groups")
    t_names = teacher.encode(names, work, "names")
    t_words = teacher.encode(words, work, "words")
    vocab, df = cached(work / f"vocab-{len(words)}.pkl", lambda: vocabulary(names, words))
    texts = [f[1:] if f[0] in "1b34wp" else "" for f in vocab]
    t_vocab = teacher.encode(texts, work, "vocab").astype(np.float32)
    fz = Featuriser(vocab, o.buckets)
    log(f"table {fz.rows} x {o.dim}")

    sample = t_names[:60000].astype(np.float32)
    mean = sample.mean(0)
    value, vector = np.linalg.eigh(np.cov((sample - mean).T))
    basis = vector[:, ::-1][:, : o.dim].astype(np.float32)
    log(f"PCA keeps {value[::-1][: o.dim].sum() / value.sum():.3f}")

    def project(x):
        y = (x.astype(np.float32) - mean) @ basis
        return y / np.maximum(np.linalg.norm(y, axis=1, keepdims=True), 1e-6)

    y_names, y_words = project(t_names).astype(np.float16), project(t_words).astype(np.float16)
    rng = np.random.default_rng(5)
    table = rng.normal(size=(fz.rows, o.dim)).astype(np.float32)
    table /= np.linalg.norm(table, axis=1, keepdims=True)
    y_vocab, total = project(t_vocab), len(names)
    for i, f in enumerate(vocab):
        if texts[i]:
            table[i + 1] = 0.9 * y_vocab[i] + 0.1 * table[i + 1]
        table[i + 1] *= WEIGHT[f[0]] * 2e-3**0.5 / (2e-3 + df[f] / total) ** 0.5
    table[0] *= 0.01
    table[fz.first_bucket :] *= 0.6

    r_names = cached(work / f"r_names-{fz.rows}-{len(words)}.pkl", lambda: Ragged([fz.ids(x) for x in names]))
    r_words = Ragged([fz.ids(x) for x in words])
    which, anchors, pos, neg, has = cached(
        work / f"pairs-{fz.rows}-{len(words)}-{o.pairs}-{o.composed}.pkl", lambda: make_pairs(names, lex, fz, o.pairs, o.composed, 11)
    )
    log(f"{len(which)} pairs, {has.mean():.2f} with a hard negative, mean ids {len(r_names.flat) / len(r_names):.1f}")

    # exact lexical similarity of corpus names (rarity-weighted features), the second thing to imitate
    rarity = np.full(fz.rows, np.log(total), np.float32)
    for i, f in enumerate(vocab):
        rarity[i + 1] = LEXICAL[f[0]] * np.log(total / (1 + df[f]))
    lexical = sparse.csr_matrix((rarity[r_names.flat], r_names.flat, r_names.off), shape=(len(r_names), fz.rows))
    lexical = sparse.diags(1 / np.maximum(np.sqrt(lexical.multiply(lexical).sum(1)).A1, 1e-6)) @ lexical

    # common features are left out more often than rare ones: the rare ones must be able to carry a name
    seen = np.zeros(fz.rows)
    seen[1 : len(vocab) + 1] = [df[f] for f in vocab]
    drop = (0.05 + o.common * np.clip(np.log(np.maximum(seen, 1) / 30) / np.log(1000), 0, 1)).astype(np.float32)

    model = Encoder(torch.from_numpy(table), o.hidden)
    watch = None
    if o.check:
        import evaluate

        watch = [(s, *evaluate.load(o.check, s)) for s in evaluate.SETS]
        watch = [(s, Ragged([fz.ids(x) for x in t]), node, pairs) for s, t, node, pairs in watch]

    def measure():
        if not watch:
            return
        with torch.no_grad():
            line = []
            for s, r, node, pairs in watch:
                v = model(r.take(np.arange(len(r)), rng)).numpy()
                k = evaluate.recall(v, node, pairs)
                w = evaluate.recall(evaluate.whiten(v), node, pairs, centre=False)
                line.append(f"{s[:4]} {k[1]:.3f} {k[10]:.3f} {k[50]:.3f} w {w[1]:.3f} {w[10]:.3f}")
        log(" | ".join(line))

    measure()
    opt = torch.optim.Adam([{"params": [model.table], "lr": o.lr}, {"params": [model.w1, model.b1, model.w2], "lr": o.lr * 0.5}], betas=(0.9, 0.99))
    sched = torch.optim.lr_scheduler.LambdaLR(opt, lambda s: min(1, (s + 1) / 50) * max(0.02, 1 - s / o.steps))
    # pairs of neighbouring names share a batch: their partners are each other's hard negatives
    own = cached(work / f"clusters-{o.clusters}.pkl", lambda: clusters(y_names, o.clusters, rng))
    own = np.where(which >= 0, own[which], rng.integers(0, o.clusters, len(which)))
    perm, at, sums = neighbour_order(own, o.group, rng), 0, np.zeros(4)
    half = o.batch // 2
    last = min(o.steps, o.until or o.steps)
    for step in range(1, last + 1):
        if at + o.batch > len(perm):
            perm, at = neighbour_order(own, o.group, rng), 0
        i = perm[at : at + o.batch]
        at += o.batch
        za, zp = model(anchors.take(i, rng, drop)), model(pos.take(i, rng, drop))
        hard = i[has[i]]
        zn = model(neg.take(hard, rng))
        mine = which[i] >= 0
        ya = torch.zeros(len(i), o.dim)
        ya[torch.from_numpy(mine)] = torch.from_numpy(y_names[which[i][mine]].astype(np.float32))
        twin = (ya @ ya.T > o.twin).fill_diagonal_(False) * -1e4  # very alike names may be the same product: no negatives
        logits = za @ torch.cat([zp, zn]).T / o.tau
        logits[:, : len(i)] += twin
        back = zp @ za.T / o.tau + twin
        target = torch.arange(len(i))
        contrast = F.cross_entropy(logits, target) + F.cross_entropy(back, target)
        # the anchors that are corpus names, more names, and words: towards the teacher
        j, k = rng.integers(0, len(r_names), half), rng.integers(0, len(r_words), half)
        zj, zk = model(r_names.take(j, rng)), model(r_words.take(k, rng))
        d_names = 1 - torch.cat([(za * ya).sum(1)[torch.from_numpy(mine)], (zj * torch.from_numpy(y_names[j].astype(np.float32))).sum(1)]).mean()
        d_words = 1 - (zk * torch.from_numpy(y_words[k].astype(np.float32))).sum(1).mean()
        # imitate who is near whom: teacher and lexical similarity together, among neighbours
        if o.near:
            rows = torch.from_numpy(np.flatnonzero(mine))
            m = lexical[which[i][mine]]
            want = o.share * (ya[rows] @ ya[rows].T) + (1 - o.share) * torch.from_numpy((m @ m.T).toarray())
            got = za[rows] @ za[rows].T
            eye = torch.eye(len(rows)) * -1e4
            near = F.kl_div(F.log_softmax(got / o.near_tau + eye, 1), F.softmax(want / o.near_tau + eye, 1), reduction="batchmean")
            contrast = contrast + o.near * near
            sums[3] += near.item()
        loss = contrast + o.distil * (d_names + 0.5 * d_words)
        opt.zero_grad(set_to_none=True)
        loss.backward()
        opt.step()
        sched.step()
        sums[:3] += (contrast.item(), d_names.item(), d_words.item())
        if step % 50 == 0 or step == last:
            log(f"step {step} contrast {sums[0] / 50:.3f} names {sums[1] / 50:.3f} words {sums[2] / 50:.3f} near {sums[3] / 50:.3f}")
            sums[:] = 0
            if step % 300 == 0 or step == last:
                measure()
                export.write(Path(o.out), fz, vocab, {k: v.detach().numpy() for k, v in model.state_dict().items()}, o.version)
    log("written")


START = time.time()
if __name__ == "__main__":
    main()
