//! Models over strings and integers of any size: what the host computes before a step, in fit, evaluate and predict, on both devices.

use ndarray::{Array1, Array2, array};
use rhyton_engine::Error;
use rhyton_engine::device::Device;
use rhyton_engine::graph::{LayerExt, LayerRef};
use rhyton_engine::layers::{
    CategoryEncoding, Concatenate, Dense, Discretization, Dropout, Embedding, Flatten,
    GlobalAveragePooling1D, HashedCrossing, Hashing, InputLayer, IntegerLookup, Rescaling, StringLookup,
    TextVectorization,
};
use rhyton_engine::train::{Adapt, Apply, Model, Predicted, Sequential, input, input_symbol, text_input};
use rhyton_engine::types::{DType, Integer};

const TEXTS: [&str; 5] = ["a b c", "b", "c c a b", "c b", "d a"];

fn devices() -> Vec<Device> {
    let gpu = Device::named("gpu", "for tests");
    if let Err(error) = &gpu {
        assert!(std::env::var("RHYTON_REQUIRE_GPU").as_deref() != Ok("1"), "{error}");
        eprintln!("SKIPPED on GPUs: {error}");
    }
    [Device::cpu_threads(2), gpu].into_iter().flatten().collect()
}

fn indices() -> Array2<i64> {
    array![[2, 3, 4, 0], [3, 0, 0, 0], [4, 4, 2, 3], [4, 3, 0, 0], [1, 2, 0, 0]]
}

/// The layers behind the words, with the same weights each time.
fn behind() -> Vec<LayerRef> {
    rhyton_engine::random::set_random_seed(7);
    rhyton_engine::layers![Embedding::new(5, 3).mask_zero(true), GlobalAveragePooling1D::new(), Dense::new(2)]
}

/// Checks that a model over texts trains, evaluates and predicts as the same model over the indices of their words.
#[test]
fn texts_are_their_indices() {
    let y = array![[1.0, 0.0], [0.0, 1.0], [1.0, 1.0], [0.5, 0.5], [0.0, 0.0]];
    for device in devices() {
        let words = TextVectorization::new().vocabulary(["a", "b", "c"]).output_sequence_length(4);
        let mut layers: Vec<LayerRef> = vec![words.into()];
        layers.extend(behind());
        let mut over_texts = Sequential::new(layers).unwrap();
        let mut layers = vec![InputLayer::of(&[Some(4)], DType::Whole(Integer::I64)).into()];
        layers.extend(behind());
        let mut over_indices = Sequential::new(layers).unwrap();
        over_texts.build(&[None]).unwrap();
        for model in [&mut over_texts, &mut over_indices] {
            model.to(&device).unwrap();
            model.compile("adam", "mse", ["mae"]).unwrap();
            model.set_random_state(3, 0);
        }
        let weights = over_indices.get_weights().unwrap();
        over_texts.set_weights(&weights).unwrap();
        let a = over_texts.fit(&TEXTS, &y).batch_size(2).epochs(3).verbose(0).run().unwrap();
        let b = over_indices.fit(&indices(), &y).batch_size(2).epochs(3).verbose(0).run().unwrap();
        assert_eq!(a.get("loss"), b.get("loss"));
        assert_eq!(over_texts.get_weights().unwrap(), over_indices.get_weights().unwrap());
        let a = over_texts.evaluate(&TEXTS, &y).batch_size(2).verbose(0).run().unwrap();
        let b = over_indices.evaluate(&indices(), &y).batch_size(2).verbose(0).run().unwrap();
        assert_eq!(a.get("mae"), b.get("mae"));
        let a = over_texts.predict(&TEXTS).batch_size(2).verbose(0).run().unwrap();
        let b = over_indices.predict(&indices()).batch_size(2).verbose(0).run().unwrap();
        assert_eq!(a, b);
        // A column of texts is as good.
        let column = Array2::from_shape_vec((5, 1), TEXTS.map(String::from).to_vec()).unwrap();
        assert_eq!(over_texts.predict(&column).verbose(0).run().unwrap(), b);
        over_texts.train_on_batch(&TEXTS, &y).unwrap();
        over_texts.test_on_batch(&TEXTS, &y).unwrap();
    }
}

