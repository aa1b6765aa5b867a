//! What names state, by kind. One table a kind.

use crate::Normalizer;
use domain::LocalSku;

/// `expected`: quantities as `Dimension:low` or `Dimension:low~high`, packs as `xCOUNT`.
fn check(name: &str, expected: &str) {
    let parsed = Normalizer::shared().parse(&LocalSku::named("n", "s", name));
    let quantities = parsed.quantities.iter().map(|q| {
        if q.low == q.high {
            format!("{:?}:{}", q.dimension, q.low)
        } else {
            format!("{:?}:{}~{}", q.dimension, q.low, q.high)
        }
    });
    let packs = parsed.packs.iter().map(|pack| format!("x{}", pack.count));
    let said = quantities.chain(packs).collect::<Vec<_>>().join(" ");
    assert_eq!(said, expected, "{name}");
}

#[test]
fn amounts() {
    check("某某矿泉水550ml", "Volume:550");
    check("白糖 500 g", "Mass:500");
    check("白糖五百克", "Mass:500");
    check("大米一斤半", "Mass:750");
    check("雪碧500mlPET瓶", "Volume:500");
    check("零度330mlSleek Can", "Volume:330");
    check("猫粮三斤六", "Mass:1800");
    check("窗帘两米五", "Length:2500");
    check("大米三斤六包", "Mass:1500 x6");
    check("酱油两升", "Volume:2000");
    check("花生半斤装", "Mass:250");
    check("花肥袋装300刻", "Mass:300");
    check("虾仁三两", "Mass:150");
    check("鲜鱼2司马斤", "Mass:1209.57964");
    check("果汁1.5升", "Volume:1500");
    check("water .5l", "Volume:500");
    check("洗衣液1,000ml", "Volume:1000");
    check("果汁55OML", "Volume:550");
    check("大豆油5Lx4桶", "Volume:5000 x4");
    check("剪刀 175mm6034", "Length:175");
    check("转换插头 一转四", "");
    check("搅拌机 1400转", "Speed:1400");
    check("牛肉3-6kg", "Mass:3000~6000");
    check("适配器100~240V", "Voltage:100~240");
    check("洗衣液2kg+500g", "Mass:2000 Mass:500");
    check("洗发水200+200ml", "Volume:200 Volume:200");
    check("自喷漆200g/450ml", "Mass:200 Volume:450");
    check("面漆 8kg+2kg/组", "Mass:8000 Mass:2000");
    check("调和漆20kg/桶", "Mass:20000");
    check("无纺布1米宽*400米长 0.01mm", "Length:1000 Length:400000 Length:0.01");
    check("毛巾120x200cm", "Length:1200 Length:2000");
    check("电线3*2.5平方 100米", "Count:3 Area:2.5 Length:100000");
    check("Мыло антибакт 100г", "Mass:100");
    check("Maximum 200-watt heater", "Power:200");
    check("13.3\" laptop 256GB", "Length:337.82 Storage:262144");
    check("Plasma 42' tv", "Length:1066.8");
    check("Extension cable 25'", "Length:7620");
}

#[test]
fn spoken_amounts() {
    check("猪肉二斤二两", "Mass:1100");
    check("花生1斤3两", "Mass:650");
    check("窗帘三米二十公分", "Length:3200");
    check("黄瓜一斤半熟", "Mass:500");
    check("月饼三斤六个", "Mass:1500 x6");
}

#[test]
fn stages_of_formula() {
    check("Illuma 有机 3 幼儿成长配方奶粉 800克", "Stage:3 Mass:800");
    check("S-26 Gold Connect 1 Infant Formula Milk Powder 850g", "Stage:1 Mass:850");
    check("4 心美力 5 HMO 幼童营养配方奶粉 850克", "Stage:4 Mass:850");
    check("智睿 5 Enfaschool A+ 900克", "Stage:5 Mass:900");
    check("果汁 3 橙", "");
}

#[test]
fn about_so_much() {
    check("瓜子五香半斤多", "Mass:250~325");
    check("铁丝两米左右", "Length:1800~2200");
    check("红烧肉一斤多肉", "Mass:500");
}

#[test]
fn codes_before_sizes() {
    check("吸顶灯MX577-36W", "Power:36");
    check("1P-63A空气开关", "Current:63");
    check("自动喷漆 9A哑光灰白 364mL", "Volume:364");
    check("调和漆142s解放蓝 2.5kg", "Mass:2500");
    check("奥利奥草莓味巧脆卷55整箱", "");
    check("B-704L", "");
}

#[test]
fn article_numbers_are_no_ranges() {
    check("发胶208-300ml", "Volume:300");
    check("果酱058-1000g", "Mass:1000");
    check("虾仁40/50-500g", "Mass:500");
    check("不锈钢盆-039-280mm", "Length:280");
    check("杯子66-375ml", "Volume:375");
    check("草莓丹东99-250g", "Mass:250");
    check("牛肉3-6kg", "Mass:3000~6000");
    check("软管10mm-1/2寸", "Length:10 Pipe:15");
    check("盘子0713200ml", "");
}

