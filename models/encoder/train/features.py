"""The featuriser: prepared text -> ids. This file is the reference; `features.json` says the same in words and data.

A name is a bag of features: CJK n-grams, words, letter trigrams, numbers, quantities, model codes. Features in the
vocabulary have an id of their own; the rest of the hashable kinds share buckets by FNV-1a 64.
"""
import json

FNV_OFFSET, FNV_PRIME, MASK = 0xCBF29CE484222325, 0x100000001B3, (1 << 64) - 1
CJK = ((0x3005, 0x3005), (0x3007, 0x3007), (0x3040, 0x30FF), (0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xAC00, 0xD7AF), (0xF900, 0xFAFF), (0x20000, 0x3FFFF))
LETTER = ((0x61, 0x7A), (0xC0, 0xD6), (0xD8, 0xF6), (0xF8, 0x24F), (0x370, 0x3FF), (0x400, 0x52F), (0x1E00, 0x1EFF))
# unit word -> (name, places the decimal point moves to the right)
UNITS = {
    "ml": ("ml", 0), "毫升": ("ml", 0), "cc": ("ml", 0), "мл": ("ml", 0), "l": ("ml", 3), "升": ("ml", 3), "公升": ("ml", 3), "ltr": ("ml", 3), "л": ("ml", 3),
    "g": ("g", 0), "克": ("g", 0), "gm": ("g", 0), "gr": ("g", 0), "公克": ("g", 0), "г": ("g", 0), "гр": ("g", 0), "kg": ("g", 3), "千克": ("g", 3), "公斤": ("g", 3), "кг": ("g", 3),
    "mm": ("mm", 0), "毫米": ("mm", 0), "мм": ("mm", 0), "cm": ("mm", 1), "厘米": ("mm", 1), "公分": ("mm", 1), "см": ("mm", 1), "m": ("mm", 3), "米": ("mm", 3), "м": ("mm", 3),
    "w": ("w", 0), "瓦": ("w", 0), "v": ("v", 0), "伏": ("v", 0), "oz": ("oz", 0), "盎司": ("oz", 0), "安士": ("oz", 0), "lb": ("lb", 0), "磅": ("lb", 0),
    "pcs": ("pc", 0), "pc": ("pc", 0), "个": ("pc", 0), "件": ("pc", 0), "片": ("pc", 0), "包": ("pc", 0), "粒": ("pc", 0), "支": ("pc", 0), "шт": ("pc", 0), "ct": ("pc", 0),
}  # fmt: skip
HASHED = "1bwtnqm"
MAX_IDS = 512


def fnv1a(s):
    h = FNV_OFFSET
    for b in s.encode("utf-8"):
        h = ((h ^ b) * FNV_PRIME) & MASK
    return h


def _kind(c):
    if "0" <= c <= "9":
        return "n"
    o = ord(c)
    if o < 0x80:
        return "w" if "a" <= c <= "z" else ""
    for a, b in CJK:
        if a <= o <= b:
            return "c"
    for a, b in LETTER:
        if a <= o <= b:
            return "w"
    return ""


_kinds = {}


def kind(c):
    k = _kinds.get(c)
    if k is None:
        k = _kinds[c] = _kind(c)
    return k


def runs(text):
    """[(kind, text, gap)]: maximal runs of CJK ('c'), letters ('w') or number ('n'); gap = what stands before: '' nothing, ' ' blanks only, '-' else."""
    out, i, n, gap = [], 0, len(text), ""
    while i < n:
        k = kind(text[i])
        if not k:
            gap = " " if text[i] == " " and gap in ("", " ") else "-"
            i += 1
            continue
        j = i + 1
        while j < n and kind(text[j]) == k:
            j += 1
        if k == "n" and j + 1 < n and text[j] == "." and kind(text[j + 1]) == "n":
            j += 2
            while j < n and kind(text[j]) == "n":
                j += 1
        out.append((k, text[i:j], gap))
        gap, i = "", j
    return out


def trim(num):
    """Number text without trailing zeros of its fraction."""
    return num.rstrip("0").rstrip(".") if "." in num else num


def shift(num, places):
    """Decimal text times 10^places; leading zeros dropped, trailing zeros of the fraction dropped."""
    whole, _, frac = num.partition(".")
    frac = frac.ljust(places, "0")
    whole, frac = (whole + frac[:places]).lstrip("0") or "0", frac[places:].rstrip("0")
    return f"{whole}.{frac}" if frac else whole


def unit(run):
    """Unit that a run after a number begins with: the whole word, or the first two / one CJK characters."""
    k, t, gap = run
    if gap == "-":
        return None
    if k == "w":
        return UNITS.get(t)
    if k == "c":
        return UNITS.get(t[:2]) or UNITS.get(t[:1])
    return None


def features(text):
    """All features of a prepared text, in order of occurrence, repeats included. The first character is the kind."""
    out, rs = [], runs(text)
    for r, (k, t, gap) in enumerate(rs):
        if k == "c":
            n = len(t)
            for i in range(n):
                out.append("1" + t[i])
                for size, tag in ((2, "b"), (3, "3"), (4, "4")):
                    if i + size <= n:
                        out.append(tag + t[i : i + size])
        elif k == "w":
            out.append("w" + t)
            if len(t) >= 3:
                p = f"<{t}>"
                for i in range(len(p) - 2):
                    out.append("t" + p[i : i + 3])
            if r and rs[r - 1][0] == "w" and gap == " ":
                out.append("p" + rs[r - 1][1] + " " + t)
        else:
            out.append("n" + trim(t))
            nxt = rs[r + 1] if r + 1 < len(rs) else None
            u = unit(nxt) if nxt else None
            if u:
                out.append("q" + shift(t, u[1]) + u[0])
            elif nxt and nxt[0] == "w" and nxt[2] == "":
                out.append("m" + t + nxt[1])
            if r and rs[r - 1][0] == "w" and gap != " " and len(rs[r - 1][1]) <= 8:
                out.append("m" + rs[r - 1][1] + t)
    return out


class Featuriser:
    def __init__(self, vocabulary, buckets):
        self.vocabulary = {f: i + 1 for i, f in enumerate(vocabulary)}  # id 0: nothing readable in the text
        self.first_bucket = 1 + len(vocabulary)
        self.buckets = buckets
        self.rows = self.first_bucket + buckets
        self._cache = {}

    @classmethod
    def load(cls, path):
        spec = json.loads(open(path, encoding="utf-8").read())
        return cls(spec["vocabulary"], spec["buckets"])

    def id(self, f):
        i = self.vocabulary.get(f)
        if i is None:
            i = self._cache.get(f)
            if i is None:
                i = self.first_bucket + fnv1a(f) % self.buckets if f[0] in HASHED else -1
                if len(self._cache) < 2_000_000:
                    self._cache[f] = i
        return i

    def ids(self, text):
        """Distinct ids in order of first occurrence, at most MAX_IDS; [0] when there is none."""
        out = dict.fromkeys(map(self.id, features(text)))
        out.pop(-1, None)
        return list(out)[:MAX_IDS] or [0]
