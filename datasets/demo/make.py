#!/usr/bin/env python3
"""Make the CSV files of a demo folder from its hand-written products.tsv.

    python3 make.py [FOLDER ...]           write records.csv, truth.csv, matches.csv, hard_negatives.csv
    python3 make.py --check [FOLDER ...]   write nothing: compare with what is there and test the invariants

Every name in products.tsv is written by hand, one cell a node. This script only gives out SKU codes and GTINs,
splits the cells into columns and works out truth, matches and hard negatives. Standard library only; the same
input gives the same bytes.

Marks inside a cell: ';' separates columns, ' // ' separates true duplicates of one node, a leading '~' says that
the name leaves out what tells it from a sibling (it is a record as any other, but no hard negative is made of it).
The part of a product id before the dot is its family: products of one family are hard negatives of each other.
explicit_negatives.tsv (optional) names further pairs of products that look alike across families.
"""
import csv
import io
import random
import re
import sys
import unicodedata
from itertools import combinations
from pathlib import Path

# short names of nodes in the header of products.tsv; other nodes stand there under their full ones
NODE_NAMES = {"county": "county-shop", "chain": "chain-store", "erp": "erp-warehouse", "hk": "hk-importer"}
# node -> columns of its cell, in the order of products.tsv; from its header (see read_products)
NODES = {}
RECORD_COLUMNS = ["node", "sku", "name", "brand", "spec", "unit", "category", "gtin"]
PAIR_COLUMNS = ["left_node", "left_sku", "right_node", "right_sku", "label"]
HARD_NEGATIVES_A_PRODUCT_PAIR = 2
HARD_NEGATIVES_A_FAMILY = 16
CLOSEST_NAMES_AT_LEAST = 0.4  # bigram Dice of the two closest names of two siblings: farther siblings are no trap

# The category words of the three nodes that keep such a column; the county shop files by habit, not by kind.
CATEGORIES = {
    # trade: (county-shop, chain-store, erp-warehouse)
    "drinks": ("食品", "饮料", "01 饮料冲调"),
    "dairy": ("食品", "乳品", "02 乳制品"),
    "snacks": ("食品", "休闲食品", "03 休食"),
    "seasoning": ("食品", "调味品", "04 调味"),
    "noodles-grain-oil": ("食品", "粮油面点", "05 粮油方便"),
    "fresh-food-restaurant": ("食品", "生鲜冷冻", "06 生鲜冻品"),
    "baking": ("食品", "烘焙", "07 烘焙原料"),
    "household-personal-care": ("百货", "洗化纸品", "08 日化"),
    "textile-accessories": ("百货", "纺织辅料", "09 辅料"),
    "hardware-electrical-building-paint": ("百货", "五金家装", "10 五金电工"),
    "farm-inputs": ("", "农资", "11 农资"),
    "medical-supplies": ("", "医疗护理", "12 医疗器械"),
    "auto-parts": ("", "汽车用品", "13 汽配"),
    "pet": ("", "宠物", "14 宠物"),
    "liquor-tobacco": ("食品", "烟酒", "15 酒类烟草"),
    "stationery": ("百货", "文具办公", "16 文具"),
    "baby": ("百货", "母婴", "17 母婴"),
    "kitchenware": ("百货", "厨房用品", "18 厨具"),
    "electronics": ("百货", "数码配件", "19 数码"),
    # of the restaurant chain, whose nodes keep no category
    "produce": (),
    "meat": (),
    "seafood": (),
    "frozen": (),
    "condiment": (),
    "staple": (),
    "drink": (),
    "supply": (),
}


class Record:
    def __init__(self, node, product, trade, fields, underspecified):
        self.node, self.product, self.trade = node, product, trade
        self.underspecified = underspecified
        self.sku = self.gtin = ""
        self.name = fields["name"]
        self.brand = fields.get("brand", "")
        self.spec = fields.get("spec", "")
        self.unit = fields.get("unit", "")
        by_trade = dict(zip(("county-shop", "chain-store", "erp-warehouse"), CATEGORIES[trade]))
        self.category = by_trade.get(node, "")
        self.family = product.split(".")[0]

    @property
    def key(self):
        return (self.node, self.sku)

    @property
    def text(self):
        """All that the record says, folded, for comparing; not what a matcher has to use."""
        said = " ".join((self.name, self.brand, self.spec, self.unit))
        return re.sub(r"[\s()（）【】·,，\-]", "", unicodedata.normalize("NFKC", said).lower())


