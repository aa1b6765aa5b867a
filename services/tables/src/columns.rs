//! Which column is what. A header is recognised by its name in Chinese or English, or named by the column map, which
//! wins. Where two headers mean one field, the synonym that stands first in its list is taken.

use crate::TableError;
use smol_str::SmolStr;
use std::str::FromStr;

/// The fields of a record that a column can give.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    Node,
    Sku,
    Name,
    Brand,
    Spec,
    /// Read as spec where the spec is absent.
    Model,
    Unit,
    Category,
    Gtin,
    Description,
    Price,
}

impl Field {
    pub const ALL: [Field; 11] = [
        Field::Node,
        Field::Sku,
        Field::Name,
        Field::Brand,
        Field::Spec,
        Field::Model,
        Field::Unit,
        Field::Category,
        Field::Gtin,
        Field::Description,
        Field::Price,
    ];

    pub fn as_str(self) -> &'static str {
        self.synonyms()[0]
    }

    /// Header names, already in the form of [`fold`], best first; the first is the field's own name.
    fn synonyms(self) -> &'static [&'static str] {
        match self {
            Field::Node => &[
                "node",
                "nodeid",
                "节点",
                "門店",
                "门店",
                "门店编码",
                "门店名称",
                "店铺",
                "分店",
                "仓库",
                "倉庫",
                "仓库名称",
                "机构",
                "网点",
                "供应商",
                "store",
                "storeid",
                "shop",
                "shopid",
                "warehouse",
                "supplier",
                "source",
            ],
            Field::Sku => &[
                "sku",
                "skuid",
                "skucode",
                "sku编码",
                "货号",
                "貨號",
                "编码",
                "編碼",
                "商品编码",
                "商品編碼",
                "商品编号",
                "商品代码",
                "产品编码",
                "产品编号",
                "物料编码",
                "物料编号",
                "物料号",
                "存货编码",
                "货品编码",
                "料号",
                "编号",
                "代码",
                "code",
                "itemcode",
                "itemno",
                "itemnumber",
                "itemid",
                "productcode",
                "productid",
                "materialcode",
                "partnumber",
                "partno",
                "id",
            ],
            Field::Name => &[
                "name",
                "title",
                "品名",
                "商品名称",
                "商品名稱",
                "商品名",
                "商品标题",
                "产品名称",
                "產品名稱",
                "产品名",
                "物料名称",
                "存货名称",
                "货品名称",
                "貨品名稱",
                "货物名称",
                "物品名称",
                "物资名称",
                "名称",
                "名稱",
                "标题",
                "品名规格",
                "品项",
                "商品",
                "productname",
                "itemname",
                "producttitle",
                "product",
                "item",
                "goodsname",
            ],
            Field::Brand => &[
                "brand",
                "品牌",
                "品牌名称",
                "品牌名",
                "牌子",
                "brandname",
                "manufacturer",
                "maker",
                "厂牌",
                "制造商",
            ],
            Field::Spec => &[
                "spec",
                "specification",
                "specifications",
                "规格",
                "規格",
                "规格型号",
                "規格型號",
                "规格说明",
                "包装规格",
                "商品规格",
                "产品规格",
                "size",
                "packsize",
            ],
            Field::Model => &["model", "modelno", "modelnumber", "型号", "型號", "产品型号"],
            Field::Unit => &[
                "unit",
                "uom",
                "单位",
                "單位",
                "计量单位",
                "销售单位",
                "单位名称",
                "基本单位",
                "主单位",
                "salesunit",
            ],
            Field::Category => &[
                "category",
                "类别",
                "類別",
                "分类",
                "分類",
                "品类",
                "品類",
                "商品分类",
                "商品类别",
                "类目",
                "大类",
                "categoryname",
                "department",
            ],
            Field::Gtin => &[
                "gtin",
                "barcode",
                "ean",
                "ean13",
                "upc",
                "条码",
                "條碼",
                "条形码",
                "條形碼",
                "商品条码",
                "国际条码",
                "商品条形码",
                "69码",
            ],
            Field::Description => &[
                "description",
                "desc",
                "描述",
                "商品描述",
                "产品描述",
                "说明",
                "商品说明",
                "详情",
                "longdescription",
            ],
            Field::Price => &[
                "price",
                "价格",
                "價格",
                "售价",
                "售價",
                "零售价",
                "单价",
                "單價",
                "销售价",
                "销售价格",
                "retailprice",
                "unitprice",
                "saleprice",
            ],
        }
    }

    fn named(text: &str) -> Option<Field> {
        Field::ALL.into_iter().find(|f| f.as_str() == text)
    }
}

