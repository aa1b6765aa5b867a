//! Files in, records and rejections out, one row of a table a case.

use rust_xlsxwriter::Workbook;
use std::fs;
use std::path::{Path, PathBuf};
use tables::{ColumnMap, NodeFrom, RecordReader, Records, TableError, read_pairs};
use tempfile::TempDir;

fn put(dir: &TempDir, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
    let path = dir.path().join(name);
    fs::write(&path, bytes).expect("a temporary file");
    path
}

fn read(paths: &[PathBuf], map: &str, node: &NodeFrom) -> Result<Records, TableError> {
    let map: ColumnMap = map.parse()?;
    let mut reader = RecordReader::new(&map);
    for path in paths {
        reader.file(path, node)?;
    }
    reader.finish()
}

/// `node/sku name` of the accepted, `line code` of the rejected.
fn check(name: &str, bytes: impl AsRef<[u8]>, accepted: &[&str], rejected: &[&str]) {
    let dir = TempDir::new().expect("a temporary folder");
    let path = put(&dir, name, bytes);
    let records = read(&[path], "", &NodeFrom::ColumnOrFile).unwrap_or_else(|e| panic!("{name}: {e}"));
    let got: Vec<String> = records.skus.iter().map(|s| format!("{} {}", s.key, s.name)).collect();
    assert_eq!(got, accepted, "{name}");
    let got: Vec<String> =
        records.rejected.iter().map(|r| format!("{} {}", r.line, r.reason.code())).collect();
    assert_eq!(got, rejected, "{name}: {:?}", records.rejected);
}

#[test]
fn text_formats() {
    check("a.csv", "node,sku,name\nn,1,可乐\nn,2,雪碧\n", &["n/1 可乐", "n/2 雪碧"], &[]);
    check("a.csv", "\u{feff}node,sku,name\r\nn,1,可乐", &["n/1 可乐"], &[]);
    check("a.tsv", "node\tsku\tname\nn\t1\t24\" wiper, left\n", &["n/1 24\" wiper, left"], &[]);
    check("a.csv", "node;sku;name\nn;1;a,b\n", &["n/1 a,b"], &[]);
    check("shop 1.txt", "货号\t品名\n007\t可乐\n", &["shop 1/007 可乐"], &[]);
    check(
        "a.csv",
        "sku,name\n1,\"two\nlines \"\"quoted\"\"\"\n2,b\n",
        &["a/1 two\nlines \"quoted\"", "a/2 b"],
        &[],
    );
    check("a.csv", "\n\nnode,sku,name\n\nn,1,a\n\n", &["n/1 a"], &[]);
    let (gb18030, _, _) =
        encoding_rs::GB18030.encode("门店,货号,品名\n甲店,1,绍兴黄酒礼盒Ａ款\n乙店,1,€鎔䶮𠮷\n");
    check("a.csv", gb18030, &["甲店/1 绍兴黄酒礼盒Ａ款", "乙店/1 €鎔䶮𠮷"], &[]);
    let utf16: Vec<u8> =
        "\u{feff}node\tsku\tname\r\nn\t1\t可乐\r\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    check("a.txt", utf16, &["n/1 可乐"], &[]);
    check(
        "a.jsonl",
        "{\"node\":\"n\",\"sku\":1,\"name\":\"a\"}\n\n{\"name\":\"b\",\"barcode\":6901028137416,\"sku\":\"x\",\"node\":\"n\"}\n",
        &["n/1 a", "n/x b"],
        &[],
    );
}

#[test]
fn bad_rows_are_rejected_and_the_rest_is_read() {
    check(
        "a.csv",
        "node,sku,name\nn,1,a\nn,1,again\n,2,b\nn,,c\nn,4,\nn,5\nn,6,f,extra\nn,7,g,\nn,8,\u{200b}\n",
        &["n/1 a", "n/7 g"],
        &[
            "3 duplicate",
            "4 missing",
            "5 missing",
            "6 missing",
            "7 field_count",
            "8 field_count",
            "10 missing",
        ],
    );
    let huge = format!("node,sku,name\nn,1,{}\nn,2,b\n", "x".repeat(10 << 20));
    check("a.csv", huge, &["n/2 b"], &["2 too_long"]);
    check("a.csv", b"node,sku,name\nn,1,\xff\xfe\nn,2,\xe5\x93\x81\n", &["n/2 品"], &["2 invalid_bytes"]);
    check(
        "a.jsonl",
        "{\"node\":\"n\",\"sku\":\"1\",\"name\":[1]}\n[1]\n{\"node\":\"n\",\"sku\":\"2\",\"name\":\"b\"}\n{\"sku\":\"3\"\n{\"sku\":\"4\",\"name\":\"d\"}",
        &["n/2 b"],
        &["1 not_text", "2 not_json", "4 not_json", "5 missing"],
    );
}

