//! `compile`: whole or not at all, by output name too; and the options of `fit`, `evaluate` and `predict`.

use ndarray::{Array2, Axis, array};
use rhyton_engine::device::Device;
use rhyton_engine::graph::{LayerExt, Tensor};
use rhyton_engine::layers::Dense;
use rhyton_engine::losses::{Loss, MeanSquaredError};
use rhyton_engine::train::{Apply, CompileOptions, Model, Sequential, input};

fn cpu(mut model: Model) -> Model {
    model.to(&Device::cpu().unwrap()).unwrap();
    model
}

fn small() -> Model {
    cpu(Sequential::new((Dense::new(3).name("out").input_shape([2]),)).unwrap())
}

/// Two outputs: `price` with 1 number, `kind` with 3.
fn two_heads() -> Model {
    let x = input([2]);
    cpu(Model::new(&x, [Dense::new(1).name("price").on(&x), Dense::new(3).name("kind").on(&x)]).unwrap())
}

fn data() -> (Array2<f32>, Array2<f32>) {
    (array![[0.5, -1.0], [1.5, 2.0], [-0.5, 0.25], [1.0, 1.0]], array![[1.0], [0.5], [-1.0], [2.0]])
}

#[test]
fn a_compile_that_fails_changes_nothing() {
    let (x, _) = data();
    let y = Array2::<f32>::ones((4, 3));
    let (mut failed, mut never) = (small(), small());
    never.set_weights(&failed.get_weights().unwrap()).unwrap();
    for model in [&mut failed, &mut never] {
        model.set_random_state(1, 0);
        model.compile("sgd", "mse", ["mae"]).unwrap();
        model.fit(&x, &y).verbose(0).run().unwrap();
    }
    let before = failed.snapshot().unwrap();
    for error in [
        failed.compile("adma", "mae", ()),
        failed.compile("adam", "msee", ()),
        failed.compile("adam", "mae", ["no_such_metric"]),
        failed.compile("adam", ["mae", "mse"], ()),
        failed.compile("adam", [("outt", "mae")], ()),
        failed.compile_with("adam", "mae", (), CompileOptions::new().weighted_metrics("no_such_metric")),
        failed.compile_with("adam", "mae", (), CompileOptions::new().loss_weights([1.0, 2.0])),
    ] {
        let error = error.unwrap_err().to_string();
        assert!(!error.contains('\n'), "{error}");
    }
    // What would be saved is what was there, and training goes on as if nothing had been asked.
    let after = failed.snapshot().unwrap();
    assert_eq!(after.compile, before.compile);
    assert_eq!(after.optimizer.unwrap().iteration, 1);
    assert_eq!(failed.compiled().unwrap().optimizer.class_name(), "SGD");
    let logs = [&mut failed, &mut never].map(|m| m.fit(&x, &y).verbose(0).run().unwrap());
    assert_eq!(logs[0], logs[1]);
    assert_eq!(failed.get_weights().unwrap(), never.get_weights().unwrap());

    // A model that was never compiled stays so.
    let mut fresh = small();
    fresh.compile("adam", "msee", ()).unwrap_err();
    assert!(!fresh.is_compiled() && fresh.snapshot().unwrap().compile.is_none());
    assert!(fresh.fit(&x, &y).run().unwrap_err().to_string().contains("compiled first"));
}

#[test]
fn an_error_of_the_first_data_is_told_each_time_until_another_compile() {
    let (x, y) = data();
    let mut model = small();
    // Fails only when the shapes are known: the loss of class numbers, of float targets with 5 classes.
    model.compile("sgd", "mse", ["accuracy"]).unwrap();
    let wrong = Array2::<f32>::ones((4, 7));
    for _ in 0..2 {
        assert!(model.fit(&x, &wrong).verbose(0).run().is_err());
        assert!(model.evaluate(&x, &wrong).verbose(0).run().is_err());
    }
    assert_eq!(model.iterations(), 0);
    model.compile("sgd", "mse", ["mae"]).unwrap();
    let good = y.broadcast((4, 3)).unwrap().to_owned();
    model.fit(&x, &good).verbose(0).run().unwrap();
    assert_eq!(model.iterations(), 1);
}

