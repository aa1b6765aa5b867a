//! Everything that is known of one set after one run; saved beside the report, so that the overview and the baselines
//! read figures and not text.

use crate::metrics::PrecisionRecall;
use crate::metrics::calibration::Bin;
use crate::metrics::labelled::TestSplit;
use crate::metrics::linkage::{HardNegatives, Linkage};
use crate::metrics::recall::ChannelRecall;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Figures {
    pub set: String,
    pub scorer: String,
    /// Which pairs the truth was taken to judge: `all`, `labelled`, `anchored`.
    pub judged: String,
    pub records: usize,
    pub nodes: usize,
    /// What decided: (name, version).
    pub versions: Vec<(String, String)>,
    pub retrieval: Retrieval,
    pub linkage: Linkage,
    pub bins: Vec<Bin>,
    /// Expected calibration error over `bins`.
    pub ece: Option<f64>,
    pub b_cubed: Option<PrecisionRecall>,
    pub hard_negatives: Option<HardNegatives>,
    pub labelled_test: Option<TestSplit>,
    pub prior_shift: f64,
    pub cost: Cost,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Retrieval {
    /// Pairs that were scored.
    pub candidates: usize,
    /// Share of true pairs among them: what the lists of the run itself let through.
    pub candidate_recall: f64,
    /// Measured with lists of at least 50.
    pub channels: Vec<ChannelRecall>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Cost {
    /// (stage, wall seconds)
    pub stages: Vec<(String, f64)>,
    pub wall_seconds: f64,
    /// All threads, user and system; nothing where the system does not tell.
    pub cpu_seconds: Option<f64>,
    pub peak_megabytes: Option<f64>,
}

/// The scorer that never saw any of the named set, by convention.
pub fn scorer_without(set: &str) -> String {
    format!("without-{set}")
}

impl Figures {
    /// Whether the scorer is one that was trained without this set.
    pub fn held_out(&self) -> bool {
        self.scorer == scorer_without(&self.set)
    }
}
