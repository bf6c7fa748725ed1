//! The library as a program sees it: one prelude beside `ndarray::*`, one error, what a compile that fails leaves in files.

mod common;

use common::{blobs, cpu};
// Both globs, as programs write them.
use ndarray::*;
use rhyton::prelude::*;
use rhyton::serde::{Deserialize, Serialize};

fn small() -> Model {
    let mut model = Sequential::new((Dense::new(3).input_shape([20]).name("scores"),)).expect("fits");
    model.to(&cpu()).expect("moves");
    model
}

/// A custom layer with nothing but the prelude, and serde as `rhyton` has it.
#[derive(Serialize, Deserialize)]
#[serde(crate = "rhyton::serde")]
struct Halving {
    #[serde(skip)]
    factor: Variable,
}

impl Layer for Halving {
    const CLASS: &'static str = "Halving";
    fn build(&mut self, builder: &mut Builder, input: &TensorShape) -> Result<(), Error> {
        if input.known(-1)? % 2 == 1 {
            // An error of the user's own.
            return Err(Error::other("an odd number of features"));
        }
        self.factor = builder.add_weight("factor", [1], "ones", false)?;
        Ok(())
    }
    fn call(&self, x: Tensor, _cx: &CallContext) -> Tensor {
        x * &self.factor * 0.5
    }
}

/// Every name of the prelude, looked for beside ndarray's: one that both have would not compile.
#[allow(unused_imports)]
mod every_name {
    use super::{
        Activation, ActivityRegularization, Adadelta, Adagrad, Adam, AdamW, Adamax, Adapt,
        AdaptiveAveragePooling1D, AdaptiveAveragePooling2D, AdaptiveAveragePooling3D, AdaptiveMaxPooling1D,
        AdaptiveMaxPooling2D, AdaptiveMaxPooling3D, Add, AdditiveAttention, AlphaDropout, Apply, Arguments,
        Attention, AugMix, AutoContrast, Average, AveragePooling1D, AveragePooling2D, AveragePooling3D,
        BatchNormalization, Bidirectional, BinaryAccuracy, BinaryCrossentropy, Builder, CallContext,
        Callback, CallbackResult, CategoricalAccuracy, CategoricalCrossentropy, CategoryEncoding, CenterCrop,
        CheckpointManager, CompileOptions, Concatenate, ContrastLimitedAdaptiveHistogramEqualization,
        Control, Conv1D, Conv1DTranspose, Conv2D, Conv2DTranspose, Conv3D, Conv3DTranspose, ConvLSTM1D,
        ConvLSTM2D, ConvLSTM3D, Cropping1D, Cropping2D, Cropping3D, CustomObjects, CustomScaleLayer, CutMix,
        DataFormat, Dense, DepthwiseConv1D, DepthwiseConv2D, Device, Dialect, Discretization, Dot, Dropout,
        ELU, EarlyStopping, EinsumDense, Embedding, Equalization, Error, Examples, Flatten, Ftrl, GRU,
        GRUCell, GaussianDropout, GaussianNoise, GlobalAveragePooling1D, GlobalAveragePooling2D,
        GlobalAveragePooling3D, GlobalMaxPooling1D, GlobalMaxPooling2D, GlobalMaxPooling3D,
        GroupNormalization, GroupedQueryAttention, HashedCrossing, Hashing, History, HistoryLogger, Huber,
        Identity, InputLayer, IntegerLookup, LSTM, LSTMCell, Lambda, LambdaCallback, Layer, LayerExt,
        LayerNormalization, LayerRef, LayerScale, LeakyReLU, LearningRateScheduler, Lion, LoadOptions,
        LoadWeightsOptions, LocallyConnected1D, LocallyConnected2D, Location, Logs, Loss, Masking,
        MaxNumBoundingBoxes, MaxPooling1D, MaxPooling2D, MaxPooling3D, Maximum, MeanAbsoluteError,
        MeanSquaredError, MelSpectrogram, Metric, Minimum, MixUp, Model, ModelCheckpoint, MultiHeadAttention,
        Multiply, Nadam, NameModel, Normalization, PReLU, Padding, Permute, Pipeline, RMSNormalization,
        RMSprop, RNN, RandAugment, RandomBrightness, RandomColorDegeneration, RandomColorJitter,
        RandomContrast, RandomCrop, RandomElasticTransform, RandomErasing, RandomFlip, RandomGaussianBlur,
        RandomGrayscale, RandomHeight, RandomHue, RandomInvert, RandomPerspective, RandomPosterization,
        RandomRotation, RandomSaturation, RandomSharpness, RandomShear, RandomTranslation, RandomWidth,
        RandomZoom, ReLU, RepeatVector, Rescaling, Reshape, Resizing, ReversibleEmbedding, SGD,
        STFTSpectrogram, SaveLoad, SaveOptions, SeparableConv1D, SeparableConv2D, Sequential, SimpleRNN,
        SimpleRNNCell, Softmax, Solarization, SparseCategoricalAccuracy, SparseCategoricalCrossentropy,
        SpatialDropout1D, SpatialDropout2D, SpatialDropout3D, SpectralNormalization, StackedRNNCells,
        StochasticDepth, StopWhen, StringLookup, Subtract, Tensor, TensorShape, TextVectorization,
        ThresholdedReLU, TimeDistributed, UnitNormalization, UpSampling1D, UpSampling2D, UpSampling3D,
        Variable, ZeroPadding1D, ZeroPadding2D, ZeroPadding3D, callbacks, custom_object_scope, datasets,
        input, latest_checkpoint, layers, load_model, load_model_bytes, load_model_with, losses, metrics,
        register_layer, schedules, set_random_seed, text_input,
    };
}