/// Checks that each batch is as long as its longest text, and that what is as long as that cannot be one array.
#[test]
fn lengths_differ_from_batch_to_batch() {
    for device in devices() {
        let words = TextVectorization::new().vocabulary(["a", "b", "c"]);
        let mut layers: Vec<LayerRef> = vec![words.into(), Embedding::new(5, 3).into()];
        layers.extend(rhyton_engine::layers![GlobalAveragePooling1D::new(), Dense::new(1)]);
        let mut model = Sequential::new(layers).unwrap();
        model.to(&device).unwrap();
        let all = model.predict(&TEXTS).verbose(0).run().unwrap();
        let each = model.predict(&TEXTS).batch_size(1).verbose(0).run().unwrap();
        // The third is the longest; the others have the mean of fewer words when they are alone.
        assert!((all[[2, 0]] - each[[2, 0]]).abs() < 1e-6);
        assert!((all[[1, 0]] - each[[1, 0]]).abs() > 1e-4);
        model.compile("sgd", "mse", ()).unwrap();
        let y = array![[1.0], [0.0], [1.0], [0.5], [0.0]];
        let history = model.fit(&TEXTS[..], &y).batch_size(2).epochs(4).verbose(0).run().unwrap();
        assert_eq!(history.get("loss").map(<[f64]>::len), Some(4));
        let history = model.fit(&TEXTS, &y).validation_split(0.4).batch_size(2).verbose(0).run().unwrap();
        assert!(history.get("val_loss").is_some());
        let mut indices = Sequential::new((TextVectorization::new().vocabulary(["a", "b", "c"]),)).unwrap();
        indices.to(&device).unwrap();
        assert_eq!(indices.predict(&TEXTS).verbose(0).run().unwrap().shape(), [5, 4]);
        let error = indices.predict(&TEXTS).batch_size(2).verbose(0).run().unwrap_err().to_string();
        assert!(error.contains("output_sequence_length"), "{error}");
    }
}

/// Checks models inside models, layers that are called twice, and inputs that both the host and the device read.
#[test]
fn networks_inside() {
    let lookup =
        Sequential::new((StringLookup::new().vocabulary(["red", "green"]).output_mode("one_hot"),)).unwrap();
    let lookup = lookup.as_layer().clone();
    let (left, right) = (text_input([1]), text_input([1]));
    let number = input_symbol(InputLayer::of(&[Some(1)], DType::Whole(Integer::I64)));
    let bucket = Hashing::new(3).output_mode("one_hot").on(&number);
    let both = [lookup.clone().on(&left), lookup.on(&right), bucket, Rescaling::new(0.5).on(&number)];
    let joined = Concatenate::new().on(both);
    let model = Model::new([&left, &right, &number], &joined).unwrap();
    // The whole in another one.
    let (a, b) = (text_input([1]), text_input([1]));
    let n = input_symbol(InputLayer::of(&[Some(1)], DType::Whole(Integer::I64)));
    let mut outer =
        Model::new([&a, &b, &n], Flatten::new().on(model.as_layer().clone().on([&a, &b, &n]))).unwrap();
    for device in devices() {
        outer.to(&device).unwrap();
        let (a, b) = (["red", "blue"], ["green", "red"]);
        let y = outer.predict((&a, &b, &array![7_i64, 1 << 40])).verbose(0).run().unwrap();
        assert_eq!(y.shape(), [2, 10]);
        let buckets = |n: i64| {
            let at = rhyton_engine::host::fingerprint(n.to_string().as_bytes()) % 3;
            (0..3).map(|i| f32::from(u8::from(i == at))).collect::<Vec<f32>>()
        };
        let row = |first: [f32; 6], n: i64| [&first[..], &buckets(n), &[n as f32 * 0.5]].concat();
        assert_eq!(y.index_axis(ndarray::Axis(0), 0).to_vec(), row([0.0, 1.0, 0.0, 0.0, 0.0, 1.0], 7));
        assert_eq!(y.index_axis(ndarray::Axis(0), 1).to_vec(), row([1.0, 0.0, 0.0, 0.0, 1.0, 0.0], 1 << 40));
    }
}