/// What the column map calls the label of a pair: no field of a record.
pub(crate) const LABEL: &str = "label";

/// Header names without case, blanks, punctuation and full-width letters: `Product_Name`, `商品名称（必填）*` and
/// `product name` lose what does not tell them apart.
pub(crate) fn fold(header: &str) -> String {
    let header = header.trim_start_matches('\u{feff}');
    let shown = header.split(['(', '（', '[', '【']).next().unwrap_or(header);
    let shown = if shown.trim().is_empty() { header } else { shown };
    shown
        .chars()
        .map(|c| match c {
            '\u{ff01}'..='\u{ff5e}' => char::from_u32(c as u32 - 0xfee0).unwrap_or(c),
            _ => c,
        })
        .filter(|c| c.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .collect()
}

/// Field names to header names, as given by the user: `name=品名,sku=编码`. For pair files the field may have a side:
/// `left_name=旧品名`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ColumnMap(Vec<(SmolStr, String)>);

impl FromStr for ColumnMap {
    type Err = TableError;

    fn from_str(text: &str) -> Result<Self, TableError> {
        let mut map = Vec::new();
        for part in text.split([',', '，']).filter(|p| !p.trim().is_empty()) {
            let (field, header) = part
                .split_once(['=', '＝'])
                .ok_or_else(|| TableError::MapSyntax { text: text.to_owned() })?;
            let (field, header) = (field.trim().to_lowercase(), header.trim());
            if field.is_empty() || header.is_empty() {
                return Err(TableError::MapSyntax { text: text.to_owned() });
            }
            let bare = Side::ALL.into_iter().find_map(|s| s.strip_own(&field)).unwrap_or(&field);
            if Field::named(bare).is_none() && field != LABEL {
                let known =
                    Field::ALL.iter().map(|f| f.as_str().to_owned()).chain([LABEL.to_owned()]).collect();
                return Err(TableError::MapField { field, known });
            }
            map.push((SmolStr::from(field.as_str()), header.to_owned()));
        }
        Ok(ColumnMap(map))
    }
}

impl ColumnMap {
    /// This map, with a header for a field of a record.
    pub fn with(mut self, field: Field, header: &str) -> ColumnMap {
        self.0.push((SmolStr::from(field.as_str()), header.to_owned()));
        self
    }

    /// This map and then another's entries. One field may have several headers, for files that call it differently.
    pub fn and(mut self, other: ColumnMap) -> ColumnMap {
        self.0.extend(other.0);
        self
    }

    fn headers_of<'a>(&'a self, field: &str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(f, _)| f == field).map(|(_, h)| h.as_str())
    }

    /// Where one of the headers mapped to `field` stands.
    pub(crate) fn column_of(&self, field: &str, headers: &[String]) -> Option<usize> {
        self.headers_of(field).find_map(|wanted| headers.iter().position(|h| same_header(h, wanted)))
    }

    /// The first mapped header that none of these headers is: a typing error, most likely.
    pub(crate) fn unused<'a>(&'a self, headers: &[String]) -> Option<(&'a str, &'a str)> {
        self.0
            .iter()
            .find(|(_, wanted)| !headers.iter().any(|h| same_header(h, wanted)))
            .map(|(field, wanted)| (field.as_str(), wanted.as_str()))
    }
}

fn same_header(header: &str, wanted: &str) -> bool {
    let clean = |h: &str| h.trim_start_matches('\u{feff}').trim().to_lowercase();
    clean(header) == clean(wanted)
}

/// One side of a pair file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Left,
    Right,
}

impl Side {
    pub(crate) const ALL: [Side; 2] = [Side::Left, Side::Right];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Side::Left => "left",
            Side::Right => "right",
        }
    }

    /// `left_name` → `name`.
    fn strip_own(self, field: &str) -> Option<&str> {
        field.strip_prefix(self.as_str())?.strip_prefix('_')
    }

    /// A header of this side without its mark, in the spellings that matching tools use; `None` for another side's.
    fn strip_header(self, header: &str) -> Option<String> {
        let (prefixes, suffixes): (&[&str], &[&str]) = match self {
            Side::Left => (&["ltable", "left", "左"], &["left", "左"]),
            Side::Right => (&["rtable", "right", "右"], &["right", "右"]),
        };
        let folded = fold(header);
        prefixes
            .iter()
            .find_map(|p| folded.strip_prefix(p))
            .or_else(|| suffixes.iter().find_map(|s| folded.strip_suffix(s)))
            .map(str::to_owned)
    }
}