#[test]
fn an_open_quote_costs_one_row() {
    // never closed
    check("a.csv", "node,sku,name\nn,1,\"a\nn,2,b\nn,3,c\n", &["n/2 b", "n/3 c"], &["2 open_quote"]);
    // closed by a later quote
    check("a.csv", "node,sku,name\nn,1,\"a\nn,2,b\nn,3,\"c\"\n", &["n/2 b", "n/3 c"], &["2 open_quote"]);
    // in the last line
    check("a.csv", "node,sku,name\nn,1,a\nn,2,\"b", &["n/1 a"], &["3 open_quote"]);
    // far from its end
    let rows: String = (2..60_000).map(|i| format!("n,{i},product number {i}\n")).collect();
    let dir = TempDir::new().expect("a temporary folder");
    let path = put(&dir, "a.csv", format!("node,sku,name\nn,1,\"a\n{rows}"));
    let records = read(&[path], "", &NodeFrom::Column).expect("readable");
    assert_eq!((records.skus.len(), records.rejected.len()), (59_998, 1));
    // a quote inside a cell is a character
    check("a.csv", "node,sku,name\nn,1,雨刮24\"/18\"\nn,2,b\n", &["n/1 雨刮24\"/18\"", "n/2 b"], &[]);
}

#[test]
fn the_whole_record_is_read() {
    let dir = TempDir::new().expect("a temporary folder");
    let path = put(
        &dir,
        "a.csv",
        "门店,货号,商品名称,品牌,型号,单位,类别,条码,描述,售价,备注\n甲,1,润滑油,嘉实多,0W-20,桶,汽配,6901028137416,全合成,¥399.00,急\n",
    );
    let mut reader = RecordReader::new(&ColumnMap::default()).carrying_columns();
    reader.file(&path, &NodeFrom::Column).expect("readable");
    let records = reader.finish().expect("readable");
    let sku = &records.skus[0];
    assert_eq!(sku.brand.as_deref(), Some("嘉实多"));
    assert_eq!(sku.spec.as_deref(), Some("0W-20"), "a model number is read as spec where the spec is absent");
    assert_eq!(sku.unit.as_deref(), Some("桶"));
    assert_eq!(sku.category.as_deref(), Some("汽配"));
    assert_eq!(sku.gtin.as_deref(), Some("6901028137416"));
    assert_eq!(sku.description.as_deref(), Some("全合成"));
    assert_eq!(sku.price, Some(399.0));
    assert_eq!(
        records.carried_header,
        ["商品名称", "品牌", "型号", "单位", "类别", "条码", "描述", "售价", "备注"]
    );
    assert_eq!(&records.carried[0][8], "急");
}

#[test]
fn several_files_are_one_set() {
    let dir = TempDir::new().expect("a temporary folder");
    let a = put(&dir, "a.csv", "node,sku,name\nn,1,x\n");
    let b = put(
        &dir,
        "b.jsonl",
        "{\"id\":\"1\",\"title\":\"y\",\"node\":\"n\"}\n{\"id\":\"1\",\"title\":\"y\",\"node\":\"m\"}\n",
    );
    let records = read(&[a.clone(), b.clone()], "", &NodeFrom::Column).expect("readable");
    assert_eq!(records.skus.len(), 2);
    let reason = records.rejected[0].reason.to_string();
    assert!(reason.contains("a.csv:2"), "{reason}");
    // nodes given by the caller: the same code on both sides is no duplicate
    let mut reader = RecordReader::new(&ColumnMap::default());
    reader.file(&a, &NodeFrom::Fixed("left".into())).expect("readable");
    reader.file(&a, &NodeFrom::Fixed("right".into())).expect("readable");
    let keys: Vec<String> =
        reader.finish().expect("readable").skus.iter().map(|s| s.key.to_string()).collect();
    assert_eq!(keys, ["left/1", "right/1"]);
}

