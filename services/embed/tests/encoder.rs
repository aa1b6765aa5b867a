#![allow(clippy::unwrap_used)] // helpers outside of #[test] functions; a test may panic
//! The encoder with its real files and the real runtime: the same bits for a name whoever its neighbours are.

use embed::{EmbedError, Encoder, runtime};
use std::path::{Path, PathBuf};

fn models_dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models")
}

fn encoder() -> Encoder {
    runtime::ensure(&models_dir(), |line| eprintln!("{line}")).unwrap();
    Encoder::open(&models_dir()).unwrap()
}

const NAMES: [&str; 10] = [
    "绍兴黄酒礼盒a款",
    "coca cola zero 1.5 l x 6",
    "",
    "!!!",
    "伊利纯牛奶250ml×24盒",
    "h-1277 0825 新五征蓝 230g/450ml",
    "шоколад молочный алёнка 100 г",
    "tp-link rt-ac68u 路由器",
    "绍兴黄酒礼盒a款",
    "sony bravia kdl-40w 40 inch 1080p lcd hdtv black with a very long title that says much more than it needs to say",
];

/// 300 names, so that they fill several batches and pass by the cache.
fn crowd() -> Vec<String> {
    (0..300)
        .map(|i| format!("{} {}", NAMES[i % NAMES.len()], i * 37 % 101))
        .chain(NAMES.map(str::to_owned))
        .collect()
}

fn rows(encoder: &Encoder, texts: &[String]) -> Vec<Vec<f32>> {
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    encoder.encode(&texts).unwrap().rows().into_iter().map(|row| row.to_vec()).collect()
}

#[test]
fn a_vector_depends_on_its_text_alone() {
    let crowd = crowd();
    let expected = rows(&encoder(), &crowd);
    for vector in &expected {
        let length: f32 = vector.iter().map(|x| x * x).sum::<f32>().sqrt();
        assert!((length - 1.0).abs() < 1e-5, "length {length}");
    }

    let alone = encoder();
    for (text, expected) in crowd.iter().zip(&expected) {
        assert_eq!(&rows(&alone, std::slice::from_ref(text))[0], expected, "alone: {text}");
        assert_eq!(&rows(&alone, std::slice::from_ref(text))[0], expected, "from the cache: {text}");
    }

    let (mut reversed, mut reversed_expected) = (crowd.clone(), expected.clone());
    reversed.reverse();
    reversed_expected.reverse();
    for threads in [1, 2, 5] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let encoder = encoder();
        assert_eq!(pool.install(|| rows(&encoder, &reversed)), reversed_expected, "{threads} threads");
    }
}

#[test]
fn agrees_with_the_training_side() {
    #[derive(serde::Deserialize)]
    struct Row {
        text: String,
        embedding_head: Vec<f32>,
    }
    let json = std::fs::read(models_dir().join("encoder/vectors.json")).unwrap();
    let expected: Vec<Row> = serde_json::from_slice(&json).unwrap();
    let texts: Vec<String> = expected.iter().map(|row| row.text.clone()).collect();
    for (expected, vector) in expected.iter().zip(rows(&encoder(), &texts)) {
        for (a, b) in expected.embedding_head.iter().zip(&vector) {
            assert!(
                (a - b).abs() < 1e-3,
                "{}: {:?} {:?}",
                expected.text,
                expected.embedding_head,
                &vector[..8]
            );
        }
    }
}

#[test]
fn a_changed_file_is_refused() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("encoder");
    std::fs::create_dir(&folder).unwrap();
    for name in ["encoder.json", "encoder.onnx", "features.json"] {
        std::fs::copy(models_dir().join("encoder").join(name), folder.join(name)).unwrap();
    }
    let mut features = std::fs::read(folder.join("features.json")).unwrap();
    let last = features.len() - 1;
    features[last] ^= 1;
    std::fs::write(folder.join("features.json"), features).unwrap();
    let error = Encoder::open(root.path()).err().unwrap();
    assert!(matches!(error, EmbedError::Checksum { .. }), "{error}");
    assert!(error.to_string().contains("features.json"), "{error}");

    std::fs::remove_file(folder.join("encoder.json")).unwrap();
    let error = Encoder::open(root.path()).err().unwrap();
    assert!(matches!(error, EmbedError::Read { .. }), "{error}");
}