def read_products(folder):
    records = []
    with open(folder / "products.tsv", encoding="utf-8", newline="") as file:
        rows = [line.rstrip("\n").split("\t") for line in file]
    NODES.clear()
    for cell in rows[0][2:]:
        name, _, columns = cell.partition("(")
        NODES[NODE_NAMES.get(name, name)] = tuple(columns.rstrip(")").split(";")) if columns else ("name",)
    seen = set()
    for number, row in enumerate(rows[1:], start=2):
        if len(row) != 2 + len(NODES):
            sys.exit(f"{folder}/products.tsv line {number}: {len(row)} columns, {2 + len(NODES)} wanted")
        trade, product, *cells = row
        if product in seen or "." not in product or trade not in CATEGORIES:
            sys.exit(f"{folder}/products.tsv line {number}: product id repeated or without family, or unknown trade")
        seen.add(product)
        for (node, columns), cell in zip(NODES.items(), cells):
            for part in filter(None, cell.split(" // ")):
                values = part.lstrip("~").split(";")
                if len(values) != len(columns):
                    sys.exit(f"{folder}/products.tsv line {number}: {part!r} has not the columns {columns}")
                fields = dict(zip(columns, values))
                records.append(Record(node, product, trade, fields, part.startswith("~")))
    return records


def give_skus(records, rng):
    """Each node numbers its goods in its own style; the order says nothing about the goods."""
    letters = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
    for node in NODES:
        goods = [r for r in records if r.node == node]
        rng.shuffle(goods)
        number = {"county-shop": 118, "chain-store": 20013400, "erp-warehouse": 1100, "hk-importer": 30200}.get(node, 0)
        drawn = set()
        for index, record in enumerate(goods):
            number += rng.randint(1, 9)
            if node == "county-shop":
                record.sku = f"{number:06d}"
            elif node == "chain-store":
                record.sku = str(number)
            elif node == "eshop":
                while not record.sku or record.sku in drawn:
                    record.sku = "SP-" + "".join(rng.choice(letters) for _ in range(6))
                drawn.add(record.sku)
            elif node == "erp-warehouse":
                record.sku = f"WL.{number // 1000:02d}.{number % 1000:03d}"
            elif node == "hk-importer":
                record.sku = f"HK{number}"
            elif node != "notebook":
                record.sku = f"{node[0].upper()}{node[-1].upper()}{number:05d}"
            else:
                record.sku = f"P{index // 20 + 1:02d}-{index % 20 + 1:02d}"


def check_digit(twelve):
    weighted = sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(twelve))
    return str(-weighted % 10)


def give_gtins(records, rng):
    """Prefix 952 is the one GS1 keeps for demonstrations: no code here is a real article's. Codes from 20 on are a
    shop's own; two nodes use the same ones for different goods, as happens."""
    held = {}
    for record in records:
        if record.node in ("chain-store", "erp-warehouse"):
            held.setdefault(record.product, {})[record.node] = record
    both = sorted(p for p, nodes in held.items() if len(nodes) == 2)
    one = sorted(p for p, nodes in held.items() if len(nodes) == 1)
    rng.shuffle(both)
    rng.shuffle(one)

    def code(prefix, digits):
        body = prefix + "".join(rng.choice("0123456789") for _ in range(digits))
        return body + check_digit(body)

    shared, lonely, in_store = len(both) * 3 // 10, len(one) * 15 // 100, max(2, len(both) // 20)
    for product in both[:shared]:
        gtin = code("952", 9)
        for record in held[product].values():
            record.gtin = gtin
    for product in one[:lonely]:
        for record in held[product].values():
            record.gtin = code("952", 9)
    rest = both[shared:]
    for index in range(in_store if rest else 0):
        gtin = code("2" + rng.choice("0123"), 10)
        held[rest[2 * index]]["chain-store"].gtin = gtin
        if index % 2 == 0:
            held[rest[2 * index + 1]]["erp-warehouse"].gtin = gtin


