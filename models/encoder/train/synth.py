"""Synthetic pairs: one product said in two ways (positive) and a near neighbour that is another product (negative)."""
import random
import re
from collections import defaultdict

CJK = re.compile(r"[一-鿿]")
CJK_RUN = re.compile(r"[一-鿿]+")
NUM_UNIT = re.compile(r"(\d+(?:\.\d+)?) ?(ml|毫升|l|升|g|克|kg|千克|公斤|mm|cm|毫米|厘米|мл|г|кг|л|oz|w|v|片|包|支|个|ct|pcs)(?![a-zа-я])")
NUM = re.compile(r"\d+(?:\.\d+)?")
SAME = [["ml", "毫升", "мл"], ["l", "升", "л"], ["g", "克", "г"], ["kg", "千克", "公斤", "кг"], ["mm", "毫米"], ["cm", "厘米"], ["片", "pcs"], ["ct", "pcs"]]
SAME = {u: g for g in SAME for u in g}
UP = {"ml": "l", "毫升": "升", "g": "kg", "克": "千克", "mm": "m", "毫米": "米", "l": "ml", "升": "毫升", "kg": "g", "千克": "克", "公斤": "克"}
SELL_ZH = "正品 包邮 新款 特价 促销 家庭装 优惠装 超值 新品 官方 旗舰店 特惠 进口 国产 零售 批发 散装 【新】 (促) 赠品装 实惠装 整箱 单个 A款 新包装".split()
SELL_EN = "new sale promo value pack official original family pack special imported case each bonus".split()
VARIANTS = [
    "原味 香辣 麻辣 五香 番茄 烧烤 海鲜 牛肉 鸡肉 猪肉 虾 蜂蜜 柠檬 草莓 苹果 香橙 蓝莓 葡萄 水蜜桃 芒果 巧克力 香草 抹茶 绿茶 红茶 乌龙 茉莉 咖啡 芝麻 花生 椰子 薄荷 玫瑰 薰衣草 红枣 黑糖 孜然 泡椒 酸菜 香菇 老坛".split(),
    "红色 黑色 白色 蓝色 绿色 黄色 粉色 灰色 紫色 银色 金色 棕色 橙色 透明".split(),
    "大号 中号 小号 加大 迷你".split(),
    "低脂 全脂 脱脂 无糖 低糖 有机".split(),
    "男 女 儿童 婴儿 成人".split(),
    "lemon strawberry apple orange blueberry grape peach mango chocolate vanilla mint coconut honey cherry raspberry banana original spicy bbq".split(),
    "red black white blue green yellow pink gray purple silver gold brown".split(),
    "large small medium mini xl".split(),
    "beef chicken pork turkey shrimp tuna salmon".split(),
]
VARIANT_OF = {w: g for g in VARIANTS for w in g}
VARIANT_RE = re.compile("|".join(sorted((w if CJK.match(w) else rf"\b{w}\b" for w in VARIANT_OF), key=len, reverse=True)))


def _number(x):
    return f"{x:.4f}".rstrip("0").rstrip(".")