#[test]
fn every_name_of_the_prelude_is_above() {
    let (prelude, here) = (include_str!("../src/prelude.rs"), include_str!("api.rs"));
    let list =
        here.split("mod every_name {").nth(1).and_then(|rest| rest.split('}').next()).expect("the list");
    let known: Vec<&str> = list.split(|c: char| !c.is_alphanumeric() && c != '_').collect();
    for statement in prelude.split("pub use ").skip(1) {
        let statement = statement.split(';').next().unwrap_or_default();
        let names = statement.split('{').nth(1).unwrap_or(statement).trim_end_matches('}');
        for name in names.split(',').map(str::trim).filter(|n| !n.is_empty() && !n.ends_with(['*', '}'])) {
            let name = name.rsplit(" as ").next().unwrap_or(name);
            let name = name.rsplit("::").next().unwrap_or(name);
            assert!(name == "self" || known.contains(&name), "{name} is not in the list");
        }
    }
    for class in rhyton::layers::LAYERS {
        assert!(known.contains(&class.name), "{} is not in the list", class.name);
    }
}

/// Names of ndarray that a program with both globs uses, and those of the prelude: an ambiguous one does not compile.
#[test]
fn the_prelude_stands_beside_ndarray() {
    fn shape_of<S: Data<Elem = f32>, D: Dimension>(array: &ArrayBase<S, D>) -> Vec<usize> {
        array.shape().to_vec()
    }
    let x: Array2<f32> = array![[1.0, 2.0], [3.0, 5.0]];
    let shape: Shape<Ix2> = Ix2(2, 2).into();
    let zeros = Array::<f32, _>::zeros(shape);
    let sum = Zip::from(&x).and(&zeros).fold(0.0, |sum, a, b| sum + a + b);
    assert_eq!((sum, shape_of(&x.sum_axis(Axis(0)))), (11.0, vec![2]));
    let _ =
        (stack![Axis(0), x, x], concatenate![Axis(1), x, x], s![.., 0], Slice::from(..), NewAxis, Order::C);

    let layer = Halving { factor: Variable::default() };
    let mut model = Sequential::new((Rescaling::new(2.0).input_shape([2]), layer)).expect("fits");
    model.to(&cpu()).expect("moves");
    assert_eq!(model.predict(&x).verbose(0).run().expect("predicts"), x.into_dyn());
    let layer = Halving { factor: Variable::default() };
    let error = Sequential::new((Dense::new(3).input_shape([2]), layer)).map(|_| ()).expect_err("odd");
    assert!(error.to_string().contains("an odd number of features"), "{error}");
    let shape: TensorShape = TensorShape(vec![None, Some(2)]);
    assert_eq!(shape.rank(), 2);
    // Modules and macros.
    let _ = (losses::Huber::new(), metrics::Recall::new(), layers::Identity::new(), metrics!["mae"]);
}

