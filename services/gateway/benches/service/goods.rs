//! A made-up catalogue: eight nodes, each with its own way of writing brand, good, flavour and size, which share most of
//! their products. Every product has many near neighbours (another flavour, another size), so that nearly every candidate
//! is a rival.

pub const NODES: [&str; 8] = ["n0", "n1", "n2", "n3", "n4", "n5", "n6", "n7"];
const BRANDS: [&str; 24] = [
    "海天",
    "立白",
    "康师傅",
    "统一",
    "伊利",
    "蒙牛",
    "农夫山泉",
    "怡宝",
    "金龙鱼",
    "鲁花",
    "蓝月亮",
    "雕牌",
    "汰渍",
    "舒肤佳",
    "清风",
    "维达",
    "心相印",
    "洽洽",
    "旺旺",
    "奥利奥",
    "德芙",
    "青岛",
    "雪花",
    "李锦记",
];
const GOODS: [&str; 40] = [
    "酱油",
    "陈醋",
    "蚝油",
    "料酒",
    "花生油",
    "玉米油",
    "大米",
    "挂面",
    "方便面",
    "火腿肠",
    "酸奶",
    "纯牛奶",
    "矿泉水",
    "苏打水",
    "绿茶",
    "红茶",
    "可乐",
    "啤酒",
    "白酒",
    "黄酒",
    "饼干",
    "薯片",
    "瓜子",
    "巧克力",
    "软糖",
    "洗衣液",
    "洗洁精",
    "肥皂",
    "沐浴露",
    "洗发水",
    "护发素",
    "牙膏",
    "抽纸",
    "卷纸",
    "湿巾",
    "垃圾袋",
    "保鲜膜",
    "电池",
    "毛巾",
    "拖把",
];
const FLAVOURS: [&str; 12] = [
    "原味",
    "草莓味",
    "柠檬味",
    "薄荷",
    "玫瑰",
    "椰子味",
    "蜂蜜",
    "芒果味",
    "茉莉",
    "香辣味",
    "海盐味",
    "黄瓜味",
];
const SIZES: [(&str, &str); 12] = [
    ("100g", "100克"),
    ("250g", "0.25kg"),
    ("300ml", "0.3升"),
    ("450g", "450克"),
    ("500ml", "0.5L"),
    ("750ml", "750毫升"),
    ("800g", "0.8kg"),
    ("1L", "1升"),
    ("1.5L", "1500ml"),
    ("2kg", "2千克"),
    ("3L", "3升"),
    ("5kg", "10斤"),
];

/// The name of product `number` as node `node` writes it.
pub fn name(number: usize, node: usize) -> String {
    let brand = BRANDS[number % BRANDS.len()];
    let rest = number / BRANDS.len();
    let good = GOODS[rest % GOODS.len()];
    let rest = rest / GOODS.len();
    let flavour = FLAVOURS[rest % FLAVOURS.len()];
    let rest = rest / FLAVOURS.len();
    let (size, other) = SIZES[rest % SIZES.len()];
    match node % 4 {
        0 => format!("{brand}{good}{flavour}{size}"),
        1 => format!("{brand} {flavour}{good} {other}"),
        2 => format!("{good}({brand}){flavour} {size}"),
        _ => format!("{flavour}{good} {brand} {other} 装"),
    }
}

pub fn products() -> usize {
    BRANDS.len() * GOODS.len() * FLAVOURS.len() * SIZES.len()
}

/// Node and number of the product of SKU `at` of the whole catalogue.
pub fn product(at: usize) -> (usize, usize) {
    // A prime step spreads products.
    (at % NODES.len(), (at / NODES.len() * 7_919 + at % 3) % products())
}

/// Node, code and name of SKU `at`.
pub fn sku(at: usize) -> (&'static str, String, String) {
    let (node, number) = product(at);
    (NODES[node], format!("S{at:07}"), name(number, node))
}
