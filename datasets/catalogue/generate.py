#!/usr/bin/env python3
# Copyright the Tongpin authors. Licensed under the Apache License, Version 2.0.
"""Write a benchmark folder from the catalogue: the goods of families/*.tsv as several nodes would name them.

    python3 generate.py --seed 7 --out DIR --records 6000 --nodes 6 [--families train|test|all]
    python3 generate.py --counts            # products and families per trade
    python3 generate.py --list              # every product, one a line
    python3 generate.py --names 5000 --dialect till   # names only, one a line

Standard library only. Same arguments, same bytes. The notation of families/*.tsv is described in README.md.
"""
import argparse
import collections
import csv
import hashlib
import json
import pathlib
import random
import re
import sys

HERE = pathlib.Path(__file__).resolve().parent
TEST_SHARE = 0.20
GOODS = {"household", "paper", "personal_care", "stationery", "kitchenware", "textile", "hardware", "electrical", "electronics",
         "paint_adhesive", "building", "auto", "farm", "medical", "pet", "baby", "tobacco", "general_goods"}


# ---------------------------------------------------------------- the catalogue

def digest(text):
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")


def read_pairs(name):
    rows = []
    for line in (HERE / "words" / name).read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            rows.append(line.split("\t"))
    return rows


class Words:
    def __init__(self):
        self.s2t = {}
        for row in read_pairs("traditional.tsv"):
            for pair in row[0].split():
                self.s2t[pair[0]] = pair[1]
        self.phrases = [(row[0], row[1]) for row in read_pairs("phrases.tsv")]
        self.phrase = re.compile("(" + "|".join(re.escape(a) for a, _ in self.phrases) + ")")
        self.english, self.hk, self.tw = {}, {}, {}
        for row in read_pairs("english.tsv"):
            self.english[row[0]] = row[1].split("|")
        for row in read_pairs("hktw.tsv"):
            if row[1] != "-":
                self.hk[row[0]] = row[1].split("|")
            if len(row) > 2 and row[2] != "-":
                self.tw[row[0]] = row[2].split("|")
        self.hk_keys = sorted(self.hk, key=len, reverse=True)
        self.tw_keys = sorted(self.tw, key=len, reverse=True)
        self.homo = collections.defaultdict(list)
        for row in read_pairs("homophones.tsv"):
            for group in row[0].split():
                head, rest = group[0], group[1:]
                self.homo[head] += list(rest)
        self.short = {row[0]: row[1].split("|") for row in read_pairs("short.tsv")}
        self.short_keys = sorted(self.short, key=len, reverse=True)
        self.syn = {}
        for row in read_pairs("synonyms.tsv"):
            group = row[0].split("|")
            for w in group:
                self.syn.setdefault(w, []).extend(x for x in group if x != w)
        self.lists = {row[0]: row[1] for row in read_pairs("lists.tsv")}
        self.makers = []
        for row in read_pairs("makers.tsv"):
            if row[0] == "compose":        # first and second characters of names of two
                self.makers += [a + b for a in row[1] for b in row[2] if a != b and digest("maker" + a + b) % 5 == 0]
            else:
                self.makers += row[0].split()
        self.makers = list(dict.fromkeys(self.makers))
        self.brands = {}
        for row in read_pairs("brands.tsv"):
            self.brands[row[0].split("|")[0]] = row[0]
        self.fluff = {row[0]: row[1].split("|") for row in read_pairs("fluff.tsv")}
        self.sell = {row[0]: row[1].split("|") for row in read_pairs("selling.tsv")}

    def trad(self, text):
        table = dict(self.phrases)
        parts = self.phrase.split(text)
        return "".join(table[x] if x in table else "".join(self.s2t.get(c, c) for c in x) for x in parts)


W = None
ASCII = re.compile(r"^[\x20-\x7eéèüöäñ]+$")


class Name:
    """A word with its other forms: `康师傅|~康|Master Kong`."""
    __slots__ = ("zh", "syn", "abbr", "hk", "tw", "en", "default")

    def __init__(self, text):
        self.default = text.startswith("*")
        parts = text.lstrip("*").split("|")
        self.zh = parts[0].strip()
        self.syn, self.abbr, self.hk, self.tw, self.en = [], [], [], [], []
        for p in parts[1:]:
            p = p.strip()
            if not p:
                continue
            if p[0] == "~":
                self.abbr.append(p[1:])
            elif p[0] == "!":
                self.hk.append(p[1:])
            elif p[0] == "^":
                self.tw.append(p[1:])
            elif ASCII.match(p):
                self.en.append(p)
            else:
                self.syn.append(p)
        if ASCII.match(self.zh):
            self.en.insert(0, self.zh)
        if not self.en:
            for w in [self.zh] + self.syn:
                if w in W.english:
                    self.en = list(W.english[w])
                    break

    def __bool__(self):
        return bool(self.zh)


UNITS = "ml|mL|L|kg|g|mg|cm|mm|m|片|抽|粒|枚|支|只|个|张|卷|条|根|块|双|米|寸|色|页|丸|贴|对|套|把|斤|袋|包|杯|W|A|V|mAh|P|吋|英寸"
SIZE = re.compile(rf"^(\d+(?:\.\d+)?)({UNITS})([\u4e00-\u9fff]{{1,3}})?$")
CONTAINER_END = re.compile(r"^(.*?)@([\u4e00-\u9fff]+)$")


class Size:
    __slots__ = ("key", "qty", "unit", "box", "one")

    def __init__(self, text):
        self.one = False
        m = SIZE.match(text)
        if m:
            self.qty, self.unit, self.box = m.group(1), m.group(2), m.group(3) or ""
            self.key = self.qty + self.unit
            self.one = self.qty == "1" and self.unit in "片只个条根块双把台套组支粒张卷顶副"
        else:
            m = CONTAINER_END.match(text)
            self.qty, self.unit = "", ""
            self.key, self.box = (m.group(1), m.group(2)) if m else (text, "")
            if self.key == "-":
                self.key = ""


class Product:
    __slots__ = ("pid", "fam", "vars", "size", "n", "outer", "sig", "fluff")


class Family:
    __slots__ = ("fid", "trade", "cat", "brand", "sub", "head", "opts", "products", "group", "test", "nodes", "sell", "variant_words", "maker")


def expand_list(spec, rng):
    """`原味,番茄,$chips:4,#1999:6,(a+b)` -> names"""
    out = []
    for item in spec.split(","):
        item = item.strip()
        if not item:
            continue
        if item[0] == "$":
            name, _, k = item[1:].partition(":")
            pool = expand_list(W.lists[name], rng)
            if k:
                pick = sorted(rng.sample(range(len(pool)), min(int(k), len(pool))))
                pool = [pool[i] for i in pick]
            out += pool
        elif item[0] == "#":
            pattern, _, k = item[1:].rpartition(":")
            seen = set()
            while len(seen) < int(k):
                if pattern in ("1999", "199"):
                    pattern = rng.choice(["1999", "199", "1909", "1109", "199", "1999"] if pattern == "1999" else ["199", "199", "109", "099"])
                s = "".join(rng.choice("0123456789") if c == "9" else rng.choice("123456789") if c == "1"
                            else rng.choice("ABCDEFHJKLMQRSTWXYZ") if c == "@" else c for c in pattern)
                if s not in seen:
                    seen.add(s)
                    out.append(s)
        else:
            out.append(item)
    return out