trait ToVec {
    fn to_vec(&self) -> Vec<f32>;
}
impl ToVec for ndarray::ArrayViewD<'_, f32> {
    fn to_vec(&self) -> Vec<f32> {
        self.iter().copied().collect()
    }
}

/// Checks that the host computes what stands before its layers by their definitions.
#[test]
fn layers_before_those_of_the_host() {
    let (x, color) = (input([1]), text_input([1]));
    let bin = Discretization::new().bin_boundaries([0.0, 1.0]).on(Rescaling::new(0.1).on(&x));
    let crossed = HashedCrossing::new(1000).on([&bin, &color]);
    let code = IntegerLookup::new().vocabulary([0, 2]).on(&bin);
    let mut model = Model::new([&x, &color], [&crossed, &code, &bin]).unwrap();
    for device in devices() {
        model.to(&device).unwrap();
        let x = array![[-3.0], [5.0], [20.0]];
        let all = model.predict((&x, &["red", "red", "blue"])).verbose(0).run_all().unwrap();
        let cross = |bin: u64, word: &str| {
            let all = rhyton_engine::host::cross(0xde_cafc_affe, bin);
            (rhyton_engine::host::cross(all, rhyton_engine::host::fingerprint(word.as_bytes())) % 1000) as f32
        };
        let wanted = array![[cross(0, "red")], [cross(1, "red")], [cross(2, "blue")]];
        assert_eq!(all[0], wanted.into_dyn());
        assert_eq!(all[1], array![[1.0], [0.0], [2.0]].into_dyn());
        assert_eq!(all[2], array![[0.0], [1.0], [2.0]].into_dyn());
    }
}

#[test]
fn strings_that_a_model_gives() {
    let number = input_symbol(InputLayer::of(&[Some(2)], DType::Whole(Integer::I64)));
    let words = StringLookup::new().vocabulary(["red", "green"]).invert(true).name("words").on(&number);
    let half = Rescaling::new(0.5).name("half").on(&number);
    let mut model = Model::new(&number, [&words, &half]).unwrap();
    let x = array![[1_i64, 2], [0, 9]];
    let found = model.predict(&x).verbose(0).run_each().unwrap();
    let wanted = array![["red", "green"], ["[UNK]", "[UNK]"]].mapv(String::from).into_dyn();
    assert_eq!(found[0], Predicted::Text(wanted));
    assert_eq!(found[1], Predicted::Numbers(array![[0.5, 1.0], [0.0, 4.5]].into_dyn()));
    assert_eq!(model.predict(&x).verbose(0).run_text().unwrap().len(), 1);
    let error = model.predict(&x).verbose(0).run_all().unwrap_err().to_string();
    assert!(error.contains("words") && error.contains("run_text"), "{error}");
    model.compile("sgd", "mse", ()).unwrap();
    let zeros = array![[0.0, 0.0], [0.0, 0.0]];
    let error = model.evaluate(&x, (&zeros, &zeros)).verbose(0).run().unwrap_err().to_string();
    assert!(error.contains("strings"), "{error}");
}