/// One error for models, files, data sets and a user's own, which `?` makes of each.
#[test]
fn errors_are_of_one_type() {
    fn model_error() -> Result<(), Error> {
        small().compile("adma", "mse", ())
    }
    fn file_error() -> Result<(), Error> {
        rhyton::storage::copy("/no/such/file.keras", "/no/such/other.keras")?;
        Ok(())
    }
    fn loaded() -> Result<Model, Error> {
        rhyton::load_model("/no/such/file.keras")
    }
    fn data_error() -> Result<(), Error> {
        rhyton::datasets::npy::load::<f32>("/no/such/file.npy")?;
        Ok(())
    }
    let error = model_error().expect_err("mistyped");
    assert!(matches!(&error, Error::Unknown { kind: "optimizer", name, .. } if name == "adma"), "{error:?}");
    for error in [file_error().expect_err("absent"), loaded().map(|_| ()).expect_err("absent")] {
        assert!(matches!(error, Error::File(_)), "{error:?}");
        assert!(error.downcast_ref::<rhyton::persist::Error>().is_some());
        // The cause is reached as of any error.
        assert!(std::error::Error::source(&error).is_some(), "{error:?}");
    }
    let error = data_error().expect_err("absent");
    assert!(error.downcast_ref::<rhyton::datasets::DatasetError>().is_some(), "{error:?}");
    assert!(error.downcast_ref::<rhyton::persist::Error>().is_none());
    // It is cloned, sent and shared.
    fn needs<T: Clone + Send + Sync + std::error::Error + 'static>(_: &T) {}
    needs(&error);
}

#[test]
fn a_file_has_the_older_compile_or_the_newer_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let (x, y) = blobs(12);
    let mut model = small();
    let loss = SparseCategoricalCrossentropy::new().from_logits(true);
    model.compile(SGD::new().momentum(0.5), loss, ["accuracy"]).expect("compiles");
    model.fit(&x, &y).verbose(0).run().expect("trains");
    let compiled = |name: &str, model: &Model| {
        let path = folder.path().join(name);
        model.save(&path).expect("saves");
        let found = rhyton::inspect::inspect(&path).expect("looks").to_json(false, false);
        (found["compile"].clone(), found["optimizer"].clone())
    };
    let before = compiled("before.keras", &model);
    model.compile("adam", "msee", ()).expect_err("mistyped");
    model.compile("adma", "mse", ()).expect_err("mistyped");
    assert_eq!(compiled("after.keras", &model), before);
    let mut again = rhyton::load_model(folder.path().join("after.keras")).expect("loads");
    again.to(&cpu()).expect("moves");
    assert_eq!(again.iterations(), 1);
    assert_eq!(
        again.fit(&x, &y).verbose(0).run().expect("trains"),
        model.fit(&x, &y).verbose(0).run().expect("trains")
    );
}

#[test]
fn a_checkpoint_with_a_wrong_word_saves_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let (x, y) = blobs(12);
    let mut model = small();
    model.compile("sgd", SparseCategoricalCrossentropy::new().from_logits(true), ()).expect("compiles");
    let path = folder.path().join("m.keras");
    let checkpoint = || ModelCheckpoint::new(&path).monitor("loss");
    for (mut checkpoint, said) in [
        (
            checkpoint().save_freq("epochs"),
            "save_freq is \"epochs\", but must be \"epoch\"; did you mean `epoch`?",
        ),
        (checkpoint().save_freq("anything"), "save_freq is \"anything\", but must be \"epoch\""),
        (checkpoint().save_freq(0), "save_freq is 0"),
        (checkpoint().mode("maximum"), "mode is \"maximum\", but must be \"auto\", \"min\" or \"max\""),
        (checkpoint().verbose(2), "verbose is 2"),
    ] {
        let error =
            model.fit(&x, &y).verbose(0).callbacks([&mut checkpoint]).run().expect_err("wrong").to_string();
        assert!(error.contains("callback ModelCheckpoint") && error.contains(said), "{error}");
    }
    assert_eq!((model.iterations(), path.exists()), (0, false));
    let mut right = [checkpoint().save_freq("epoch").mode("MAX"), checkpoint().save_freq(1)];
    let [a, b] = &mut right;
    let mut stop = EarlyStopping::new().monitor("loss").mode("min").patience(5);
    model.fit(&x, &y).verbose(0).callbacks(callbacks![a, &mut stop, b]).run().expect("trains");
    assert!(path.exists());
}

#[test]
fn a_mistyped_format_is_guessed() {
    let folder = tempfile::tempdir().expect("a folder");
    let options = SaveOptions { format: Some("kears".into()), ..SaveOptions::default() };
    let error = small().save_with(folder.path().join("m"), &options).expect_err("no such format").to_string();
    assert!(error.contains("did you mean `keras`?"), "{error}");
}