#[test]
fn losses_metrics_and_weights_by_output_name() {
    let (x, price) = data();
    let kind = array![0, 2, 1, 0];
    let mut named = two_heads();
    let mut listed = two_heads();
    listed.set_weights(&named.get_weights().unwrap()).unwrap();
    let ce = "sparse_categorical_crossentropy";
    // In another order than the outputs'.
    named
        .compile_with(
            "sgd",
            [("kind", ce), ("price", "mse")],
            [("kind", ["accuracy"])],
            CompileOptions::new().loss_weights([("price", 0.25)]).weighted_metrics([("price", ["mae"])]),
        )
        .unwrap();
    let config = named.compiled().unwrap().config.clone();
    assert_eq!(config.loss, serde_json::json!(["mse", ce]));
    assert_eq!(config.loss_weights, serde_json::json!([0.25, 1.0]));
    assert_eq!(config.metrics, serde_json::json!([[], ["accuracy"]]));
    assert_eq!(config.weighted_metrics, serde_json::json!([["mae"], []]));
    let logs = named.evaluate(&x, (&price, &kind)).verbose(0).run().unwrap();
    listed.compile("sgd", ["mse", ce], ()).unwrap();
    let alone = listed.evaluate(&x, (&price, &kind)).verbose(0).run().unwrap();
    let of = |name: &str| alone.get(name).unwrap();
    assert!((logs.loss() - (0.25 * of("price_loss") + of("kind_loss"))).abs() < 1e-6, "{logs} {alone}");
    // By hand: the mean squared error of what it predicts.
    let predicted = named.predict(&x).verbose(0).run_all().unwrap();
    let mse = (&predicted[0] - &price).mapv(|d| f64::from(d).powi(2)).mean().unwrap();
    assert!((of("price_loss") - mse).abs() < 1e-6, "{alone}");
    let mae = (&predicted[0] - &price).mapv(|d| f64::from(d).abs()).mean().unwrap();
    assert!((logs.get("price_mae").unwrap() - mae).abs() < 1e-6, "{logs}");
    assert!(logs.get("kind_accuracy").is_some() && logs.get("price_accuracy").is_none(), "{logs}");

    // An output without a loss has none.
    named.compile("sgd", [("kind", ce)], ()).unwrap();
    let logs = named.evaluate(&x, (&price, &kind)).verbose(0).run().unwrap();
    assert!((logs.loss() - of("kind_loss")).abs() < 1e-6, "{logs} {alone}");

    // A name that is no output's.
    let kinds = [
        named.compile("sgd", [("prize", "mse")], ()),
        named.compile("sgd", ["mse", ce], [("prize", ["mae"])]),
        named.compile_with("sgd", ["mse", ce], (), CompileOptions::new().loss_weights([("prize", 1.0)])),
    ];
    for error in kinds {
        let error = error.unwrap_err().to_string();
        for part in ["no output `prize`", "`price`, `kind`", "did you mean `price`?"] {
            assert!(error.contains(part), "{error}");
        }
    }
    let error = named.compile("sgd", [("price", "mse"), ("price", "mae")], ()).unwrap_err().to_string();
    assert!(error.contains("`price` is named twice"), "{error}");
}

/// Two outputs of one layer have one name: which is meant, nobody can say.
#[test]
fn a_name_of_two_outputs_is_refused() {
    let (a, b) = (input([2]), input([2]));
    let shared = Dense::new(1).name("twice").shared();
    let mut model = Model::new([&a, &b], [shared.clone().on(&a), shared.on(&b)]).unwrap();
    let error = model.compile("sgd", [("twice", "mse")], ()).unwrap_err().to_string();
    assert!(error.contains("several outputs are named `twice`; give a list"), "{error}");
    model.compile("sgd", ["mse", "mae"], ()).unwrap();
}

/// A Sequential whose input is not known yet has the name of its last layer for its output.
#[test]
fn names_of_outputs_before_the_model_is_built() {
    let (x, y) = data();
    let mut model = cpu(Sequential::new((Dense::new(4), Dense::new(1).name("price"))).unwrap());
    assert!(model.compile("sgd", [("prise", "mse")], ()).is_err());
    model.compile("sgd", [("price", MeanSquaredError::new())], [("price", ["mae"])]).unwrap();
    let history = model.fit(&x, &y).verbose(0).run().unwrap();
    assert!(history.get("mae").is_some());
}

