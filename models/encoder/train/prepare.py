"""Read the name corpora and lexicons; bring every text into the form the service feeds the encoder."""
import csv
import gzip
import unicodedata
from pathlib import Path

from opencc import OpenCC

_t2s = OpenCC("t2s")
MAX_CHARS = 200


def prepare(text):
    """NFKC, lower case, Traditional folded to Simplified, single-spaced, cut: what the Rust side does."""
    text = unicodedata.normalize("NFKC", text or "")
    text = _t2s.convert(text).lower()
    return " ".join(text.split())[:MAX_CHARS]


def record_text(name, brand="", spec=""):
    """Brand + name + spec joined by blanks; brand and spec only where the (prepared) name does not hold them."""
    name, brand, spec = prepare(name), prepare(brand), prepare(spec)
    out = name if not brand or brand in name else f"{brand} {name}".strip()
    if spec and spec not in name:
        out = f"{out} {spec}".strip()
    return out[:MAX_CHARS]


def _lines(path):
    with gzip.open(path, "rt", encoding="utf-8") as f:
        for line in f:
            line = line.rstrip("\n")
            if line:
                yield line


def _tsv(path):
    with open(path, encoding="utf-8") as f:
        rows = list(csv.reader(f, delimiter="\t", quoting=csv.QUOTE_NONE))
    return rows[1:]


def names(corpora, exclude=frozenset()):
    """{kind: [prepared names]}; never a coatings line, never a text in `exclude` (the benchmarks' own texts)."""
    corpora = Path(corpora)
    out = {
        "query": [prepare(x) for x in _lines(corpora / "zh-ecom-queries-multicpr.txt.gz")],
        "title": [],
        "pos": [prepare(x) for x in _lines(corpora / "zh-pos-item-names.txt.gz")],
        "ruen": [prepare(x) for x in _lines(corpora / "ru-en-product-names-uhtt-sample.txt.gz")],
    }
    for line in _lines(corpora / "zh-product-titles-misc.txt.gz"):
        source, _, title = line.partition("\t")
        if "coating" not in source.lower():
            out["title"].append(prepare(title))
    for kind, xs in out.items():
        out[kind] = [x for x in dict.fromkeys(xs) if len(x) >= 2 and x not in exclude]
    return out


def benchmark_texts(folder):
    """Texts of the measuring sets, only so that training can leave out lines that occur in them literally."""
    seen = set()
    for p in Path(folder).glob("*/*.csv"):
        if p.name not in ("records.csv", "left.csv", "right.csv"):
            continue
        with open(p, encoding="utf-8-sig") as f:
            for r in csv.DictReader(f):
                name, brand, spec = r.get("name") or r.get("title"), r.get("brand"), r.get("spec")
                seen.update((prepare(name), record_text(name, brand, spec), record_text(name, brand), record_text(name, "", spec)))
    return seen


def _groups(rows, group, canonical, alias):
    g = {}
    for r in rows:
        d = g.setdefault(r[group], [])
        for x in (r[canonical], r[alias]):
            x = prepare(x.split("(")[0].split("（")[0])
            if x and x not in d:
                d.append(x)
    return [v for v in g.values() if len(v) > 1]


def lexicons(folder, own=None):
    """Alias groups (words that mean the same), brand pairs, and plain word lists. The HK brand list is not read."""
    folder = Path(folder)
    food = _groups(_tsv(folder / "food_aliases.tsv"), 0, 1, 2)
    trade = _groups(_tsv(folder / "trade_aliases.tsv"), 1, 2, 3)
    taxonomy = []
    for r in _tsv(folder / "off_taxonomy_en_zh.tsv"):
        g = [prepare(r[1])] + [prepare(x) for x in r[2].replace("|", ",").replace("，", ",").split(",")]
        g = [x for x in dict.fromkeys(g) if x]
        if len(g) > 1:
            taxonomy.append(g)
    brands = []
    for r in _tsv(folder / "brand_zh_latin_jd.tsv"):
        a, b = prepare(r[0].strip("-")), prepare(r[1])
        if len(a) >= 2 and len(b) >= 2 and a != b:
            brands.append((a, b))
    words = {
        "food": [prepare(r[0]) for r in _tsv(folder / "thuocl_food.tsv")],
        "medical": [prepare(r[0]) for r in _tsv(folder / "thuocl_medical.tsv")][:6000],
        "taobao": [(prepare(r[1]), r[0]) for r in _tsv(folder / "taobao_entities.tsv")],
        "brand": [prepare(r[0]) for r in _tsv(folder / "brand_names_jd.tsv")],
    }
    dictionary = []
    if own:
        for line in Path(own).read_text(encoding="utf-8").splitlines():
            if line and not line.startswith("#"):
                g = [prepare(x) for part in line.split("=") for x in part.split("|")]
                g = [x for x in dict.fromkeys(g) if x]
                if len(g) > 1:
                    dictionary.append(g)
    return {"groups": food + trade + taxonomy + dictionary, "brands": brands, "words": words}
