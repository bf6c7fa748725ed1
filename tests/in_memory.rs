//! Models in memory: saved to a sink and loaded from bytes, without a path.

mod common;

use common::{bits, blobs, cpu, model};
use rhyton::prelude::*;

fn trained() -> Model {
    let mut model = model(&cpu());
    let (x, y) = blobs(32);
    model.fit(&x, &y).epochs(2).verbose(0).run().expect("trains");
    model
}

fn options(format: &str) -> SaveOptions {
    SaveOptions { format: Some(format.into()), ..SaveOptions::default() }
}

/// A model goes on training from bytes as from the file with the same bytes.
#[test]
fn a_model_comes_back_from_bytes_with_its_optimizer() {
    let mut first = trained();
    let (x, y) = blobs(32);
    for format in ["keras", "h5"] {
        let mut file = Vec::new();
        first.save_to(&mut file, &options(format)).expect("saves");
        let mut second = load_model_bytes(file).expect("loads");
        assert_eq!(bits(&second), bits(&first), "{format}");
        second.fit(&x, &y).epochs(1).shuffle(false).verbose(0).run().expect("trains");
        let mut again = Vec::new();
        first.save_to(&mut again, &options(format)).expect("saves");
        let mut third = load_model_bytes(again).expect("loads");
        third.fit(&x, &y).epochs(1).shuffle(false).verbose(0).run().expect("trains");
        assert_eq!(bits(&third), bits(&second), "{format}");
        assert_ne!(bits(&second), bits(&first), "{format}: it trains");
    }
    first.fit(&x, &y).epochs(1).verbose(0).run().expect("still trains");
}

#[test]
fn weights_come_back_from_bytes() {
    let trained = trained();
    for format in ["weights-h5", "h5-weights", "h5", "safetensors"] {
        let mut file = Vec::new();
        trained.save_weights_to(&mut file, &options(format)).expect("saves");
        let mut fresh = model(&cpu());
        let weights = trained.get_weights().expect("reads");
        assert_ne!(fresh.get_weights().expect("reads"), weights);
        fresh.load_weights_bytes(file).expect("loads");
        assert_eq!(fresh.get_weights().expect("reads"), weights, "{format}");
    }
}

#[test]
fn what_cannot_be_says_why() {
    let model = trained();
    let mut sink = Vec::new();
    for (format, part) in [("saved-model", "the path of its directory"), ("tf", "the path of its directory")]
    {
        let error = model.save_to(&mut sink, &options(format)).unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
    }
    let error = model.save_weights_to(&mut sink, &options("tf")).unwrap_err().to_string();
    assert!(error.contains("the prefix of its files"), "{error}");
    assert!(sink.is_empty());
    model.save_weights_to(&mut sink, &SaveOptions::default()).expect("saves");
    let error = load_model_bytes(sink).expect_err("no architecture").to_string();
    assert!(error.contains("a file in memory") && error.contains("weights only"), "{error}");
}