def read_families():
    families = []
    seen = set()
    for path in sorted((HERE / "families").glob("*.tsv")):
        for line in path.read_text(encoding="utf-8").splitlines():
            for b in line.split("\t")[0].split("+"):
                if "|" in b and not line.startswith(("#", "@ ")):
                    W.brands.setdefault(b.split("|")[0], b)
    for path in sorted((HERE / "families").glob("*.tsv")):
        trade = path.stem
        head_opts = {"cat": trade, "sell": "food", "nodes": "till,full,erp,eshop,hand,hk,tw,import"}
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            if not line.strip() or line.startswith("#"):
                continue
            if line.startswith("@ "):
                for kv in line[2:].split(";"):
                    k, _, v = kv.strip().partition("=")
                    head_opts[k] = v
                continue
            cols = [c.strip() for c in line.split("\t")]
            if len(cols) < 5:
                sys.exit(f"{path.name}:{number}: five columns needed, {len(cols)} found: {line}")
            cols = [("" if c == "-" else c) for c in cols] + [""]
            opts = dict(head_opts)
            for kv in cols[5].split(";"):
                if kv.strip():
                    k, _, v = kv.strip().partition("=")
                    opts[k] = v or "1"
            brands = []
            for b in (cols[0].split("+") if cols[0] else [""]):
                if b.startswith("@maker:"):
                    # ranked, so that a new brand or maker disturbs only the rows it touches
                    row = "maker:" + trade + cols[2].split("|")[0] + opts.get("id", "")
                    free = sorted((m for m in W.makers if m not in W.brands), key=lambda m: digest(row + m))
                    brands += [(m, True) for m in free[:int(b[7:])]]
                else:
                    brands.append((b, False))
            for b, maker in brands:
                fam = Family()
                bname = b.split("|")[0]
                fam.fid = ":".join([trade, bname, cols[1].split("|")[0], cols[2].split("|")[0], opts.get("id", "")])
                if fam.fid in seen:
                    sys.exit(f"{path.name}:{number}: family {fam.fid} twice (give id=)")
                seen.add(fam.fid)
                fam.trade, fam.opts, fam.cat, fam.maker = trade, opts, opts["cat"], maker
                fam.nodes = set(opts["nodes"].split(","))
                fam.sell = opts["sell"]
                fam.brand = Name(W.brands.get(b, b) if "|" not in b else b)
                fam.sub, fam.head = Name(cols[1]), Name(cols[2])
                fam.group = fam.head.zh
                fam.test = digest("split:" + fam.fid) % 1000 < TEST_SHARE * 1000
                expand_family(fam, cols, len(brands) > 1, f"{path.name}:{number}")
                families.append(fam)
    parent = {}

    def find(x):
        while parent.setdefault(x, x) != x:
            x = parent[x]
        return x

    for f in families:
        names = [(f.trade, w) for w in [f.head.zh] + f.head.syn]
        for other in names[1:]:
            parent[find(other)] = find(names[0])
    for f in families:
        f.group = find((f.trade, f.head.zh))
    return families


def expand_family(fam, cols, many, where):
    rng = random.Random(digest("family" + fam.fid))
    kinds = []
    for spec in (cols[3].split(";") if cols[3] else []):
        kind, sep, body = spec.strip().partition(":")
        if not sep or len(kind) != 1:
            sys.exit(f"{where}: bad variants {spec!r}")
        if any(k == kind for k, _ in kinds):
            sys.exit(f"{where}: kind {kind!r} twice")
        values = {}
        for x in expand_list(body, rng):
            values.setdefault(Name(x).zh, Name(x))
        kinds.append((kind, list(values.values())))
    grid = [()]
    for kind, values in kinds:
        grid = [g + ((kind, v),) for g in grid for v in values]
    sizes = []
    for i, token in enumerate(cols[4].split() or ["-"]):
        bits = [b.replace("\\/", "/") for b in re.split(r"(?<!\\)/", token)]
        bare = bits[0].startswith("-") and len(bits[0]) > 1
        size = Size(bits[0][1:] if bare else bits[0])
        packs = [] if bare else [(1, "")]
        for p in bits[1:]:
            m = re.match(r"^(\d+)([\u4e00-\u9fff]*)$", p)
            if not m:
                sys.exit(f"{where}: bad pack {p!r}")
            packs.append((int(m.group(1)), m.group(2)))
        for j, (n, outer) in enumerate(packs):
            if not any(s[0].key == size.key and s[0].box == size.box and s[1] == n for s in sizes):
                sizes.append((size, n, outer, 1 / (1 + 0.45 * i) / (1 + 0.9 * j)))
    combos = [(vi, si) for vi in range(len(grid)) for si in range(len(sizes))]
    cap = int(fam.opts.get("n", 0)) or (7 if many else 14)
    if len(combos) > cap:
        weight = [sizes[si][3] * (0.93 ** vi) for vi, si in combos]
        keyed = sorted(range(len(combos)), key=lambda i: -(rng.random() ** (1 / weight[i])))
        combos = [combos[i] for i in sorted(keyed[:cap])]
    fam.variant_words = frozenset(w for _, values in kinds for v in values for w in [v.zh] + v.syn)
    # a synonym of the head that names a variant would contradict the other variants
    fam.head.syn = [w for w in fam.head.syn if not any(len(v) > 1 and v in w and v not in fam.head.zh for v in fam.variant_words)]
    fam.products = []
    for vi, si in combos:
        p = Product()
        p.fam, p.vars = fam, grid[vi]
        p.size, p.n, p.outer, _ = sizes[si]
        p.pid = fam.fid + "#" + "/".join([v.zh for _, v in p.vars] + [p.size.key + p.size.box, str(p.n)])
        sig = {"brand": fam.brand.zh + "/" + fam.sub.zh, "size": p.size.key, "pack": str(p.n)}
        if p.size.box:
            sig["box"] = p.size.box
        for k, v in p.vars:
            sig["v" + k] = v.zh
        p.sig = sig
        p.fluff = ""
        if fam.maker and digest("fluff" + p.pid) % 100 < 38:
            pool = [w for w in W.fluff["goods" if fam.trade in GOODS else "food"] if w not in fam.variant_words]
            p.fluff = pool[digest("which" + fam.fid + fam.fid * (len(fam.products) % 3)) % len(pool)]
        fam.products.append(p)
    if len({p.pid for p in fam.products}) != len(fam.products):
        sys.exit(f"{where}: a product twice in {fam.fid}")


# ---------------------------------------------------------------- how a node writes

class Style:
    """The habits of one node, drawn once."""

    def __init__(self, dialect, rng):
        self.dialect = dialect
        r = rng
        latin = dialect in ("import",)
        self.ml = r.choice(["ml", "ml", "ML", "mL", "毫升"]) if not latin else r.choice(["ml", "mL", "ML"])
        self.l = r.choice(["L", "L", "l", "升"]) if not latin else r.choice(["L", "LT", "Litre"])
        self.g = r.choice(["g", "g", "g", "G", "克"]) if not latin else r.choice(["g", "G", "gm"])
        self.kg = r.choice(["kg", "kg", "KG", "公斤"]) if not latin else r.choice(["kg", "KG"])
        if dialect in ("till", "hand"):
            self.ml = r.choice(["ml"] * 6 + ["ML", "ML", "毫升"])
            self.g = r.choice(["g"] * 6 + ["G", "G", "克"])
            self.l = r.choice(["L", "L", "L", "l", "升"])
        if dialect in ("hk", "tw"):
            self.ml, self.l = r.choice(["毫升", "毫升", "ml", "mL"]), r.choice(["公升", "升", "L"])
            self.g = r.choice(["克", "克", "g"]) if dialect == "hk" else r.choice(["公克", "g", "g", "克"])
            self.kg = r.choice(["公斤", "kg"])
        self.times = r.choice(["*", "*", "*", "×", "x", "X"])
        self.bracket = r.choice(["", "", "", "()", "（）", "[]", "【】"])
        self.space = {"till": r.choice([0.0, 0.0, 0.02, 0.05]), "hand": r.choice([0.0, 0.03, 0.12]), "full": r.choice([0.0, 0.1, 1.0]), "erp": r.choice([0.0, 1.0]),
                      "eshop": r.choice([0.2, 0.5, 0.9]), "hk": r.choice([0.3, 1.0]), "tw": r.choice([0.1, 0.6]),
                      "import": 1.0, "kitchen": r.choice([0.0, 0.15])}[dialect]
        self.model = r.choice(["{h} #{m}", "{h}{m}", "{h}{m}", "{h}{m}", "{h}{m}", "{h}{m}#", "{m}{h}", "{h} # {m}", "{m}#{h}", "{h}-{m}"])
        self.model_free = r.random() < 0.4
        self.degree = r.choice(["{}度", "{}度", "{}°", "{}%vol", "{}%VOL", "{}vol"])
        self.strict = r.uniform(0.7, 0.97)          # how often it keeps to its own habit
        self.kitchen_sep = r.choice(["-", "_", "", "（", "/", "["])
        self.brand_col = r.random() < 0.75
        self.spec_col = r.random() < 0.8
        self.pack_first = r.random() < 0.15
        self.variant_in_spec = r.random() < 0.25
        self.brand_latin = r.random() < 0.3
        self.size_first = {"till": 0.06, "hand": 0.1}.get(dialect, 0.03)
        self.flavour = r.choice([0.25, 0.6, 0.9] if dialect != "till" else [0.1, 0.3, 0.7])
        self.careless = r.random()
        self.category = {"till": r.choice(["careless", "none", "none"]), "hand": "none", "eshop": "none",
                         "kitchen": r.choice(["cat", "none"])}.get(dialect, r.choice(["cat", "none"]))