fn workbook(dir: &TempDir) -> PathBuf {
    let path = dir.path().join("库存.xlsx");
    let mut book = Workbook::new();
    book.add_worksheet().set_name("封面").expect("sheet").write_string(0, 0, "说明").expect("cell");
    let sheet = book.add_worksheet();
    sheet.write_string(0, 0, "二〇二五年盘点表").expect("cell");
    for (i, header) in ["仓库", "物料编码", "品名", "规格", "条码", "价格"].into_iter().enumerate()
    {
        sheet.write_string(2, i as u16, header).expect("cell");
    }
    sheet.write_string(3, 0, "总仓").expect("cell");
    sheet.write_string(3, 1, "0017").expect("cell");
    sheet.write_string(3, 2, "可口可乐").expect("cell");
    sheet.write_string(3, 3, "500ml").expect("cell");
    sheet.write_number(3, 4, 6_928_804_011_142.0).expect("cell");
    sheet.write_number(3, 5, 3.5).expect("cell");
    sheet.write_string(5, 0, "总仓").expect("cell");
    sheet.write_number(5, 1, 18.0).expect("cell");
    sheet.write_string(5, 2, "雪碧").expect("cell");
    sheet.write_string(6, 0, "总仓").expect("cell");
    sheet.write_string(6, 2, "没有编码").expect("cell");
    sheet.write_string(7, 16_000, "stray").expect("cell");
    book.save(&path).expect("a workbook");
    path
}

#[test]
fn workbooks() {
    let dir = TempDir::new().expect("a temporary folder");
    let records = read(&[workbook(&dir)], "", &NodeFrom::Column).expect("readable");
    let got: Vec<String> = records.skus.iter().map(|s| format!("{} {}", s.key, s.name)).collect();
    assert_eq!(got, ["总仓/0017 可口可乐", "总仓/18 雪碧"]);
    assert_eq!(records.skus[0].gtin.as_deref(), Some("6928804011142"));
    assert_eq!(records.skus[0].price, Some(3.5));
    let rejected: Vec<(u64, &str)> = records.rejected.iter().map(|r| (r.line, r.reason.code())).collect();
    assert_eq!(rejected, [(7, "missing")]);
}

#[test]
fn files_that_cannot_be_read_say_what_to_do() {
    let dir = TempDir::new().expect("a temporary folder");
    let header = "node,sku,name\n";
    for (name, bytes, map, parts) in [
        ("a.pdf", "x", "", &["unknown kind of file 'pdf'", ".xlsx"][..]),
        ("a", "x", "", &["unknown kind of file ''"]),
        ("a.csv", "", "", &["empty"]),
        ("a.xlsx", "", "", &["empty"]),
        ("a.csv", header, "", &["no row"]),
        (
            "a.csv",
            "node,code1,name\nn,1,a\n",
            "",
            &["no column for 'sku'", "node, code1, name", "--map sku="],
        ),
        ("a.jsonl", "{\"node\":\"n\",\"name\":\"a\"}\n", "", &["no column for 'sku'", "--map sku="]),
        ("a.csv", "PK\u{3}\u{4}", "", &["zip", ".xlsx"]),
        ("a.csv", "a\0b", "", &["binary"]),
        ("a.xlsx", "not a workbook", "", &["workbook cannot be read", ".xlsx"]),
        ("a.csv", "node,sku,name\nn,1,a\n", "brand=牌子", &["brand=牌子", "there are: node, sku, name"]),
    ] {
        let path = put(&dir, name, bytes);
        let error = read(&[path], map, &NodeFrom::Column).expect_err(name).to_string();
        for part in parts {
            assert!(error.contains(part), "{name}: {error}");
        }
        assert!(!error.contains('\n'), "one line: {error}");
    }
    let missing =
        read(&[dir.path().join("none.csv")], "", &NodeFrom::Column).expect_err("missing").to_string();
    assert!(missing.contains("cannot be opened"), "{missing}");
    let huge = put(&dir, "a.csv", "x".repeat(10 << 20));
    let error = read(&[huge], "", &NodeFrom::Column).expect_err("huge").to_string();
    assert!(error.contains("not a header"), "{error}");
}

