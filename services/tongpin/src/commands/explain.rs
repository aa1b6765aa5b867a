//! `explain`: why two names get the confidence they get.

use super::{Failure, Finish, open, print, proved_zones, zone_policy};
use crate::args::{Call, Zones};
use crate::explanation;
use crate::progress::Display;
use domain::LocalSku;

pub fn explain(call: &Call, left: &str, right: &str, zones: Zones) -> Result<Finish, Failure> {
    for (name, which) in [(left, "LEFT_NAME"), (right, "RIGHT_NAME")] {
        if name.trim().is_empty() {
            return Err(Failure::EmptyName(which));
        }
    }
    let display = Display::new(call.language, true);
    let engine = open(call, &display)?;
    let [left, right] =
        [("left", left), ("right", right)].map(|(node, name)| LocalSku::named(node, "1", name));
    let explanation = engine.explain(&left, &right, &zone_policy(proved_zones(zones, &engine)))?;
    if call.json {
        print(&serde_json::to_string_pretty(&explanation).unwrap_or_default());
    } else {
        print(explanation::render(&explanation, call.language).trim_end());
    }
    Ok(Finish::Complete)
}