/// Where each field of one file stands: column numbers.
#[derive(Clone, Debug, Default)]
pub(crate) struct Layout {
    at: [Option<usize>; Field::ALL.len()],
}

impl Layout {
    pub(crate) fn resolve(header: &[String], map: &ColumnMap) -> Layout {
        Self::resolve_with(header, map, |field| field.as_str().to_owned(), |h| Some(fold(h)))
    }

    pub(crate) fn resolve_side(header: &[String], map: &ColumnMap, side: Side) -> Layout {
        let key = |field: Field| format!("{}_{}", side.as_str(), field.as_str());
        Self::resolve_with(header, map, key, |h| side.strip_header(h))
    }

    fn resolve_with(
        header: &[String],
        map: &ColumnMap,
        key: impl Fn(Field) -> String,
        folded: impl Fn(&str) -> Option<String>,
    ) -> Layout {
        let folded: Vec<Option<String>> = header.iter().map(|h| folded(h)).collect();
        let mut layout = Layout::default();
        for field in Field::ALL {
            layout.at[field as usize] = map.column_of(&key(field), header);
        }
        for field in Field::ALL {
            if layout.at[field as usize].is_some() {
                continue;
            }
            let free = |i: &usize| !layout.at.contains(&Some(*i));
            layout.at[field as usize] = field
                .synonyms()
                .iter()
                .find_map(|s| folded.iter().position(|h| h.as_deref() == Some(s)).filter(free));
        }
        layout
    }

    pub(crate) fn column(&self, field: Field) -> Option<usize> {
        self.at[field as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(header: &[&str], map: &str) -> Vec<(&'static str, usize)> {
        let header: Vec<String> = header.iter().map(|h| h.to_string()).collect();
        let layout = Layout::resolve(&header, &map.parse().expect("a map"));
        Field::ALL.iter().filter_map(|f| Some((f.as_str(), layout.column(*f)?))).collect()
    }

    #[test]
    fn headers_are_recognised_in_both_languages() {
        for (header, map, expected) in [
            (&["node", "sku", "name"][..], "", &[("node", 0), ("sku", 1), ("name", 2)][..]),
            (
                &["门店", "货号", "品名", "规格", "条码"],
                "",
                &[("node", 0), ("sku", 1), ("name", 2), ("spec", 3), ("gtin", 4)],
            ),
            (
                &["\u{feff}ID", " Title ", "Manufacturer", "Model No."],
                "",
                &[("sku", 0), ("name", 1), ("brand", 2), ("model", 3)],
            ),
            // the better synonym wins, and one column never serves two fields
            (&["id", "sku", "title", "name"], "", &[("sku", 1), ("name", 3)]),
            (&["商品名称（必填）", "ＳＫＵ"], "", &[("sku", 1), ("name", 0)]),
            (&["a", "b", "name"], "name=b,sku=A", &[("sku", 0), ("name", 1)]),
            (&["id", "name"], "brand=name", &[("sku", 0), ("brand", 1)]),
            // a map that this file does not have falls back to the synonyms
            (&["id", "name"], "name=品名", &[("sku", 0), ("name", 1)]),
            (&["x", "y"], "name=品名,name=y,sku=x", &[("sku", 0), ("name", 1)]),
        ] {
            assert_eq!(found(header, map), expected, "{header:?} {map}");
        }
    }

    #[test]
    fn synonyms_are_folded_and_unambiguous() {
        let mut seen = std::collections::HashMap::new();
        for field in Field::ALL {
            for synonym in field.synonyms() {
                assert_eq!(&fold(synonym), synonym, "not in folded form");
                assert_eq!(seen.insert(*synonym, field), None, "{synonym} means two fields");
            }
        }
    }

    #[test]
    fn wrong_maps_are_refused() {
        for (text, part) in
            [("name", "field=HEADER"), ("name=", "field=HEADER"), ("colour=x", "'colour' is no field")]
        {
            let error = text.parse::<ColumnMap>().expect_err(text).to_string();
            assert!(error.contains(part), "{error}");
        }
        assert!("left_name=甲，right_name＝乙".parse::<ColumnMap>().is_ok());
    }
}