#[test]
fn by_trade() {
    check("某某大曲酒52度500ml", "Alcohol:52 Volume:500");
    check("某某大曲酒52°", "Alcohol:52");
    check("某某白酒52%vol", "Alcohol:52");
    check("90度弯头", "Degree:90");
    check("6分铜球阀", "Pipe:20");
    check("铜球阀DN20", "Pipe:20");
    check("铜球阀3/4\"", "Pipe:20");
    check("ppr弯头dn20", "Pipe:15");
    check("镀锌管1-1/2寸", "Pipe:40");
    check("led灯泡e27 60w equivalent 8w", "Power:8");
    check("red label 160 tea bags", "x160");
    check("5号拉链", "Zip:5");
    check("5号电池", "Size:5");
    check("AA电池", "Size:5");
    check("碱性电池 AAA 4粒", "Size:7 x4");
    check("雨刮器24\"/18\"", "Length:609.6 Length:457.2");
    check("螺丝M6x20", "Screw:6 Length:20");
    check("六角螺栓 M8*30", "Screw:8 Length:30");
    check("婴儿奶粉3段900g", "Stage:3 Mass:900");
    check("infant formula stage 3 900g", "Stage:3 Mass:900");
    check("注射液0.5g:10ml", "Concentration:50 Volume:10");
    check("口服液10mg/5ml", "Concentration:2 Volume:5");
    check("运动鞋42码", "Size:42");
    check("缝纫线3000码", "Length:2743200");
    check("智能手机 4g 64gb", "Storage:65536");
    check("3合1数据线", "");
    check("机油 5W-30 4L", "Volume:4000");
    check("Core 2 Duo 1700x 3.4 ghz", "Frequency:3400000000");
    check("lg lmvm2085wh", "");
    check("lg 32lb650v", "");
}

#[test]
fn one_article_said_is_no_pack_of_several() {
    let single = |name: &str| {
        Normalizer::shared().parse(&LocalSku::named("n", "s", name)).marks.has(domain::Mark::Single)
    };
    assert!(single("短袜 男 黑 1双"));
    assert!(single("口罩 1只装"));
    assert!(!single("短袜 男 黑 3双"), "a pack says so by itself");
    assert!(!single("中华硬 1条"), "a carton holds ten packets");
    assert!(!single("双黄连口服液 10ml*10支"));
}

#[test]
fn packs() {
    check("汽水500ml*24", "Volume:500 x24");
    check("汽水 24x500ml", "Volume:500 x24");
    check("cat food 4x45g", "Mass:45 x4");
    check("牛奶250ml×12盒/箱", "Volume:250 x12");
    check("整箱(24瓶)", "x24");
    check("面膜12入", "x12");
    check("啤酒一提6罐", "x6");
    check("方便面6连包", "x6");
    check("方便面五连包", "x5");
    check("鸡蛋十二只", "x12");
    check("乌龙茶包 x 10", "x10");
    check("花生油 900毫升 x 3", "Volume:900 x3");
    check("SPARKLING WATER 6 x 1 LT", "Volume:1000 x6");
    check("bowl 8pcs", "x8");
    check("tissue 40's", "x40");
    check("cups pack of 6", "x6");
    check("纸巾100抽*3包", "Sheets:100 x3");
    check("纸巾3层*100抽*20包", "Ply:3 Sheets:100 x20");
    check("片剂0.25g*12片*2板", "Mass:0.25 x12 x2");
    check("湿巾80P", "x80");
    check("拉面五包装 120克 x 5", "Mass:120 x5");
    check("卫生巾350mm10片", "Length:350 x10");
    check("雪碧1*24", "");
    check("铅笔36支/箱", "");
    check("8016杯", "");
    check("Arden cushion 21 x 21", "");
}

#[test]
fn kitchens() {
    check("冻虾仁5kg*4包/件", "Mass:5000 x4");
    check("鸡精500g/袋 20袋/箱", "Mass:500");
    check("土豆丝 斤", "");
    check("花椒(散装)", "");
    check("酸奶两升装", "Volume:2000");
    check("湿巾十二入", "x12");
    check("防水布3*4米", "Length:3000 Length:4000");
    check("砧板20×30cm", "Length:200 Length:300");
    check("球阀1/2\"", "Pipe:15");
    check("大豆油20L/桶", "Volume:20000");
    check("鲜鸡蛋360枚/箱", "");
    check("肥牛卷2.5kg/包*4", "Mass:2500 x4");
}

#[test]
fn words_are_not_numerals() {
    for name in [
        "一次性筷子",
        "三鲜水饺",
        "五香豆干",
        "八宝粥",
        "三只松鼠坚果",
        "七度空间",
        "百合干",
        "千层饼",
        "五谷杂粮",
    ] {
        check(name, "");
    }
}

#[test]
fn the_case_counts_only_when_the_case_is_sold() {
    let mut sku = LocalSku::named("n", "s", "雪碧500ml");
    sku.spec = Some("1*24".into());
    let parse = |sku: &LocalSku| Normalizer::shared().parse(sku);
    sku.unit = Some("瓶".into());
    assert!(parse(&sku).packs.is_empty() && parse(&sku).numbers.is_empty());
    sku.unit = Some("箱".into());
    assert_eq!(parse(&sku).packs[0].count, 24);
    assert!(parse(&sku).marks.has(domain::Mark::Case));
}

#[test]
fn the_name_is_trusted_over_the_spec() {
    let mut sku = LocalSku::named("n", "s", "苏打水350ml");
    sku.spec = Some("1.8l".into());
    let parsed = Normalizer::shared().parse(&sku);
    assert_eq!(parsed.quantities.len(), 1);
    assert_eq!(parsed.quantities[0].low, 350.0);
}

#[test]
fn models_end_where_amounts_begin() {
    check("北发卤素灯泡24V70W增亮 H7-2只", "Voltage:24 Power:70 x2");
    check("接触器220VCJX2-0910", "Voltage:220");
    check("机油9501VAB3", "");
    check("熊猫BV2.5平方铜芯电线100米", "Area:2.5 Length:100000");
    check("BVR4平方 红", "Area:4");
    check("RVV2*0.75平方电线", "Area:0.75");
}
