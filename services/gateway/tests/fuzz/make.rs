//! Messages by chance.

use crate::support::{Chance, goods};
use bytes::Bytes;
use prost::Message;
use prost_reflect::{Cardinality, DynamicMessage, Kind, MapKey, MessageDescriptor, Value};

/// Messages inside messages, at most.
const DEPTH: usize = 5;
/// Texts that have broken things elsewhere.
const ODD: [&str; 16] = [
    "",
    " ",
    "\u{0}",
    "\u{feff}\u{202e}abc",
    "½斤×12",
    "1e308kg",
    "99999999999999999999ml*99999999999",
    "'; DROP TABLE skus; --",
    "../../../../etc/passwd",
    "%00%2e%2e%2f",
    "nodes/-",
    "nodes//skus/",
    "\r\n{\"level\":\"ERROR\"}",
    "👩‍👩‍👧‍👦🇨🇳",
    "ﷺ𝟘⁵₀0㎏㎖",
    "NaN",
];

#[derive(Default)]
pub struct Maker {
    goods: Vec<(String, String)>,
}

impl Maker {
    /// Mostly what the description allows, else any bytes.
    pub fn message(&mut self, of: &MessageDescriptor, chance: &mut Chance) -> Bytes {
        if chance.percent(5) {
            return chance.bytes(200).into();
        }
        let mut bytes = self.fill(of, chance, DEPTH).encode_to_vec();
        if chance.percent(20) && !bytes.is_empty() {
            for _ in 0..=chance.below(4) {
                let at = chance.below(bytes.len());
                match chance.below(3) {
                    0 => bytes[at] = chance.next() as u8,
                    1 => bytes.truncate(at.max(1)),
                    _ => bytes.insert(at, chance.next() as u8),
                }
            }
        }
        bytes.into()
    }

    fn fill(&mut self, of: &MessageDescriptor, chance: &mut Chance, depth: usize) -> DynamicMessage {
        let mut message = DynamicMessage::new(of.clone());
        for field in of.fields() {
            if !chance.percent(60) {
                continue;
            }
            let value = if field.is_map() {
                Value::Map([(MapKey::String(self.text("", chance)), Value::I64(1))].into())
            } else if field.cardinality() == Cardinality::Repeated {
                let most = if chance.percent(2) { 1_200 } else { 4 };
                let depth = if most > 4 { 1 } else { depth };
                let kind = field.kind();
                Value::List(
                    (0..chance.below(most)).map(|_| self.value(&kind, field.name(), chance, depth)).collect(),
                )
            } else {
                self.value(&field.kind(), field.name(), chance, depth)
            };
            // A map of another kind than text to number.
            let _ = message.try_set_field(&field, value);
        }
        message
    }

    fn value(&mut self, kind: &Kind, name: &str, chance: &mut Chance, depth: usize) -> Value {
        let number = [0, 1, 2, 10, -1, 1_000, i64::MAX, i64::MIN, chance.next() as i64][chance.below(9)];
        match kind {
            Kind::Double => {
                Value::F64([0.0, 0.5, 1.0, -1.0, f64::NAN, f64::INFINITY, 1e308][chance.below(7)])
            }
            Kind::Float => Value::F32([0.0, f32::NAN][chance.below(2)]),
            Kind::Bool => Value::Bool(chance.percent(50)),
            Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => Value::I32(number as i32),
            Kind::Uint32 | Kind::Fixed32 => Value::U32(number as u32),
            Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => Value::I64(number),
            Kind::Uint64 | Kind::Fixed64 => Value::U64(number as u64),
            Kind::String => Value::String(self.text(name, chance)),
            Kind::Bytes => Value::Bytes(chance.bytes(30).into()),
            Kind::Enum(words) => {
                let known = words.values().count();
                Value::EnumNumber(if chance.percent(90) { chance.below(known) as i32 } else { number as i32 })
            }
            Kind::Message(of) if depth == 0 => Value::Message(DynamicMessage::new(of.clone())),
            Kind::Message(of) => Value::Message(self.fill(of, chance, depth - 1)),
        }
    }

    fn text(&mut self, field: &str, chance: &mut Chance) -> String {
        if self.goods.is_empty() {
            self.goods = goods();
        }
        let (name, text) = &self.goods[chance.below(self.goods.len())];
        match chance.below(10) {
            0 => String::from_utf8_lossy(&chance.bytes(40)).into_owned(),
            1 => ODD[chance.below(ODD.len())].to_owned(),
            2 => text.repeat(1 + chance.below(60)),
            _ => match field {
                "display_name" | "spec" | "reason" => text.clone(),
                "parent" | "nodes" => ["nodes/shop", "nodes/store", "nodes/-"][chance.below(3)].to_owned(),
                "node_id" => format!("n{}", chance.below(50)),
                "sku" | "skus" | "left" | "right" => name.clone(),
                "name" => match chance.below(4) {
                    0 => "nodes/shop".to_owned(),
                    1 => format!("operations/{}", chance.below(50)),
                    _ => name.clone(),
                },
                // A repeated id with another message is refused: mostly none.
                "request_id" | "etag" | "page_token" if chance.percent(70) => String::new(),
                _ => text.chars().take(chance.below(6)).collect(),
            },
        }
    }
}
