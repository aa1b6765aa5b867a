"""First steps with Tongpin in plain Python: JSON over HTTP, no package to install.

    python3 first_steps.py http://127.0.0.1:7070 tp_YOUR_KEY
"""

import json
import sys
import urllib.error
import urllib.request

ADDRESS, KEY = sys.argv[1], sys.argv[2]


def call(method, **request):
    """One call, `CatalogService/GetSku`; fails with what the server says."""
    http = urllib.request.Request(
        f"{ADDRESS}/tongpin.v1.{method}",
        data=json.dumps(request).encode(),
        headers={"content-type": "application/json", "authorization": f"Bearer {KEY}"},
    )
    try:
        with urllib.request.urlopen(http) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        problem = json.load(error)
        raise SystemExit(f"{method}: {problem['code']}: {problem['message']}") from None


shops = {
    "shop": {"A1": "海天酱油500ml", "A2": "海天酱油1L", "A3": "立白洗洁精1升"},
    "warehouse": {"W-17": "酱油(海天) 0.5升", "W-18": "酱油(海天) 1升", "W-19": "洗洁精 立白 1L"},
    "online": {"x1": "海天 酱油 500毫升 瓶装", "x2": "海天 酱油 1000ml", "x3": "立白 洗洁精 1L 家庭装"},
}
known = {node["name"] for node in call("NodeService/ListNodes").get("nodes", [])}
for node, goods in shops.items():
    if f"nodes/{node}" not in known:
        call("NodeService/CreateNode", nodeId=node, node={"displayName": node})
    call(
        "CatalogService/BatchUpdateSkus",
        parent=f"nodes/{node}",
        requests=[
            {"sku": {"name": f"nodes/{node}/skus/{code}", "attributes": {"displayName": name}}, "allowMissing": True}
            for code, name in goods.items()
        ],
    )

print("What means the same as 海天酱油 500ml?")
found = call("MatchService/FindMatches", query={"attributes": {"displayName": "海天酱油 500ml"}}, maxResults=3)
for match in found["matches"]:
    evidence, sku = match["evidence"], match["sku"]
    print(f"  {evidence['confidence']:.2f}  {sku['attributes']['displayName']}  ({sku['name']})  {evidence['summary']}")

print("What is the shop's A1 elsewhere?")
there = call("MatchService/TranslateSku", name="nodes/shop/skus/A1")
for sku in there.get("skus", []):
    print(f"  {sku['name']}  {sku['attributes']['displayName']}")
print(f"  state {there['matchState']}")