class Synth:
    def __init__(self, lex, chars, seed=1):
        self.r = random.Random(seed)
        self.alias = defaultdict(list)
        for g in lex["groups"]:
            for w in g:
                if len(w) >= 2:
                    self.alias[w] += [x for x in g if x != w]
        for a, b in lex["brands"]:
            self.alias[a].append(b)
            self.alias[b].append(a)
        self.groups = [g for g in lex["groups"]]
        self.brands = lex["brands"]
        self.brand_zh = {a for a, _ in lex["brands"]} | {b for b in lex["words"]["brand"] if CJK.match(b)}
        self.homophones = defaultdict(list)
        try:
            from pypinyin import Style, lazy_pinyin

            by = defaultdict(list)
            for c in chars:
                by[lazy_pinyin(c, style=Style.NORMAL)[0]].append(c)
            for cs in by.values():
                for i, c in enumerate(cs):  # chars come most frequent first: keep confusions among common ones
                    self.homophones[c] = [x for x in cs[:12] if x != c]
        except ImportError:
            pass

    # one way of saying -> another
    def translate(self, s, p=0.7):
        """Exchange dictionary words inside the name for an alias, longest first."""
        out, i, n = [], 0, len(s)
        while i < n:
            hit = None
            if i == 0 or CJK.match(s[i]) or s[i - 1] == " ":
                for size in range(min(24, n - i), 1, -1):
                    w = s[i : i + size]
                    if w in self.alias and (CJK.match(w[0]) or i + size == n or s[i + size] == " "):
                        hit = w
                        break
            if hit and self.r.random() < p:
                to = self.r.choice(self.alias[hit])
                glue = "" if CJK.match(to[0]) and CJK.match(hit[0]) else " "
                out.append(glue + to + glue)
                i += len(hit)
            elif hit:
                out.append(hit)
                i += len(hit)
            else:
                out.append(s[i])
                i += 1
        return "".join(out)

    def abbreviate(self, s):
        r = self.r

        def cjk(m):
            t = m.group()
            if len(t) < 4 or r.random() < 0.3:
                return t
            mode = r.random()
            if mode < 0.35:  # first characters of two-character chunks
                return "".join(t[i] if r.random() < 0.5 else t[i : i + 2] for i in range(0, len(t), 2))
            if mode < 0.6:
                keep = [c for c in t if r.random() < 0.75]
                return "".join(keep) if len(keep) >= 2 else t
            cut = r.randint(1, max(1, len(t) // 3))
            at = r.randint(0, len(t) - cut)
            return t[:at] + t[at + cut :]

        def word(m):
            t = m.group()
            if len(t) < 5 or r.random() < 0.65:
                return t
            mode = r.random()
            if mode < 0.4:
                return t[0] + "".join(c for c in t[1:] if c not in "aeiouаеиоуы")
            return t[: r.randint(3, len(t) - 1)]

        return re.sub(r"[a-zа-я]+", word, CJK_RUN.sub(cjk, s))

    def order(self, s):
        t = s.split(" ")
        if len(t) >= 2 and self.r.random() < 0.7:
            i, j = self.r.randrange(len(t)), self.r.randrange(len(t))
            t.insert(j, t.pop(i))
            return " ".join(t)
        m = list(CJK_RUN.finditer(s))
        if m:
            m = self.r.choice(m)
            w = m.group()
            if len(w) >= 4:
                i = self.r.randint(2, len(w) - 2)
                return s[: m.start()] + w[i:] + self.r.choice(["", " "]) + w[:i] + s[m.end() :]
        return s

    def drop(self, s):
        t = s.split(" ")
        if len(t) >= 3:
            for _ in range(self.r.randint(1, max(1, len(t) // 3))):
                t.pop(self.r.randrange(len(t)))
            return " ".join(t)
        for size in (4, 3, 2):  # a brand at the front
            if s[:size] in self.brand_zh and len(s) - size >= 3:
                return s[size:]
        return s

    def units(self, s):
        r = self.r

        def f(m):
            x, u = m.group(1), m.group(2)
            k = r.random()
            if k < 0.45 and u in SAME:
                return x + r.choice(["", " "]) + r.choice(SAME[u])
            if k < 0.75 and u in UP:
                v = float(x) * (1000 if u in ("l", "升", "kg", "千克", "公斤") else 0.001)
                if 0.01 <= v < 100000:
                    return _number(v) + UP[u]
            if k < 0.85:
                return x
            return "" if k < 0.95 else m.group()

        return NUM_UNIT.sub(f, s)

    def spec(self, s):
        m = list(NUM_UNIT.finditer(s))
        if not m:
            return s
        m = self.r.choice(m)
        rest = (s[: m.start()] + " " + s[m.end() :]).strip()
        k = self.r.random()
        return rest if k < 0.4 and len(rest) > 2 else f"{m.group()} {rest}" if k < 0.7 else f"{rest} {m.group()}"

    def typo(self, s):
        r, t = self.r, list(s)
        for _ in range(1 if len(t) < 12 else r.randint(1, 2)):
            if len(t) < 4:
                break
            i = r.randrange(len(t) - 1)
            c = t[i]
            if CJK.match(c):
                if self.homophones.get(c):
                    t[i] = r.choice(self.homophones[c])
            elif c.isalpha():
                k = r.random()
                if k < 0.35:
                    t.pop(i)
                elif k < 0.7 and t[i + 1].isalpha():
                    t[i], t[i + 1] = t[i + 1], t[i]
                else:
                    t.insert(i, c)
        return "".join(t)

    def sell(self, s):
        w = self.r.choice(SELL_ZH if CJK.search(s) else SELL_EN)
        return w + self.r.choice(["", " "]) + s if self.r.random() < 0.4 else f"{s} {w}"

    def blanks(self, s):
        if self.r.random() < 0.5:
            return s.replace(" ", "") if CJK.search(s) else s.replace(" ", "", 1)
        return re.sub(r"(?<=[一-鿿])(?=[a-z0-9])|(?<=[a-z0-9])(?=[一-鿿])", " ", s)

    def positive(self, s):
        r = self.r
        out = s
        ops = [self.abbreviate, self.order, self.drop, self.units, self.spec, self.typo, self.sell, self.blanks, self.translate]
        for op in r.choices(ops, weights=[3, 2, 2, 2, 2, 1.5, 1, 1, 4], k=r.choice([1, 2, 2, 3])):
            out = op(out)
        out = " ".join(out.split())
        return out if len(out) >= 2 else s

    # another product
    def negative(self, s):
        r = self.r
        ways = []
        nums = list(NUM.finditer(s))
        if nums:
            ways.append("n")
        vs = list(VARIANT_RE.finditer(s))
        if vs:
            ways += ["v", "v"]
        if not ways:
            t = CJK_RUN.search(s)
            if t and len(t.group()) >= 4:
                g = r.choice(VARIANTS[:5])
                at = t.end() if r.random() < 0.5 else t.start() + len(t.group()) // 2
                return s[:at] + r.choice(g) + s[at:], True
            return s, False
        if r.choice(ways) == "n":
            m = r.choice(nums)
            x = m.group()
            for _ in range(5):
                y = _number(float(x) * r.choice([0.5, 2, 1.5, 1.2, 3, 10, 0.1])) if r.random() < 0.5 and "." not in x else "".join(r.choice("0123456789") if c.isdigit() and r.random() < 0.5 else c for c in x)
                if y != x and y.strip("0."):
                    return s[: m.start()] + y + s[m.end() :], True
            return s, False
        m = r.choice(vs)
        g = [w for w in VARIANT_OF[m.group()] if w != m.group()]
        return s[: m.start()] + r.choice(g) + s[m.end() :], True

    # whole names out of the dictionaries: the same brand, words and size in two languages
    def composed(self):
        r = self.r
        a, b, groups = [], [], []
        if r.random() < 0.55:
            x, y = r.choice(self.brands)
            if r.random() < 0.25:
                y = x  # many names keep one spelling of the brand
            a.append(x), b.append(y)
        for _ in range(r.choice([1, 1, 2, 2, 3])):
            g = r.choice(self.groups)
            groups.append(g)
        wa, wb = [], []
        for g in groups:
            zh = [w for w in g if CJK.search(w)]
            en = [w for w in g if not CJK.search(w)]
            if zh and en and r.random() < 0.85:
                wa.append(r.choice(zh)), wb.append(r.choice(en))
            else:
                p = r.sample(g, 2)
                wa.append(p[0]), wb.append(p[1])
        if r.random() < 0.4:
            wb.reverse()
        a.append((" " if r.random() < 0.2 else "").join(wa) if all(CJK.search(w) for w in wa) else " ".join(wa))
        b += wb
        if r.random() < 0.6:
            n = r.choice([1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 20, 24, 25, 30, 35, 40, 50, 55, 60, 75, 80, 90, 100, 120, 150, 180, 200, 210, 240, 250, 300, 330, 350, 355, 400, 450, 500, 550, 600, 700, 750, 800, 900])
            u = r.choice(["ml", "g"]) if n > 12 else r.choice(["l", "kg", "pc"])
            zh = {"ml": "毫升", "g": "克", "l": r.choice(["升", "公升"]), "kg": r.choice(["公斤", "千克"]), "pc": r.choice(["片", "包", "件", "个"])}[u]
            en = "pcs" if u == "pc" else u
            a.append(f"{n}{zh if r.random() < 0.6 else en}"), b.append(f"{n}{r.choice(['', ' '])}{en}")
        a, b = " ".join(a), " ".join(b)
        return (a, b) if r.random() < 0.5 else (b, a)