def similarity(left, right):
    def bigrams(text):
        return {text[i : i + 2] for i in range(len(text) - 1)}

    a, b = bigrams(left.text), bigrams(right.text)
    return 2 * len(a & b) / (len(a) + len(b) or 1)


def is_contained(left, right):
    """One name and spec say nothing that the other record does not say: a person could not call them different."""

    def inside(short, long):
        said = unicodedata.normalize("NFKC", short.name + short.spec).lower()
        rest = iter(long.text)
        return all(character in rest for character in re.sub(r"[^\w.%]", "", said))

    return inside(left, right) or inside(right, left)


def ordered(left, right):
    order = list(NODES)
    return (left, right) if (order.index(left.node), left.sku) <= (order.index(right.node), right.sku) else (right, left)


def pair_row(left, right, label):
    left, right = ordered(left, right)
    return [left.node, left.sku, right.node, right.sku, str(label)]


def hard_negatives(folder, records):
    of_product = {}
    for record in records:
        of_product.setdefault(record.product, []).append(record)
    families = {}
    for product in sorted(of_product):
        families.setdefault(product.split(".")[0], []).append(product)
    explicit = set()
    path = folder / "explicit_negatives.tsv"
    if path.exists():
        for line in path.read_text(encoding="utf-8").splitlines()[1:]:
            left, right, _why = line.split("\t")
            if left in of_product and right in of_product:
                explicit.add((left, right))
            else:
                sys.exit(f"{path}: unknown product in {line!r}")

    def closest(left_product, right_product):
        return max(similarity(a, b) for a in of_product[left_product] for b in of_product[right_product])

    def best(left_product, right_product, limit):
        pairs = [
            (similarity(a, b), a, b)
            for a in of_product[left_product]
            for b in of_product[right_product]
            if a.node != b.node and not a.underspecified and not b.underspecified and not is_contained(a, b)
        ]
        pairs.sort(key=lambda p: (-p[0], p[1].key, p[2].key))
        return pairs[:limit]

    chosen = []
    for members in families.values():
        of_family = []
        for left, right in combinations(members, 2):
            if closest(left, right) >= CLOSEST_NAMES_AT_LEAST:
                of_family += best(left, right, HARD_NEGATIVES_A_PRODUCT_PAIR)
        of_family.sort(key=lambda p: (-p[0], p[1].key, p[2].key))
        chosen += of_family[:HARD_NEGATIVES_A_FAMILY]
    for left, right in sorted(explicit):
        chosen += best(left, right, HARD_NEGATIVES_A_PRODUCT_PAIR)
    return [(a, b) for _, a, b in chosen]


def build(folder):
    records = read_products(folder)
    rng = random.Random("tongpin " + folder.name)
    give_skus(records, rng)
    give_gtins(records, rng)
    order = list(NODES)
    records.sort(key=lambda r: (order.index(r.node), r.sku))

    # clusters are numbered in the order in which a reader of records.csv meets them
    clusters = {}
    for record in records:
        clusters.setdefault(record.product, f"C{len(clusters) + 1:04d}")

    matches = [
        pair_row(a, b, 1) for a, b in combinations(records, 2) if a.product == b.product and a.node != b.node
    ]
    negatives = sorted({tuple(pair_row(a, b, 0)) for a, b in hard_negatives(folder, records)}, key=lambda r: (order.index(r[0]), r))
    tables = {
        "records.csv": (RECORD_COLUMNS, [[getattr(r, c) for c in RECORD_COLUMNS] for r in records]),
        "truth.csv": (["node", "sku", "cluster"], [[r.node, r.sku, clusters[r.product]] for r in records]),
        "matches.csv": (PAIR_COLUMNS, matches),
        "hard_negatives.csv": (PAIR_COLUMNS, negatives),
    }
    return records, {name: as_csv(header, rows) for name, (header, rows) in tables.items()}


def as_csv(header, rows):
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue()