# keep probabilities: brand, sub, head, variant, default variant, size
KEEP = {
    "till": (0.82, 0.97, 0.93, 0.96, 0.30, 0.46),
    "full": (0.97, 1.00, 1.00, 1.00, 0.80, 0.95),
    "erp": (0.95, 0.98, 0.99, 0.99, 0.70, 0.97),
    "eshop": (0.96, 1.00, 0.98, 0.98, 0.70, 0.93),
    "hand": (0.78, 0.96, 0.92, 0.95, 0.30, 0.50),
    "hk": (0.93, 0.98, 1.00, 0.98, 0.70, 0.94),
    "tw": (0.93, 0.98, 1.00, 0.98, 0.70, 0.92),
    "import": (0.95, 0.98, 1.00, 0.98, 0.70, 0.93),
    "kitchen": (0.45, 0.85, 1.00, 0.98, 0.40, 0.75),
}

CN = "零一二三四五六七八九"


def cn_number(n):
    n = int(n)
    if n == 0:
        return "零"
    if n < 10:
        return CN[n]
    if n < 20:
        return "十" + (CN[n - 10] if n > 10 else "")
    if n < 100:
        return CN[n // 10] + "十" + (CN[n % 10] if n % 10 else "")
    if n < 1000:
        rest = n % 100
        return CN[n // 100] + "百" + ("" if not rest else ("零" + CN[rest] if rest < 10 else cn_number(rest) if rest >= 20 else "一" + cn_number(rest)))
    return str(n)


def trim(x):
    s = f"{x:.3f}".rstrip("0").rstrip(".")
    return s


COUNT_EN = {"片": "pcs", "抽": " sheets", "粒": "pcs", "枚": "pcs", "支": "pcs", "只": "pcs", "个": "pcs", "张": " sheets", "卷": " rolls", "条": "pcs",
            "根": "pcs", "双": " pairs", "米": "m", "包": " packs", "盒": " boxes", "盘": " coils", "节": " sheets", "码": "yd", "套": " sets",
            "层": "ply", "盎司": "oz", "磅": "lb", "平方": "mm2", "件套": "-piece set"}


def english_count(text):
    for zh in sorted(COUNT_EN, key=len, reverse=True):
        text = text.replace(zh, COUNT_EN[zh])
    return text


def quantity(size, st, r):
    """One way of writing a size."""
    q, u = size.qty, size.unit
    if not q:
        text = size.key
        if r.random() < 0.5:
            text = text.replace("*", st.times if st.times != "×" or r.random() < .5 else "*")
        if st.dialect == "import":
            return english_count(text)
        return W.trad(text) if st.dialect in ("hk", "tw") else text
    v = float(q)
    habit = r.random() < st.strict
    d = st.dialect
    if u == "ml":
        if d == "hand" and r.random() < 0.2 and v in (100, 125, 250, 500, 1500):
            return {100: "二两", 125: "二两半", 250: "半斤", 500: r.choice(["半升", "一斤"]), 1500: "一升半"}[v] \
                if r.random() < 0.6 or v in (500, 1500) else cn_number(v)
        if d == "hand" and r.random() < 0.12 and v < 1000 and v == int(v):
            return cn_number(v) + r.choice(["毫升", "", "的"])
        if d in ("till", "hand") and r.random() < 0.22 and v >= 100:
            return q
        if v >= 1000 and v % 50 == 0 and r.random() < 0.5:
            return trim(v / 1000) + (st.l if habit else r.choice("Ll升"))
        if v % 100 == 0 and v < 1000 and r.random() < 0.05:
            return trim(v / 1000) + st.l
        if d == "import" and r.random() < 0.06:
            return f"{trim(round(v / 29.5735, 1))} fl oz"
        return q + ((" " if d == "import" and r.random() < .3 else "") + st.ml if habit else r.choice(["ml", "ML", "毫升", "mL"] if d != "import" else ["ml", "ML"]))
    if u == "L":
        if d == "hand" and r.random() < 0.3 and v == int(v):
            return cn_number(v).replace("二", "两") + "升"
        if v < 5 and r.random() < 0.12:
            return trim(v * 1000) + st.ml
        return q + (st.l if habit else r.choice(["L", "升"] if d != "import" else ["L"]))
    if u == "g":
        if d == "hand" and v % 50 == 0 and r.random() < 0.35:
            if v == 250:
                return "半斤"
            if v == 500:
                return r.choice(["一斤", "1斤"])
            if v < 500:
                return cn_number(v / 50).replace("二", "二") + "两"
            if v % 500 == 0:
                return cn_number(v / 500).replace("二", "两") + "斤"
        if d == "hand" and r.random() < 0.12 and v < 1000 and v == int(v):
            return cn_number(v) + r.choice(["克", "", "的"])
        if d in ("till", "hand") and r.random() < 0.10 and v >= 30:
            return q
        if v >= 1000 and v % 50 == 0 and r.random() < 0.5:
            return trim(v / 1000) + st.kg
        if v % 100 == 0 and v < 1000 and r.random() < 0.03:
            return trim(v / 1000) + st.kg
        if d == "import" and r.random() < 0.08:
            return f"{trim(round(v / 28.3495, 1))}oz" + (f" ({q}g)" if r.random() < .4 else "")
        return q + (st.g if habit else r.choice(["g", "克", "G"] if d != "import" else ["g"]))
    if u == "kg":
        if d in ("hand", "till", "kitchen", "eshop") and r.random() < (0.45 if d == "hand" else 0.12):
            j = v * 2
            if j == int(j):
                return (cn_number(j).replace("二", "两") if len(cn_number(j)) == 1 else cn_number(j)) + "斤" \
                    if d == "hand" and r.random() < .5 and j < 100 else trim(j) + "斤"
        if v <= 5 and r.random() < 0.1:
            return trim(v * 1000) + st.g
        return q + (st.kg if habit else r.choice(["kg", "公斤", "KG", "千克"] if d != "import" else ["kg"]))
    if d == "import":
        en = {"片": ["pcs", "'s", " sheets"], "抽": [" sheets", "s"], "粒": [" tablets", "'s", "s"], "枚": [" pcs", "'s"], "支": [" pcs", "'s"],
              "只": [" pcs", "'s"], "个": [" pcs", "'s"], "张": [" sheets"], "卷": [" rolls", "R"], "条": [" pcs", "'s"], "根": [" pcs"],
              "块": [" pcs"], "双": [" pairs"], "米": ["m", "M"], "寸": ["\"", " inch", "in"], "英寸": ["\"", " inch"], "色": [" colours"], "页": [" pages"], "丸": [" pills", "'s"],
              "贴": [" patches"], "对": [" pairs"], "套": [" sets"], "把": [" pcs"], "斤": [" catty"], "袋": [" sachets", "'s"],
              "包": [" packs", "'s"], "杯": [" cups"]}
        return q + (r.choice(en[u]) if u in en else u)
    if u == "cm" and r.random() < 0.08 and d in ("full", "erp", "eshop"):
        return trim(v * 10) + "mm"
    if u in ("cm", "mm") and r.random() < 0.12:
        return q + {"cm": r.choice(["厘米", "CM", "公分"]), "mm": r.choice(["毫米", "MM"])}[u]
    if u == "m":
        return q + r.choice(["m", "米", "M", "米"])
    if u == "米":
        return q + r.choice(["米", "米", "m", "M"])
    if u == "W" and r.random() < 0.3:
        return q + r.choice(["瓦", "w"])
    if u == "V" and r.random() < 0.2:
        return q + r.choice(["伏", "v"])
    if u == "寸" and r.random() < 0.3:
        return q + r.choice(["寸", "英寸", "吋"])
    if u in ("片", "粒", "枚", "支", "抽", "张", "卷", "只", "个", "条", "双") and d in ("full", "eshop", "till") and r.random() < 0.25:
        return q + u + r.choice(["装", "入"] if u not in "片粒" else ["装"])
    if u == "片" and r.random() < 0.06:
        return q + "枚" if r.random() < .3 else q + "P"
    return q + (W.trad(u) if d in ("hk", "tw") else u)


BOX_EN = {"罐": ["Can"], "瓶": ["Bottle", "Btl"], "袋": ["Bag", "Pack"], "盒": ["Box"], "桶": ["Tub", "Tub", "Pail"], "杯": ["Cup"], "包": ["Pack"], "支": ["Tube"],
          "玻璃瓶": ["Glass Bottle"], "碗": ["Bowl"]}
BOX_HK = {"瓶": ["樽", "樽", "支"], "罐": ["罐"], "盒": ["盒", "紙包"], "袋": ["包", "袋"], "包": ["包"], "桶": ["桶"], "杯": ["杯"], "听": ["罐"]}
BOX_ALT = {"罐": ["罐", "罐", "听"], "袋": ["袋", "包"], "包": ["包", "袋"], "瓶": ["瓶"], "桶": ["桶"], "盒": ["盒"]}


def box_word(p, st, r):
    b = p.size.box
    if not b:
        return ""
    if st.dialect in ("hk", "tw"):
        return r.choice(BOX_HK.get(b, [W.trad(b)])) if st.dialect == "hk" else W.trad(r.choice(BOX_ALT.get(b, [b])))
    return r.choice(BOX_ALT.get(b, [b]))


def size_text(p, st, r, keep, case_unique):
    """Size and pack as one text; empty when left out. keep: set of kept attribute keys."""
    q = quantity(p.size, st, r) if "size" in keep and p.size.key else ""
    if p.size.one and r.random() < (.6 if st.dialect == "eshop" else .85):
        q = ""                        # one piece goes without saying
    box = box_word(p, st, r)
    n, outer, d = p.n, p.outer, st.dialect
    if n == 1:
        if not q:
            if d == "import":
                return ""
            if "box" in keep and box:
                return box + ("装" if r.random() < .6 and d in ("till", "full", "eshop", "hand") else "")
            return ""
        x = r.random()
        must = "box" in keep
        if box and d == "import":
            return q + (" " + r.choice(BOX_EN[p.size.box]) if p.size.box in BOX_EN and (must or x < .15) else "")
        if box and (must or x < {"till": .08, "erp": .15, "full": .15, "eshop": .3, "hand": .12, "hk": .15, "tw": .1, "kitchen": .3}[d]):
            y = r.random()
            if y < .3:
                return q + "/" + box
            if y < .5:
                return q + box
            if y < .65 and d in ("full", "eshop", "till", "hand"):
                return q + box + "装"
            if y < .8:
                return box + "装" + q if d not in ("hk",) else q + " " + box
            return q + ("*1" if d == "eshop" else "") + box
        return q
    if d == "import":
        return (q + " " if q else "") + r.choice([f"x {n}", f"x{n}", f"X {n}", f"*{n}", f"({n} pack)", f"{n}'s"])
    o = W.trad(outer) if d in ("hk", "tw") else outer
    t = st.times if r.random() < st.strict else r.choice("*×x")
    if d in ("till", "hand") and case_unique and outer and r.random() < .35:
        word = r.choice(["整箱", "一箱", "箱", "箱装"]) if outer in ("箱", "件") else r.choice(["一" + outer, outer + "装", outer])
        return (q if r.random() < .5 else "") + word + (str(n) if r.random() < .3 else "")
    if d in ("till", "hand") and r.random() < .3:
        return q + r.choice([f"{t}{n}", f"{n}入", f"({n}{box or '入'})", f" {n}{box or '只'}装", f"1*{n}", f"一{outer or '提'}{n}{box or '个'}"])
    if d == "hk":
        b = box or "個"
        return r.choice([f"{q} x {n}{b}", f"{q} x {n}", f"{q} ({n}{b}裝)", f"{q}x{n}", f"{n} x {q}" if q else f"{n}{b}裝"]) \
            + (" 原箱" if outer == "箱" and r.random() < .3 else "")
    if d == "tw":
        b = box or "入"
        return r.choice([f"{q}x{n}入", f"{q}*{n}入", f"{q} ({n}{b}/{o or '組'})", f"{q}x{n}{b}"])
    if not q:
        return r.choice([f"{n}{box or '个'}", f"{n}{box or '个'}装", f"{t}{n}", f"{n}入"]) + (f"/{outer}" if outer and r.random() < .4 else "")
    forms = [f"{q}{t}{n}", f"{q}{t}{n}{box}", f"{q}{t}{n}{box}/{outer}" if outer else f"{q}{t}{n}",
             f"{n}{box or '个'}{t}{q}", f"{q}{t}{n}{outer and '/' + outer}", f"{q}/{box}{t}{n}{box}" if box else f"{q}{t}{n}"]
    if d == "eshop":
        text = r.choice([f"{q}{t}{n}{box}", f"{q}{t}{n}{box}", f"{q}{t}{n}", f"{n}{box or '个'}{t}{q}", f"{q} {n}{box or '件'}", f"{q}{t}{n}{box}装"])
        if outer == "箱":
            text = r.choice([text + "整箱", "整箱" + text, text + " 整箱装", text, text])
        return text
    if d in ("erp", "kitchen"):
        return r.choice(forms[:3] + forms[2:3] * 3 + forms[4:6])
    if d == "full" and r.random() < .12:
        return f"{q} 1{t}{n}"
    return r.choice(forms[:4])


def flavour_form(kind, v, st, r, taken=frozenset()):
    """A variant as a node writes it."""
    d = st.dialect
    zh = v.zh
    if d in ("hk", "tw"):
        forms = v.hk if d == "hk" else v.tw
        if forms and r.random() < .85:
            return forms[0] if len(forms) == 1 else r.choice(forms)
        return regional(zh, d, r)
    if v.syn and r.random() < .25:
        zh = r.choice(v.syn)
    elif zh in W.syn and r.random() < .2:
        other = r.choice(W.syn[zh])
        zh = zh if other in taken else other
    if kind == "f":
        if not zh.endswith("味") and not zh.endswith("型") and r.random() < (.9 if d == "eshop" else st.flavour if d in ("full", "erp", "till") else .3):
            zh += r.choice(["味", "味", "味", "口味"]) if d != "till" else "味"
    elif kind == "s":
        if not zh.endswith(("香", "型", "味")) and r.random() < .35:
            zh += r.choice(["香", "香型", "味"])
    elif kind == "c":
        if zh.endswith("色") and len(zh) <= 3 and r.random() < (.55 if d in ("till", "hand") else .3):
            zh = zh[:-1]
    elif kind == "d":
        m = re.match(r"^(\d+(?:\.\d+)?)度$", zh)
        if m:
            form = st.degree if r.random() < st.strict else r.choice(["{}度", "{}°", "{}%vol"])
            if d == "hand":
                form = "{}度"
                if r.random() < .4 and "." not in m.group(1):
                    return cn_number(m.group(1)) + "度"
            zh = form.format(m.group(1))
    return zh


def regional(text, d, r):
    """Mainland words to Hong Kong or Taiwan words, then Traditional characters."""
    keys, table = (W.hk_keys, W.hk) if d == "hk" else (W.tw_keys, W.tw)
    for k in keys:
        if k in text and r.random() < .85:
            text = text.replace(k, "\u0001" + r.choice(table[k]) + "\u0001")
            if text.count("\u0001") >= 4:
                break
    return W.trad(text.replace("\u0001", ""))


def word(name, st, r, p_syn=.22):
    d = st.dialect
    if not name:
        return ""
    if d in ("hk", "tw"):
        forms = name.hk if d == "hk" else name.tw
        if not forms:
            forms = name.tw if d == "hk" else []
        if forms and r.random() < .85:
            return r.choice(forms)
        pick = name.zh if not name.syn or r.random() < .8 else r.choice(name.syn)
        return regional(pick, d, r)
    if name.syn and r.random() < p_syn:
        return r.choice(name.syn)
    if name.zh in W.syn and r.random() < p_syn * .7:
        return r.choice(W.syn[name.zh])
    return name.zh


def shorten(text, r):
    """Till abbreviations: words of the short table, else a char or two of a long word."""
    for k in W.short_keys:
        if k in text:
            return text.replace(k, r.choice(W.short[k]), 1)
    return text


def misspell(text, r):
    spots = [i for i, c in enumerate(text) if c in W.homo]
    x = r.random()
    if spots and x < .8:
        i = r.choice(spots)
        return text[:i] + r.choice(W.homo[text[i]]) + text[i + 1:]
    zh = [i for i in range(1, len(text) - 1) if "\u4e00" <= text[i] <= "\u9fff" and "\u4e00" <= text[i + 1] <= "\u9fff"]
    if zh and x < .88 and len(text) >= 6:
        i = r.choice(zh)
        return text[:i] + text[i] + text[i:]
    if zh and x < .94 and len(text) >= 6:
        i = r.choice(zh)
        return text[:i] + text[i + 1] + text[i] + text[i + 2:]
    return text


def brand_text(fam, st, r):
    b = fam.brand
    if not b:
        return ""
    d = st.dialect
    if d == "till" and b.abbr and r.random() < .35:
        return r.choice(b.abbr)
    if d == "hand" and b.abbr and r.random() < .2:
        return r.choice(b.abbr)
    if d in ("hk", "tw"):
        if b.hk and d == "hk" and r.random() < .85:
            return r.choice(b.hk)
        if b.tw and d == "tw" and r.random() < .85:
            return r.choice(b.tw)
        if b.en and r.random() < .12:
            return b.en[0]
        return W.trad(b.zh)
    if d == "eshop" and b.en and not ASCII.match(b.zh) and r.random() < (.45 if st.brand_latin else .08):
        e = b.en[0]
        return r.choice([f"{b.zh}（{e}）", f"{e}{b.zh}", f"{e}/{b.zh}", f"{b.zh}({e})", f"{e} {b.zh}"])
    if d in ("full", "erp") and b.en and not ASCII.match(b.zh) and r.random() < .06:
        return r.choice([b.en[0], f"{b.zh}{b.en[0]}"])
    if b.syn and r.random() < .18:
        return r.choice(b.syn)
    return b.zh


def size_said(keep, p):
    return "size" in keep and bool(p.size.key)


def english_ok(p):
    f = p.fam
    if f.brand and not f.brand.en:
        return False
    if f.sub and not f.sub.en:
        return False
    if not p.size.qty and re.search(r"[\u4e00-\u9fff]", english_count(p.size.key)):
        return False
    return bool(f.head.en) and all(v.en or v.zh == "普通" or ASCII.match(v.zh) for k, v in p.vars)


def join(parts, st, r):
    out = ""
    for part in parts:
        if not part:
            continue
        if out and r.random() < st.space:
            out += " "
        elif out and out[-1].isascii() and out[-1].isalnum() and part[0].isascii() and part[0].isalnum():
            out += r.choice([" ", " ", "-"]) if not (out[-1].isdigit() and part[0].isalpha()) else " "
        out += part
    return out


def compose(p, st, r, keep, case_unique):
    """-> (name, brand, spec, unit)"""
    f, d = p.fam, st.dialect
    if d == "import":
        return compose_english(p, st, r, keep)
    unsaid = set(f.opts)
    brand = brand_text(f, st, r) if "brand" in keep else ""
    sub = word(f.sub, st, r, .1) if f.sub and ("sub" in keep) else ""
    head = word(f.head, st, r) if "head" in keep or not (sub or brand) else ""
    if f.brand and brand == "" and sub == "" and head == "":
        head = f.head.zh
    if head and brand and len(brand) > len(head) and head in brand and (size_said(keep, p) or p.vars):
        head = ""
    models, flavs, degrees = [], [], []
    for k, v in p.vars:
        if "v" + k not in keep or v.zh == "普通":
            continue
        text = flavour_form(k, v, st, r, f.variant_words)
        (models if k == "m" else degrees if k == "d" else flavs).append(text)
    if d in ("till", "hand") and r.random() < (.22 if d == "till" else .08):
        if r.random() < .6:
            head = shorten(head, r)
        if flavs and r.random() < .5:
            flavs[0] = shorten(flavs[0], r)
    if d == "till" and f.head.abbr and r.random() < .3:
        head = r.choice(f.head.abbr)
    size = size_text(p, st, r, keep, case_unique)
    before = f.opts.get("order", "") == "vh" or (r.random() < .62 if "order" not in f.opts else False)
    if p.vars and p.vars[0][0] == "t":
        before = r.random() < .8
    if f.sub and not head:
        before = False
    extra = r.choice(f.opts["x"].split("|")) if "x" in f.opts and r.random() < {"full": .5, "eshop": .7, "erp": .3}.get(d, .08) else ""
    if p.fluff and not extra and r.random() < {"till": .55, "hand": .35, "eshop": .6, "full": .6, "erp": .35}.get(d, .1):
        extra = p.fluff              # a word that says nothing about which product it is
    if d in ("hk", "tw") and extra:
        extra = regional(extra, d, r)
    core_parts = [sub] + ([*flavs, extra, head] if before else [extra, head, *flavs])
    if not before and flavs and r.random() < {"till": .03, "eshop": .1, "hk": .3, "tw": .15, "full": .12, "erp": .12, "kitchen": .3}.get(d, .03):
        br = r.choice(["()", "（）", "[]"]) if d != "hk" else "()"
        core_parts = [sub, extra, head, br[0] + "、".join(flavs) + br[1]]
    core = join(core_parts, st, r)
    if models:
        m = models[0]
        form = st.model if not st.model_free or r.random() < .6 else r.choice(["{h}{m}", "{h} #{m}", "{m}{h}", "{h}{m}#", "{h} {m}"])
        if "mform" in f.opts:
            form = f.opts["mform"] if r.random() < .8 else "{h} {m}"
        if d in ("eshop", "hk", "tw") and "#" in form and r.random() < .7:
            form = r.choice(["{h} {m}", "{h}{m}", "{m} {h}"])
        if d == "eshop" and r.random() < .15:
            form = "{h} 型号{m}"
        mtext = form.format(h=core, m=m)
        if brand and form.startswith("{m}") and d in ("till", "hand") and r.random() < .3:
            core, brand = form.format(h=brand + core, m=m), ""
        else:
            core = mtext
    deg = "".join(degrees)
    b_col, spec, unit, name = "", "", "", ""
    unit_word = p.outer if p.n > 1 and p.outer else (p.size.box or f.opts.get("unit", ""))
    if d == "till":
        parts = [brand, core, deg, size]
        x = r.random()
        if x < st.size_first and size:
            parts = [size, brand, core, deg]
        elif deg and r.random() < .5:
            parts = [deg, brand, core, size] if r.random() < .4 else [brand, deg, core, size]
        if size and st.bracket and r.random() < .07:
            parts[parts.index(size)] = st.bracket[0] + size + st.bracket[1]
        name = join(parts, st, r)
        unit = unit_word if st.careless < .5 else ("个" if st.careless < .7 else "")
    elif d == "hand":
        bits = [brand, core, deg]
        if size:
            if r.random() < st.size_first:
                bits.insert(0, size + ("的" if r.random() < .5 and not size.endswith("的") else ""))
            else:
                bits.append(size if r.random() < .8 else " " + size)
        if p.n == 1 and r.random() < .05:
            bits.append("一" + (p.size.box or "个"))
        if brand and r.random() < .05:
            bits = bits[1:] + ["(" + brand + ")"]
        name = join(bits, st, r)
        if r.random() < .33:
            name = misspell(name, r)
            if r.random() < .12:
                name = misspell(name, r)
        if r.random() < .05:
            name = name.lower()
    elif d == "full":
        parts = [brand, core, deg, size]
        if st.pack_first and size and r.random() < .3:
            parts = [brand, size, core, deg]
        if st.bracket and size and r.random() < .5:
            parts[parts.index(size)] = st.bracket[0] + size + st.bracket[1]
        name = join(parts, st, r)
        b_col = (f.brand.zh if brand else "") if st.brand_col else ""
        spec = size if st.spec_col and r.random() < .6 else ""
        unit = unit_word if r.random() < .6 else ""
    elif d == "erp":
        spec = size
        if st.variant_in_spec and (flavs or models) and r.random() < .8:
            vs = "/".join(flavs + ([models[0]] if models else []))
            core = join([sub, extra, head], st, r)
            spec = r.choice([f"{vs};{size}", f"{size} {vs}", f"{vs} {size}", f"{vs}/{size}"]) if size else vs
        name = join([core, deg], st, r)
        if st.brand_col:
            b_col = brand
            if brand and r.random() < .25:
                name = join([brand, name], st, r)
        else:
            name = join([brand, name], st, r)
        if not st.spec_col:
            name = join([name, spec], st, r)
            spec = ""
        unit = unit_word if r.random() < .8 else ""
    elif d == "eshop":
        sell = W.sell[f.sell] if f.sell in W.sell else []
        common = W.sell["any"]
        k = r.choice([0, 1, 2, 2, 3, 4])
        words = [r.choice(sell if sell and r.random() < .65 else common) for _ in range(k)]
        words = list(dict.fromkeys(words))
        lead = ""
        if words and r.random() < .2:
            lead = "【" + words.pop() + "】"
        alt = ""
        if f.head.syn and head and r.random() < .25:
            alt = r.choice(f.head.syn)
            if alt in core:
                alt = ""
        x = r.random()
        if x < .55:
            parts = [lead, brand, core, deg, alt, size] + words
        elif x < .7:
            parts = [lead, brand, size, core, deg, alt] + words
        elif x < .82:
            parts = [lead] + words[:1] + [brand, core, deg, size, alt] + words[1:]
        elif x < .92:
            parts = [lead, brand, core, deg] + words[:2] + [size, alt] + words[2:]
        else:
            parts = [lead, core, deg, brand, size] + words
        if st.bracket and size and r.random() < .15:
            parts[parts.index(size)] = st.bracket[0] + size + st.bracket[1]
        name = join(parts, st, r)
        b_col = (f.brand.zh if f.brand and "brand" in keep else "") if st.brand_col and st.spec_col and r.random() < .3 else ""
    elif d in ("hk", "tw"):
        in_col = st.brand_col and r.random() < .85
        parts = [core, deg, size] if in_col else [brand, core, deg, size]
        if in_col:
            b_col = brand
        if d == "tw" and r.random() < .2 and size:
            parts[-1] = r.choice(["(" + size + ")", "／" + size, "【" + size + "】"])
        elif r.random() < .08 and size:
            parts = parts[:-1] + ["(" + size + ")"]
        name = join(parts, st, r)
        unit = W.trad(unit_word) if r.random() < .2 else ""
    elif d == "kitchen":
        tail = []
        base_head = head
        proc = [flavour_form(k, v, st, r, f.variant_words) for k, v in p.vars if "v" + k in keep and k not in "md" and v.zh != "普通"]
        sep = st.kitchen_sep
        x = r.random()
        if proc and x < .55:
            ptext = "、".join(proc)
            if sep == "（":
                name = f"{base_head}（{ptext}）"
            elif sep == "[":
                name = f"[{ptext}]{base_head}"
            else:
                name = f"{base_head}{sep or '-'}{ptext}" if r.random() < .7 else f"{ptext}{base_head}"
            if sub:
                name = sub + name
        else:
            name = core
        if models and models[0] not in name:
            name += models[0]
        if deg:
            name += deg
        if brand:
            if r.random() < .5:
                name = join([brand, name], st, r)
            else:
                name += r.choice([f"({brand})", f"-{brand}", f"（{brand}）", f"[{brand}]", f" {brand}"])
        if r.random() < .10:
            name = r.choice(f.opts.get("state", "").split("|")) + name if "state" in f.opts else name
        if st.spec_col and r.random() < .75:
            spec = size
        elif size:
            name += r.choice(["(" + size + ")", " " + size, "_" + size, "（" + size + "）", size, "-" + size])
        if r.random() < .06:
            name = r.choice(["W-", "A-", "Z", "Y-", "【央厨】", "(门店)", "CK-"]) + name
        elif r.random() < .04:
            name += r.choice(["(门店)", "-新", "(央厨)", "（专供）", "-A", "(自提)"])
        b_col = f.brand.zh if brand and st.brand_col and r.random() < .3 else ""
        unit = unit_word or ("kg" if f.trade == "fresh" and r.random() < .5 else "")
    return name.strip(), b_col, spec.strip(), unit


def title(text):
    return " ".join(w if any(c.isupper() for c in w) else w[:1].upper() + w[1:] for w in text.split(" "))


def compose_english(p, st, r, keep):
    f = p.fam
    brand = r.choice(f.brand.en) if f.brand.en and "brand" in keep else ""
    sub = f.sub.en[0] if f.sub and f.sub.en and "sub" in keep else ""
    head = f.head.en[0] if r.random() < .75 else r.choice(f.head.en)
    vs, ms = [], []
    for k, v in p.vars:
        if "v" + k not in keep or v.zh == "普通":
            continue
        t = v.en[0] if v.en and r.random() < .8 else (r.choice(v.en) if v.en else v.zh)
        if k == "f" and r.random() < .12:
            t += r.choice([" Flavour", " Flavor"])
        (ms if k == "m" else vs).append(t)
    size = size_text(p, st, r, keep, False)
    x = r.random()
    if x < .5:
        parts = [brand, sub, *vs, head, *ms]
    elif x < .75:
        parts = [brand, sub, head, *vs, *ms]
    elif x < .9 and vs:
        parts = [brand, sub, head, "- " + ", ".join(vs), *ms]
    elif vs:
        parts = [brand, sub, head, "(" + ", ".join(vs) + ")", *ms]
    else:
        parts = [brand, sub, head, *ms]
    col = ""
    if st.brand_col and brand:
        col = brand
        if r.random() < .8:
            parts = parts[1:]
    name = title(" ".join(x for x in parts if x))
    style = st.careless
    if style < .2:
        name = name.upper()
    elif style > .92:
        name = name.lower()
    spec = ""
    if st.spec_col and not st.strict > .85 and r.random() < .6:
        spec = size
    elif size:
        name += " " + size
    return name, col, spec, ""


# ---------------------------------------------------------------- what a name must say

def choose_keep(p, dialect, r):
    f = p.fam
    kb, ks, kh, kv, kd, kz = KEEP[dialect]
    keep = set()
    o = f.opts
    if not f.brand:
        pass
    elif "b-" in o:
        if r.random() < (.25 if dialect in ("till", "hand", "kitchen") else .8):
            keep.add("brand")
    elif "bb" in o or r.random() < (kb - .17 if f.maker and dialect in ("till", "hand") else kb):
        keep.add("brand")
    if f.sub:
        if r.random() < ks:
            keep.add("sub")
            if dialect in ("till", "hand") and "s-" in o and r.random() < .5:
                keep.discard("brand")
    drop_head = .5 if dialect in ("till", "hand") else .06 if dialect in ("full", "erp", "eshop") else 0
    if ("h-" in o and r.random() < drop_head and (f.brand or f.sub)):
        keep |= {"brand"} if not f.sub else {"sub"}
    elif r.random() < kh or "h-" not in o:
        keep.add("head")
    for k, v in p.vars:
        chance = kd if v.default else kv * .85 if k == "m" and f.maker and dialect in ("till", "hand") else kv
        if v.zh == "普通" or r.random() < chance:
            keep.add("v" + k)          # "普通" is said by saying nothing
    if p.size.key and r.random() < (kz if "z" not in o else min(1, kz + .3)):
        keep.add("size")
    if not p.size.key or p.size.one:
        keep.add("size")
    if p.size.box and r.random() < .1:
        keep.add("box")
    keep.add("pack")
    return keep


def states(keep, p):
    """Signature attributes a record states, given its keep set."""
    out = {"pack": p.sig["pack"]}
    if "brand" in keep or "sub" in keep:
        out["brand"] = p.sig["brand"]
    for k in keep:
        if k in p.sig:
            out[k] = p.sig[k]
    return out


def confusable(keep, p, s):
    """Could this (shortened) name of p as well be the name of s?"""
    for k, v in states(keep, p).items():
        if s.sig.get(k, "") != v:
            return False
    return True


ORDER = ["vf", "vs", "vg", "vt", "vp", "vm", "vc", "vd", "va", "brand", "size", "box"]


def tell_apart(keep, p, s, r):
    """Add to keep one attribute in which p and s differ."""
    for k in ORDER:
        if k in p.sig and k not in keep and p.sig[k] != s.sig.get(k, ""):
            if k == "brand":
                if p.fam.brand and (not p.fam.sub or p.fam.sub.zh == s.fam.sub.zh or r.random() < .5):
                    keep.add("brand")
                elif p.fam.sub:
                    keep.add("sub")
                else:
                    continue
                if p.fam.sub and p.fam.sub.zh != s.fam.sub.zh:
                    keep.add("sub")
            else:
                keep.add(k)
            return True
    return False


def default_only(keep, p, s):
    """p leaves only a default variant unsaid that s would say."""
    diff = [k for k in p.sig if k.startswith("v") and k not in keep and p.sig[k] != s.sig.get(k, "")]
    return bool(diff) and any(v.default and "v" + k in diff for k, v in p.vars)


def decide_keep(p, dialect, r, here, everywhere, ambiguity, leak):
    keep = choose_keep(p, dialect, r)
    if r.random() < leak:
        return keep, True
    for s in here:
        if s is p:
            continue
        for _ in range(4):
            if not confusable(keep, p, s):
                break
            if default_only(keep, p, s) and r.random() < .3:
                break
            if not tell_apart(keep, p, s, r):
                break
    lenient = r.random() < ambiguity
    if not lenient:
        for s in everywhere:
            if s is p:
                continue
            for _ in range(4):
                if not confusable(keep, p, s):
                    break
                if default_only(keep, p, s) and r.random() < .3:
                    break
                if not tell_apart(keep, p, s, r):
                    break
    under = any(s is not p and confusable(keep, p, s) for s in everywhere)
    return keep, under


# ---------------------------------------------------------------- nodes

BASE = ["till", "erp", "eshop", "hand"]
REST = ["hk", "full", "kitchen", "tw", "import"]
CATS = {"careless": ["食品", "食品", "百货", "其它", "日用", ""]}


def node_dialects(count, rng, given):
    if given:
        kinds = given.split(",")
        kinds = [kinds[i % len(kinds)] for i in range(count or len(kinds))]
        return [(k if kinds.count(k) == 1 else f"{k}-{i + 1}", k) for i, k in enumerate(kinds)]
    count = count or 6
    kinds = BASE[:count]
    rest = REST[:]
    rng.shuffle(rest)
    # a Hong Kong or Taiwan node nearly always belongs to the picture
    rest.sort(key=lambda k: 0 if k == ("hk" if rng.random() < .6 else "tw") else 1)
    while len(kinds) < count:
        if not rest:
            rest = BASE + REST
            rng.shuffle(rest)
        kinds = kinds + [rest.pop(0)]
    names, seen = [], collections.Counter()
    for k in kinds:
        seen[k] += 1
        names.append((k if seen[k] == 1 else f"{k}-{seen[k]}", k))
    return names


def write_csv(path, header, rows):
    with open(path, "w", encoding="utf-8", newline="") as f:
        w = csv.writer(f, lineterminator="\n")
        w.writerow(header)
        w.writerows(rows)


def fits(p, dialect):
    if dialect not in p.fam.nodes:
        return False
    return dialect != "import" or english_ok(p)


def generate(families, args):
    rng = random.Random(f"tongpin:{args.seed}:{args.families}")
    nodes = node_dialects(args.nodes, rng, args.dialects)
    styles = {name: Style(kind, rng) for name, kind in nodes}
    dialect_of = dict(nodes)
    # --- which product is in which node
    spread = [(1, .30), (2, .28), (3, .24), (4, .18)]
    holdings = collections.OrderedDict()
    total, passes = 0, 0
    left = {f.fid: list(f.products) for f in families}
    # the more of the catalogue is wanted, the more siblings of a family are taken
    depth = min(1.0, args.records / 2.05 / max(1, sum(len(f.products) for f in families)))
    while total < args.records and passes < 6:
        passes += 1
        order = families[:]
        rng.shuffle(order)
        for f in order:
            pool = left[f.fid]
            if not pool:
                continue
            fam_nodes = [n for n, k in nodes if k in f.nodes]
            if not fam_nodes:
                continue
            love = {n: rng.uniform(.25, 1) for n in fam_nodes}
            k = min(len(pool), max(1, int(rng.gauss(2 + depth * 7, 1.8))))
            rng.shuffle(pool)
            chosen, left[f.fid] = pool[:k], pool[k:]
            for p in chosen:
                can = [n for n, kind in nodes if fits(p, kind)]
                if not can:
                    continue
                x, want = rng.random(), 1
                if args.overlap is not None:
                    want = max(1, sum(rng.random() < args.overlap for _ in nodes))
                else:
                    for c, share in spread:
                        want = c
                        if x < share:
                            break
                        x -= share
                picks = sorted(can, key=lambda n: -(rng.random() ** (1 / love[n] * (3 if p.n > 1 and dialect_of[n] in ("till", "hand") else 1))))[:want]
                holdings[p.pid] = (p, picks)
                total += len(picks)
            if total >= args.records:
                break
    by_node = collections.defaultdict(list)
    for p, picks in holdings.values():
        for n in picks:
            by_node[n].append(p)
    universe = collections.defaultdict(list)
    for p, _ in holdings.values():
        universe[p.fam.group].append(p)
    # --- names
    records, under = [], {}
    dup_node = next((n for n, k in nodes if k == "eshop"), nodes[0][0])
    stats = collections.Counter()
    for n, kind in nodes:
        st = styles[n]
        here = collections.defaultdict(list)
        for p in by_node[n]:
            here[p.fam.group].append(p)
        used = {}
        for p in by_node[n]:
            copies = 2 if n == dup_node and rng.random() < .03 else 1
            for copy in range(copies):
                group = here[p.fam.group]
                case_unique = sum(1 for s in group if s.fam is p.fam and s.n > 1) <= 1
                keep, loose = decide_keep(p, kind, rng, group, universe[p.fam.group], args.ambiguity, .03)
                for attempt in range(6):
                    name, brand, spec, unit = compose(p, st, rng, keep, case_unique)
                    key = (name, spec)
                    if key not in used or (used[key] == p.pid and copy == 0):
                        break
                    if used[key] == p.pid:
                        continue
                    if rng.random() < .03:
                        break
                    keep |= {"brand", "sub", "head", "size", "pack"} | {k for k in p.sig if k.startswith("v")}
                    loose = False
                if (name, spec) in used:
                    if used[(name, spec)] == p.pid:
                        continue
                    stats["same text, other product in one node"] += 1
                used.setdefault((name, spec), p.pid)
                cat = ""
                if st.category == "cat":
                    cats = p.fam.cat.split("|")
                    cat = cats[digest(n + str(args.seed)) % len(cats)]
                    if kind in ("hk", "tw"):
                        cat = W.trad(cat)
                    if kind == "import":
                        cat = p.fam.trade.replace("_", " ")
                elif st.category == "careless":
                    cat = rng.choice(CATS["careless"])
                if loose:
                    stats["under-specified"] += 1
                records.append([n, name, brand, spec, unit, cat, p, keep, loose])
    # --- codes: dealt at random, sorted by code within a node
    out = []
    for n, kind in nodes:
        mine = [x for x in records if x[0] == n]
        rng.shuffle(mine)
        at = [m for m, _ in nodes].index(n)
        letter = chr(ord("A") + at % 26) + (str(at // 26) + "-" if at >= 26 else "")
        start = rng.randint(1, 900)
        for i, x in enumerate(mine):
            out.append((n, f"{letter}{start + i:06d}") + tuple(x[1:]))
    cluster, number = {}, 0
    rec_rows, truth_rows = [], []
    members = collections.defaultdict(list)
    for row in out:
        p = row[7]
        if p.pid not in cluster:
            number += 1
            cluster[p.pid] = f"C{number:05d}"
        rec_rows.append([row[0], row[1], row[2], row[3], row[4], row[5], row[6]])
        truth_rows.append([row[0], row[1], cluster[p.pid]])
        members[p.pid].append(row)
    matches = []
    for pid, rows in members.items():
        for i, a in enumerate(rows):
            for b in rows[i + 1:]:
                if a[0] != b[0]:
                    matches.append([a[0], a[1], b[0], b[1], 1])
    hard = hard_negatives(members, holdings, rng)
    out_dir = pathlib.Path(args.out)
    out_dir.mkdir(parents=True, exist_ok=True)
    write_csv(out_dir / "records.csv", ["node", "sku", "name", "brand", "spec", "unit", "category"], rec_rows)
    write_csv(out_dir / "truth.csv", ["node", "sku", "cluster"], truth_rows)
    write_csv(out_dir / "matches.csv", ["left_node", "left_sku", "right_node", "right_sku", "label"], matches)
    write_csv(out_dir / "hard_negatives.csv", ["left_node", "left_sku", "right_node", "right_sku", "label"], hard)
    sizes = collections.Counter(len({r[0] for r in rows}) for rows in members.values())
    summary = {
        "seed": args.seed, "families_part": args.families, "nodes": {n: {"dialect": k, "records": sum(1 for r in rec_rows if r[0] == n)} for n, k in nodes},
        "records": len(rec_rows), "products": len(members), "families": len({rows[0][7].fam.fid for rows in members.values()}),
        "products_by_number_of_nodes": {str(k): sizes[k] for k in sorted(sizes)}, "matches": len(matches), "hard_negatives": len(hard),
        "under_specified_records": stats["under-specified"], "same_text_other_product_in_one_node": stats["same text, other product in one node"],
    }
    (out_dir / "summary.json").write_text(json.dumps(summary, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    return summary


def hard_negatives(members, holdings, rng):
    """Pairs of different nodes, one attribute off, both sides saying it (a single may leave its count unsaid)."""
    by_fam = collections.OrderedDict()
    by_group = collections.OrderedDict()
    for pid, rows in members.items():
        p = rows[0][7]
        by_fam.setdefault(p.fam.fid, []).append((p, rows))
        by_group.setdefault((p.fam.trade, p.fam.group, p.fam.sub.zh), []).append((p, rows))
    hard = []

    def off(a, b):
        ks = set(a.sig) | set(b.sig)
        return [k for k in sorted(ks) if k != "box" and a.sig.get(k, "") != b.sig.get(k, "")]

    def said(row, k):
        p, keep = row[7], row[8]
        if k == "pack":
            return True
        if k == "brand":
            return "brand" in keep
        return k in keep and p.sig.get(k, "") != ""

    for table, want_brand, cap in ((by_fam, False, 14), (by_group, True, 8)):
        for entries in table.values():
            found = []
            for i, (a, ra) in enumerate(entries):
                for b, rb in entries[i + 1:]:
                    if want_brand and a.fam is b.fam:
                        continue
                    d = off(a, b)
                    if len(d) != 1 or (want_brand and d != ["brand"]):
                        continue
                    pairs = [(x, y) for x in ra for y in rb if x[0] != y[0] and said(x, d[0]) and said(y, d[0])
                             and not x[9] and not y[9]]
                    if pairs:
                        found.append(rng.choice(pairs))
            rng.shuffle(found)
            for x, y in found[:cap]:
                hard.append([x[0], x[1], y[0], y[1], 0])
    return hard


def names_only(families, args):
    """Names of one dialect, many nodes' habits mixed: for reading and for check_realism.py."""
    rng = random.Random(f"names:{args.seed}")
    out = []
    fams = [f for f in families if (args.dialect or "till") in f.nodes]
    while len(out) < args.names:
        st = Style(args.dialect or "till", rng)
        for _ in range(400):
            f = rng.choice(fams)
            if f.trade == "general_goods" and rng.random() < .5:
                continue
            p = rng.choice(f.products)
            if not fits(p, st.dialect) or (p.n > 1 and rng.random() < .8 and st.dialect in ("till", "hand")):
                continue
            keep = choose_keep(p, st.dialect, rng)
            out.append(compose(p, st, rng, keep, True)[0])
    return out[:args.names]


def main():
    global W
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--seed", type=int, default=7)
    ap.add_argument("--out")
    ap.add_argument("--records", type=int, default=6000)
    ap.add_argument("--nodes", type=int, help="how many; default: 6, or as many as dialects are given")
    ap.add_argument("--families", choices=["train", "test", "all"], default="train")
    ap.add_argument("--dialects", help="the nodes' dialects, by comma: till,full,erp,eshop,hand,hk,tw,import,kitchen; fewer than --nodes go round; default: drawn by the seed")
    ap.add_argument("--ambiguity", type=float, default=0.12, help="share of names that may leave out what another node's goods would need")
    ap.add_argument("--overlap", type=float, help="share of the nodes that hold a product, on the mean; default: one to four nodes, most often one or two")
    ap.add_argument("--counts", action="store_true")
    ap.add_argument("--list", action="store_true")
    ap.add_argument("--names", type=int)
    ap.add_argument("--dialect")
    ap.add_argument("--trades", help="only these trades, by comma")
    args = ap.parse_args()
    W = Words()
    families = read_families()
    if args.trades:
        families = [f for f in families if f.trade in args.trades.split(",")]
    if args.families != "all" and not (args.counts or args.list):
        families = [f for f in families if f.test == (args.families == "test")]
    if args.counts:
        rows = collections.OrderedDict()
        for f in families:
            r = rows.setdefault(f.trade, [0, 0, 0, 0])
            r[0] += 1
            r[1] += len(f.products)
            r[2] += f.test
            r[3] += len(f.products) * f.test
        print("| trade | families | products | of them test families | test products |\n|---|---|---|---|---|")
        for t, r in rows.items():
            print(f"| {t} | {r[0]} | {r[1]} | {r[2]} | {r[3]} |")
        s = [sum(r[i] for r in rows.values()) for i in range(4)]
        print(f"| **all {len(rows)} trades** | {s[0]} | {s[1]} | {s[2]} | {s[3]} |")
    elif args.list:
        for f in families:
            for p in f.products:
                print("\t".join([f.trade, "test" if f.test else "train", p.pid]))
    elif args.names:
        print("\n".join(names_only(families, args)))
    elif args.out:
        print(json.dumps(generate(families, args), ensure_ascii=False))
    else:
        ap.error("--out, --counts, --list or --names")


if __name__ == "__main__":
    main()
