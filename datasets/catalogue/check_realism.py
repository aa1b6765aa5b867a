#!/usr/bin/env python3
# Copyright the Tongpin authors. Licensed under the Apache License, Version 2.0.
"""How well can a classifier tell generated till names from real ones?

    python3 check_realism.py REAL_NAMES[.gz] [--trades snacks,drinks,...] [--names 8000] [--show 25]

Needs scikit-learn. Character 1-3-grams, TF-IDF, logistic regression, five folds; prints the AUC (0.5: cannot be told
apart, 1.0: always), first on the names as they are, then on their shapes only (every Chinese character replaced by one
sign, digits by 9, letters by a), then some figures of both lists. --show prints the n-grams that give each side away.
Duplicate names are removed on both sides, both sides get the same number, and a name that is in both lists stays in both.
"""
import argparse
import gzip
import pathlib
import re
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
SHOP = ("snacks,drinks,dairy,bakery,noodles,seasoning,grain_oil,household,paper,personal_care,stationery,kitchenware,"
        "textile,liquor_beer,tobacco,frozen,baby,tea_coffee,general_goods,local_food")


def read(path):
    op = gzip.open if str(path).endswith(".gz") else open
    with op(path, "rt", encoding="utf-8") as f:
        return [line.strip() for line in f if line.strip()]


def shape(name):
    name = re.sub(r"[\u4e00-\u9fff]", "字", name)
    name = re.sub(r"[0-9]", "9", name)
    return re.sub(r"[A-Za-z]", "a", name)


def figures(names):
    n = len(names)
    size = re.compile(r"\d(\.\d+)?\s*(ml|g|克|kg|l|升|毫升|公斤|斤)", re.I)
    return {
        "mean length": sum(map(len, names)) / n,
        "with a digit": sum(bool(re.search(r"\d", x)) for x in names) / n,
        "with a weight or volume": sum(bool(size.search(x)) for x in names) / n,
        "with #": sum("#" in x for x in names) / n,
        "with a blank": sum(" " in x for x in names) / n,
        "with a bracket": sum(bool(re.search(r"[(（\[【]", x)) for x in names) / n,
        "with * or ×": sum(bool(re.search(r"[*×]", x)) for x in names) / n,
        "digit first": sum(x[0].isdigit() for x in names) / n,
        "digit last": sum(x[-1].isdigit() for x in names) / n,
    }


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("real")
    ap.add_argument("--trades", default=SHOP, help="trades to generate from; default: what a small general shop sells; all: every trade")
    ap.add_argument("--names", type=int, default=8000)
    ap.add_argument("--seed", type=int, default=7)
    ap.add_argument("--show", type=int, default=0)
    args = ap.parse_args()
    import random
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import roc_auc_score
    from sklearn.model_selection import StratifiedKFold, cross_val_predict
    from sklearn.pipeline import make_pipeline

    cmd = [sys.executable, str(HERE / "generate.py"), "--names", str(args.names), "--dialect", "till", "--seed", str(args.seed),
           "--families", "all"]
    if args.trades != "all":
        cmd += ["--trades", args.trades]
    made = sorted(set(subprocess.run(cmd, check=True, capture_output=True, text=True, encoding="utf-8").stdout.splitlines()))
    real = sorted(set(read(args.real)))
    rng = random.Random(args.seed)
    k = min(len(made), len(real))
    made, real = rng.sample(made, k), rng.sample(real, k)
    labels = [1] * k + [0] * k
    for title, texts in (("names", made + real), ("shapes", [shape(x) for x in made + real])):
        model = make_pipeline(TfidfVectorizer(analyzer="char", ngram_range=(1, 3), min_df=2, sublinear_tf=True),
                              LogisticRegression(C=3.0, max_iter=400))
        folds = StratifiedKFold(5, shuffle=True, random_state=args.seed)
        p = cross_val_predict(model, texts, labels, cv=folds, method="predict_proba")[:, 1]
        print(f"AUC on {title}: {roc_auc_score(labels, p):.3f}  ({k} generated, {k} real)")
        if args.show:
            model.fit(texts, labels)
            vec, lr = model.steps[0][1], model.steps[1][1]
            order = lr.coef_[0].argsort()
            words = vec.get_feature_names_out()
            print("  generated:", " ".join(repr(words[i]) for i in order[::-1][:args.show]))
            print("  real:     ", " ".join(repr(words[i]) for i in order[:args.show]))
    a, b = figures(made), figures(real)
    print(f"{'':26}{'generated':>10}{'real':>8}")
    for key in a:
        print(f"{key:26}{a[key]:10.3f}{b[key]:8.3f}")


if __name__ == "__main__":
    main()