#[test]
fn pair_files() {
    let dir = TempDir::new().expect("a temporary folder");
    for (bytes, map) in [
        ("left_name,right_name,left_brand,label\na,b,x,1\n,c,,0\n", ""),
        ("ltable_title,rtable_title,ltable_manufacturer,label\na,b,x,1\n,c,,0\n", ""),
        ("左品名,右品名,左品牌,label\na,b,x,1\n,c,,0\n", ""),
        ("name_left,name_right,brand_left,label\na,b,x,1\n,c,,0\n", ""),
        ("旧,新,牌,label\na,b,x,1\n,c,,0\n", "left_name=旧,right_name=新,left_brand=牌"),
    ] {
        let path = put(&dir, "pairs.csv", bytes);
        let read = read_pairs(&path, &map.parse().expect("a map")).unwrap_or_else(|e| panic!("{bytes}: {e}"));
        assert_eq!(read.pairs.len(), 1, "{bytes}");
        let (left, right) = &read.pairs[0];
        assert_eq!(
            (left.name.as_str(), right.name.as_str(), left.brand.as_deref()),
            ("a", "b", Some("x")),
            "{bytes}"
        );
        assert_eq!(&read.rows[0][3], "1");
        assert_eq!(read.rejected[0].line, 3);
    }
    let path = put(&dir, "pairs.csv", "left_name,name\na,b\n");
    let error = read_pairs(&path, &ColumnMap::default()).expect_err("no right side").to_string();
    assert!(error.contains("right_name"), "{error}");
}

#[test]
fn benchmark_headers_are_known() {
    let dir = TempDir::new().expect("a temporary folder");
    for header in [
        "id,title,description,manufacturer,price",
        "node,sku,name,brand,spec,unit,category",
        "id,name,modelno",
    ] {
        let cells = vec!["1"; header.split(',').count()].join(",");
        let path = put(&dir, "a.csv", format!("{header}\n{cells}\n"));
        let records = read(&[path], "", &NodeFrom::ColumnOrFile).unwrap_or_else(|e| panic!("{header}: {e}"));
        assert_eq!(records.skus.len(), 1, "{header}");
    }
}

proptest::proptest! {
    /// Whatever the bytes: no panic, and every row is accepted or rejected with a place in the file.
    #[test]
    fn any_bytes(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..400), kind in 0usize..3) {
        let dir = TempDir::new().expect("a temporary folder");
        let mut file = b"node,sku,name\n".to_vec();
        if kind == 1 { file = b"node\tsku\tname\n".to_vec(); }
        if kind == 2 { file = b"{\"node\":\"n\",\"sku\":\"s\",\"name\":\"x\"}\n".to_vec(); }
        file.extend(bytes);
        let name = ["a.csv", "a.tsv", "a.jsonl"][kind];
        let path = put(&dir, name, &file);
        if let Ok(records) = read(&[path], "", &NodeFrom::Column) {
            let lines = file.split(|b| *b == b'\n').count() as u64;
            assert!(records.rejected.iter().all(|r| (1..=lines).contains(&r.line)));
        }
    }
}

#[test]
fn names_are_never_altered() {
    for name in ["=cmd|' /C calc'!A0", "<script>alert(1)</script>", "\u{202e}abc", "-5", "@x", "+1"] {
        let dir = TempDir::new().expect("a temporary folder");
        let path = put(&dir, "a.csv", format!("node,sku,name\nn,1,{name}\n"));
        let records = read(&[path], "", &NodeFrom::Column).expect("readable");
        assert_eq!(records.skus[0].name, name);
    }
}

#[test]
fn paths_are_named_as_given() {
    let error = read(&[Path::new("no/such.csv").to_owned()], "", &NodeFrom::Column).expect_err("missing");
    assert!(error.to_string().starts_with("no/such.csv:"), "{error}");
}
