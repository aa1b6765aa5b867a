//! Numbers with a dimension. A quantity is kept in its dimension's base unit, so that `0.5L` and `500毫升` are the
//! same value; a range (`3-6kg`) keeps both ends.

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

/// What is measured. Each has one base unit, named beside it; two quantities are comparable only within one
/// dimension.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dimension {
    /// g
    Mass,
    /// ml
    Volume,
    /// mm
    Length,
    /// mm²
    Area,
    /// mg/ml
    Concentration,
    /// pieces inside one pack of the thing itself (tablets, sheets are [`Dimension::Sheets`])
    Count,
    /// sheets or pulls of paper
    Sheets,
    /// plies
    Ply,
    /// V
    Voltage,
    /// A
    Current,
    /// W
    Power,
    /// Ah
    Charge,
    /// Wh
    Energy,
    /// % by volume (52度 = 52%vol)
    Alcohol,
    /// %
    Percent,
    /// ℃
    Temperature,
    /// MPa
    Pressure,
    /// Hz
    Frequency,
    /// MB
    Storage,
    /// MP
    Pixels,
    /// s
    Time,
    /// Ω
    Resistance,
    /// rpm
    Speed,
    /// lm
    Light,
    /// K
    ColourTemperature,
    /// nominal pipe size in DN mm (6分 = DN20)
    Pipe,
    /// zip size (5号)
    Zip,
    /// metric thread (M6)
    Screw,
    /// mesh (目)
    Grit,
    /// licences
    Users,
    /// D
    Denier,
    /// yarn count (支, S)
    Yarn,
    /// degrees that are neither alcohol nor temperature for certain
    Degree,
    /// infant formula stage (3段), shoe and clothing sizes given as a number with 码
    Stage,
    /// clothing or shoe size (42码, 170/92A is kept as a code)
    Size,
}

/// A stated amount: `low == high` unless the text gives a range.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Quantity {
    pub dimension: Dimension,
    /// Base units; finite and >= 0.
    pub low: f64,
    pub high: f64,
    /// As written, for explanations: `0.5升`.
    pub text: SmolStr,
}

/// Two statements of one amount may differ by rounding (16oz = 453.59g against 454g; 1 安士 = 28g against 28.35g).
pub const TOLERANCE: f64 = 0.015;

impl Quantity {
    pub fn exact(dimension: Dimension, value: f64, text: &str) -> Self {
        Quantity { dimension, low: value, high: value, text: text.into() }
    }

    /// Same dimension and equal within [`TOLERANCE`]; a range equals a range with the same ends.
    pub fn same_as(&self, other: &Quantity) -> bool {
        self.dimension == other.dimension && close(self.low, other.low) && close(self.high, other.high)
    }
}

/// Relative equality within [`TOLERANCE`].
pub fn close(a: f64, b: f64) -> bool {
    (a - b).abs() <= TOLERANCE * a.abs().max(b.abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_amounts_in_other_units_are_equal() {
        let half_litre = Quantity::exact(Dimension::Volume, 500.0, "0.5L");
        assert!(half_litre.same_as(&Quantity::exact(Dimension::Volume, 500.0, "500毫升")));
        assert!(!half_litre.same_as(&Quantity::exact(Dimension::Volume, 550.0, "550ml")));
        assert!(!half_litre.same_as(&Quantity::exact(Dimension::Mass, 500.0, "500g")));
    }
}
