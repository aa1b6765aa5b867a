//! What may be bound to a parameter. Absent values keep their type, which PostgreSQL wants to know.

use crate::{Result, StoreError};
use domain::{Sequence, Timestamp, Version};
use smol_str::SmolStr;

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    Text(Option<String>),
    Int(Option<i64>),
    Real(Option<f64>),
    Bytes(Vec<u8>),
}

impl Value {
    /// Both databases must take the same: PostgreSQL knows no NUL in a text, SQLite reads NaN as absent.
    pub(crate) fn check(&self) -> Result<()> {
        match self {
            Value::Text(Some(text)) if text.contains('\0') => {
                Err(StoreError::invalid(format!("text {text:?}"), "holds a NUL character: remove it"))
            }
            Value::Real(Some(number)) if !number.is_finite() => {
                Err(StoreError::invalid(format!("number {number}"), "is not finite: give a finite number"))
            }
            _ => Ok(()),
        }
    }
}

/// A list of values.
macro_rules! args {
    ($($value:expr),* $(,)?) => { vec![$($crate::sql::Value::from($value)),*] };
}
pub(crate) use args;

macro_rules! from {
    ($($of:ty => |$value:ident| $to:expr;)+) => {
        $(impl From<$of> for Value { fn from($value: $of) -> Self { $to } })+
    };
}

from! {
    &str => |text| Value::Text(Some(text.to_owned()));
    String => |text| Value::Text(Some(text));
    &String => |text| Value::Text(Some(text.clone()));
    &SmolStr => |text| Value::Text(Some(text.to_string()));
    Option<String> => |text| Value::Text(text);
    &Option<String> => |text| Value::Text(text.clone());
    Option<&SmolStr> => |text| Value::Text(text.map(|t| t.to_string()));
    i64 => |number| Value::Int(Some(number));
    Option<i64> => |number| Value::Int(number);
    f64 => |number| Value::Real(Some(number));
    Option<f64> => |number| Value::Real(number);
    Vec<u8> => |bytes| Value::Bytes(bytes);
    Version => |version| Value::Int(Some(version.0));
    Sequence => |sequence| Value::Int(Some(sequence.0));
    Timestamp => |at| Value::Int(Some(at.0));
    Option<Timestamp> => |at| Value::Int(at.map(|t| t.0));
}