/// Checks that strings where they cannot be, and layers of the host where they cannot be, are errors that name the layer.
#[test]
fn what_cannot_be_is_named() {
    let fails = |symbol: rhyton_engine::models::Symbol, inputs: &[rhyton_engine::models::Symbol]| -> String {
        let made = Model::new(inputs.to_vec(), &symbol);
        let predicted = made.and_then(|mut model| match inputs[0].dtype {
            DType::Text => model.predict(&["a"]).verbose(0).run(),
            _ => model.predict(&array![[1.0, 2.0]]).verbose(0).run(),
        });
        predicted.unwrap_err().to_string()
    };
    let text = text_input([1]);
    let error = fails(Dense::new(2).name("wide").on(&text), std::slice::from_ref(&text));
    assert!(error.contains("wide") && error.contains("strings"), "{error}");
    let error = fails(Flatten::new().name("flat").on(&text), std::slice::from_ref(&text));
    assert!(error.contains("flat") && error.contains("strings"), "{error}");
    let x = input([2]);
    let error = fails(
        Hashing::new(3).name("buckets").on(Dense::new(2).name("wide").on(&x)),
        std::slice::from_ref(&x),
    );
    assert!(error.contains("wide") && error.contains("buckets"), "{error}");
    let error = fails(StringLookup::new().vocabulary(["a"]).name("words").on(&x), std::slice::from_ref(&x));
    assert!(error.contains("words") && error.contains("strings"), "{error}");
    let error = fails(TextVectorization::new().name("words").on(&text), std::slice::from_ref(&text));
    assert!(error.contains("words") && error.contains("adapt"), "{error}");
    let error = fails(StringLookup::new().output_mode("count").name("words").on(&text), &[text]);
    assert!(error.contains("words") && error.contains("adapt"), "{error}");
    // Data of the other kind.
    let mut model = Sequential::new((StringLookup::new().vocabulary(["a"]),)).unwrap();
    model.build(&[None, Some(1)]).unwrap();
    let error = model.predict(&array![[1.0]]).verbose(0).run().unwrap_err().to_string();
    assert!(error.contains("strings"), "{error}");
    let mut model = Sequential::new((Dense::new(1).input_shape([1]),)).unwrap();
    let error = model.predict(&["a"]).verbose(0).run().unwrap_err().to_string();
    assert!(error.contains("strings"), "{error}");
    let mut dense: LayerRef = Dense::new(1).into();
    let error = dense.adapt(&["a"]).unwrap_err().to_string();
    assert!(error.contains("Dense"), "{error}");
    let strange = StringLookup::new().vocabulary(["a"]).num_oov_indices(0).name("words");
    let mut model = Sequential::new((strange,)).unwrap();
    let error = model.predict(&["a", "q"]).verbose(0).run().unwrap_err().to_string();
    assert!(error.contains("words") && error.contains("\"q\""), "{error}");
}

/// Checks that what a layer learns anew is what the model computes with.
#[test]
fn learned_again() -> Result<(), Error> {
    for device in devices() {
        let mut model = Sequential::new((
            Discretization::new().num_bins(2).name("bins").input_shape([1]),
            CategoryEncoding::new(2).output_mode("one_hot"),
            Dropout::new(0.5),
        ))?;
        model.to(&device)?;
        let error = model.predict(&array![[1.0]]).verbose(0).run().unwrap_err().to_string();
        assert!(error.contains("bins") && error.contains("adapt"), "{error}");
        model.get_layer("bins")?.adapt(&array![0.0, 1.0, 2.0, 3.0])?;
        assert_eq!(model.predict(&array![[5.0]]).verbose(0).run()?, array![[0.0, 1.0]].into_dyn());
        model.get_layer("bins")?.adapt(&array![10.0, 11.0, 12.0, 13.0])?;
        assert_eq!(model.predict(&array![[5.0]]).verbose(0).run()?, array![[1.0, 0.0]].into_dyn());
        let words = text_input([1]);
        let indices = StringLookup::new().name("words").on(&words);
        let mut model = Model::new(&words, &indices)?;
        model.to(&device)?;
        for all in [["b", "b", "a"], ["c", "c", "b"]] {
            model.get_layer("words")?.adapt(&all)?;
            let ids = model.predict(&["b", "c"]).verbose(0).run()?;
            let vocabulary = model.get_layer("words")?.get_vocabulary()?;
            let wanted = ["b", "c"].map(|w| vocabulary.iter().position(|v| v == w).unwrap_or(0) as f32);
            assert_eq!(ids.iter().copied().collect::<Array1<f32>>().to_vec(), wanted);
        }
    }
    Ok(())
}
