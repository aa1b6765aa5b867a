//! What a name says. Made by `normalize`, read by everyone else.
//!
//! An attribute that was not read is absent, and absent means *unknown*: never "equal", never "different".

use crate::{Gtin, Quantity};
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

/// One local SKU's name (with brand, spec and unit where given) as normalisation understood it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ParsedName {
    /// NFKC, lower case, Simplified, single blanks; the brand column in front and the spec column behind where the
    /// name does not hold them already. The encoder reads this. Never empty when the input held any visible
    /// character.
    pub canonical: String,
    /// `canonical` with brands, aliases and abbreviations replaced by their canonical words; text search reads this.
    pub folded: String,
    /// `folded` without quantities, packs and selling words: what is left for string similarity.
    pub residual: String,
    /// The segmented words of `residual`, in order, each with its kind.
    pub tokens: Vec<Token>,
    pub brand: Option<Brand>,
    /// What the thing is (品类词): the last product head word found; `None` when no known head occurs.
    pub head: Option<SmolStr>,
    /// Amounts per single unit, in order of appearance.
    pub quantities: Vec<Quantity>,
    /// How many single units: `500ml*24` has one pack of 24; several for nested packs (`250ml×12盒/箱`).
    pub packs: Vec<Pack>,
    /// Model and part numbers, upper case, separators removed: `YE660B`, `0W20`.
    pub codes: Vec<SmolStr>,
    /// Codes that only the description holds; weaker.
    pub described_codes: Vec<SmolStr>,
    /// Numbers without a unit.
    pub numbers: Vec<f64>,
    /// Flavours, colours, grades …, deduplicated, sorted.
    pub variants: Vec<Variant>,
    /// Negations and claims (无糖, 脱脂 …), deduplicated, sorted.
    pub claims: Vec<Claim>,
    pub marks: Marks,
    pub gtin: Option<Gtin>,
    /// Toneless pinyin of the Chinese part of `residual` without blanks, Latin letters kept: `kekoukele`.
    pub pinyin: String,
}

/// One word of the residual text.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Token {
    pub text: SmolStr,
    pub kind: TokenKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenKind {
    Brand,
    Head,
    Variant,
    Claim,
    Code,
    Number,
    /// Any other Chinese word.
    Han,
    /// Any other word in an alphabetic script.
    Word,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Brand {
    /// The lexicon's canonical name, lower case; the text itself when the lexicon does not know it.
    pub canonical: SmolStr,
    pub source: BrandSource,
}

/// Where a brand was read, strongest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BrandSource {
    /// The brand column, known to the lexicon.
    KnownField,
    /// The name itself, known to the lexicon.
    KnownName,
    /// The brand column, unknown to the lexicon.
    UnknownField,
}

/// A number of single units.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Pack {
    /// At least 2.
    pub count: u32,
    /// The canonical container of the unit (瓶, 盒) where named.
    pub container: Option<SmolStr>,
    pub text: SmolStr,
}

/// A word by which siblings of one product differ: `flavour=草莓`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Variant {
    pub kind: SmolStr,
    pub value: SmolStr,
}

/// A stated property or its negation: family `sugar`, value `无糖`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Claim {
    pub family: SmolStr,
    pub value: SmolStr,
}

/// How the thing is put up, as a set of [`Mark`]s.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Marks(u16);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mark {
    /// 礼盒
    Gift = 1,
    /// 组合装, 套装
    Combo = 2,
    /// 买一送一, 加量
    Bonus = 4,
    /// 试用装
    Trial = 8,
    /// 补充装, 替换装
    Refill = 16,
    /// 散装
    Bulk = 32,
    /// 家庭装
    Family = 64,
    /// 整箱, or a case word in the unit column
    Case = 128,
    /// 提, 排, 连包 without a readable count
    Multi = 256,
    /// 单瓶, 单包
    Single = 512,
    /// 瓶, 袋, 只 in the unit column: counted one by one, whatever the name leaves out
    Item = 1024,
}

impl Marks {
    pub fn set(&mut self, mark: Mark) {
        self.0 |= mark as u16;
    }
    pub fn has(self, mark: Mark) -> bool {
        self.0 & mark as u16 != 0
    }
    pub fn bits(self) -> u16 {
        self.0
    }
}