def check(folder, files):
    """Read the files back as a stranger would and test what README.md promises."""
    read = {}
    for name, wanted in files.items():
        found = (folder / name).read_text(encoding="utf-8")
        assert found == wanted, f"{folder / name} is not what products.tsv gives: run make.py"
        read[name] = list(csv.DictReader(io.StringIO(found)))
    records = {(r["node"], r["sku"]): r for r in read["records.csv"]}
    assert len(records) == len(read["records.csv"]), "(node, sku) repeated"
    cluster = {(r["node"], r["sku"]): r["cluster"] for r in read["truth.csv"]}
    assert len(cluster) == len(read["truth.csv"]) and cluster.keys() == records.keys(), "truth is not one to one"
    assert all(r["name"] for r in records.values()), "empty name"

    members = {}
    for key, name in cluster.items():
        members.setdefault(name, []).append(key)
    wanted = {frozenset(p) for keys in members.values() for p in combinations(keys, 2) if p[0][0] != p[1][0]}

    def pairs(name):
        rows = read[name]
        found = [frozenset(((r["left_node"], r["left_sku"]), (r["right_node"], r["right_sku"]))) for r in rows]
        assert len(found) == len(set(found)), f"{name}: pair repeated"
        return set(found)

    assert pairs("matches.csv") == wanted, "matches are not the truth's cross-node pairs"
    negatives = pairs("hard_negatives.csv")
    for pair in negatives:
        left, right = pair
        assert left in records and right in records and left[0] != right[0]
        assert cluster[left] != cluster[right], f"hard negative {left} {right} is in the truth"
    for node in NODES:
        for keys in members.values():
            assert node == "eshop" or sum(k[0] == node for k in keys) <= 1, f"duplicate in {node}"
    gtins = [r["gtin"] for r in records.values() if r["gtin"]]
    assert all(len(g) == 13 and check_digit(g[:12]) == g[12] for g in gtins), "GTIN check digit"

    same_text = {}
    for key, r in records.items():
        same_text.setdefault((key[0], r["name"], r["brand"], r["spec"], r["unit"]), []).append(key)
    twins = [(text, keys) for text, keys in same_text.items() if len({cluster[k] for k in keys}) > 1]
    spread = {}
    for keys in members.values():
        nodes = len({k[0] for k in keys})
        spread[nodes] = spread.get(nodes, 0) + 1
    alone = sum(len(keys) for keys in members.values() if len(keys) == 1)
    matched = [len({k[0] for k in keys}) for keys in members.values() if len(keys) > 1]
    print(f"{folder.name}: {len(records)} records, {len(members)} products, {len(wanted)} matches, {len(negatives)} hard negatives")
    print("  records a node:", {n: sum(k[0] == n for k in records) for n in NODES if any(k[0] == n for k in records)})
    print("  products by number of nodes:", dict(sorted(spread.items())))
    print(f"  records without partner: {alone} ({100 * alone / len(records):.1f} %)")
    print(f"  nodes a product: {sum(n * c for n, c in spread.items()) / len(members):.2f}; with a partner: {sum(matched) / len(matched):.2f}")
    print(f"  true duplicates in eshop: {len(records) - sum(n * c for n, c in spread.items())}")
    print(f"  GTINs: {len(gtins)}, in-store {sum(g[0] == '2' for g in gtins)}")
    print(f"  same text, different product: {len(twins)}")
    for text, keys in twins:
        print("   ", text[0], " ".join(filter(None, text[1:])), [k[1] for k in keys])


def main(arguments):
    checking = "--check" in arguments
    folders = [Path(a).resolve() for a in arguments if a != "--check"] or [Path(__file__).resolve().parent]
    for folder in folders:
        records, files = build(folder)
        if not checking:
            for name, text in files.items():
                (folder / name).write_text(text, encoding="utf-8", newline="")
        check(folder, files)
        families = {}
        for product in {r.product for r in records}:
            families.setdefault(product.split(".")[0], []).append(product)
        siblings = sum(len(m) for m in families.values() if len(m) > 1)
        total = sum(map(len, families.values()))
        print(f"  families: {len(families)}; products with a sibling: {siblings} of {total}")


if __name__ == "__main__":
    main(sys.argv[1:])