#[test]
fn mistyped_names_are_guessed() {
    let mut model = small();
    let said = |e: Result<(), rhyton_engine::Error>| e.unwrap_err().to_string();
    for (error, guess) in [
        (said(model.compile("adma", "mse", ())), "`adam`"),
        (said(model.compile("adam", "msee", ())), "`mse`"),
        (
            said(model.compile("adam", "sparse_categorical_cross_entropy", ())),
            "`sparse_categorical_crossentropy`",
        ),
        (said(model.compile("adam", "mse", ["acuracy"])), "`accuracy`"),
        (said(model.compile("adam", "mse", "SparseCategoricalAcuracy")), "`SparseCategoricalAccuracy`"),
        (said(model.compile("adam", "mse", "sparse_categorical_acuracy")), "`sparse_categorical_accuracy`"),
    ] {
        assert!(error.contains(&format!("did you mean {guess}?")), "{error}");
    }
    let wrong =
        |layer: Dense| Sequential::new((layer.input_shape([2]),)).map(|_| ()).unwrap_err().to_string();
    for (error, guess) in [
        (wrong(Dense::new(2).activation("rleu")), "`relu`"),
        (wrong(Dense::new(2).kernel_initializer("glorot_unifrom")), "`glorot_uniform`"),
        (wrong(Dense::new(2).kernel_regularizer("l1l3")), "`l1l2`"),
    ] {
        assert!(error.contains(&format!("did you mean {guess}?")), "{error}");
    }
    let error = model.get_layer("uot").unwrap_err().to_string();
    assert!(error.contains("no layer `uot`") && error.contains("did you mean `out`?"), "{error}");
    // Nothing is guessed where nothing is near.
    let error = said(model.compile("banana", "mse", ()));
    assert!(!error.contains("did you mean"), "{error}");
}

#[test]
fn predict_is_a_builder_too() {
    let (x, _) = data();
    let mut one = small();
    let all = one.predict(&x).verbose(0).run().unwrap();
    assert_eq!(one.predict(&x).batch_size(3).verbose(0).run().unwrap(), all);
    assert_eq!(one.predict(&x).batch_size(1).verbose(0).run_all().unwrap(), vec![all]);
    let mut two = two_heads();
    let error = two.predict(&x).verbose(0).run().unwrap_err().to_string();
    for part in ["2 outputs", "price, kind", "run_all"] {
        assert!(error.contains(part), "{error}");
    }
    let found = two.predict(&x).verbose(0).run_all().unwrap();
    assert_eq!([found[0].shape(), found[1].shape()], [&[4, 1], &[4, 3]]);
    // Several inputs.
    let (a, b) = (input([2]), input([3]));
    let joined = rhyton_engine::layers::Concatenate::new().on([&a, &b]);
    let mut model = cpu(Model::new([&a, &b], Dense::new(2).on(&joined)).unwrap());
    let wide = Array2::<f32>::ones((4, 3));
    let found = model.predict([&x, &wide]).verbose(0).run().unwrap();
    assert_eq!(found.len_of(Axis(0)), 4);
    assert_eq!(model.predict((&x, &wide)).verbose(0).run().unwrap(), found);
}

#[test]
fn one_rule_for_batch_size_and_verbose() {
    let (x, _) = data();
    let y = Array2::<f32>::ones((4, 3));
    let mut model = small();
    model.compile("sgd", "mse", ()).unwrap();
    for error in [
        model.fit(&x, &y).batch_size(0).run().unwrap_err(),
        model.evaluate(&x, &y).batch_size(0).run().unwrap_err(),
        model.predict(&x).batch_size(0).run().unwrap_err(),
    ] {
        assert!(error.to_string().contains("batch_size is 0"), "{error}");
    }
    for error in [
        model.fit(&x, &y).verbose(3).run().unwrap_err(),
        model.evaluate(&x, &y).verbose(7).run().unwrap_err(),
        model.predict(&x).verbose(3).run().unwrap_err(),
    ] {
        assert!(error.to_string().contains("verbose is"), "{error}");
    }
}

/// A loss of the user's, found in a scope when the model is compiled, is there when it trains outside of it.
#[test]
fn a_scoped_loss_is_found_at_once() {
    use rhyton_engine::models::registry::{CustomObjects, custom_object_scope};
    let (x, _) = data();
    let y = Array2::<f32>::ones((4, 3));
    let objects = CustomObjects::new().loss("mine", |a: Tensor, b: Tensor| (a - b).square().mean(&[-1]));
    let mut model = small();
    assert!(model.compile("sgd", "mine", ()).is_err());
    custom_object_scope(&objects, || model.compile("sgd", "mine", ())).unwrap();
    let found = model.evaluate(&x, &y).verbose(0).run().unwrap().loss();
    model.compile("sgd", MeanSquaredError::new(), ()).unwrap();
    let wanted = model.evaluate(&x, &y).verbose(0).run().unwrap().loss();
    assert!((found - wanted).abs() < 1e-6);
    assert_eq!(Loss::name(&MeanSquaredError::new()), "mean_squared_error");
}
