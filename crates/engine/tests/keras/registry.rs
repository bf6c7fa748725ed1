//! Users' own classes and functions: registered, passed along, in scopes.

use rhyton_engine::Error;
use rhyton_engine::graph::{
    Builder, CallContext, Initializer, Layer, LayerRef, Named, Resolver, Shape, Tensor, Variable,
};
use rhyton_engine::layers::Dense;
use rhyton_engine::losses::{Loss, LossSpec};
use rhyton_engine::metrics::{Metric, MetricSpec};
use rhyton_engine::models::registry::{
    self, CustomObjects, custom_object_scope, register_activation, register_initializer, register_layer,
    register_loss, register_metric,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

macro_rules! scale_shift {
    ($name:ident) => {
        #[derive(Serialize, Deserialize)]
        struct $name {
            scale: f64,
            #[serde(skip)]
            shift: Variable,
        }
        impl Layer for $name {
            const CLASS: &'static str = stringify!($name);
            fn build(&mut self, builder: &mut Builder, input: &Shape) -> Result<(), Error> {
                self.shift = builder.add_weight("shift", [input.known(-1)?], "zeros", true)?;
                Ok(())
            }
            fn call(&self, x: Tensor, _cx: &CallContext) -> Tensor {
                x * self.scale + &self.shift
            }
        }
    };
}
scale_shift!(ScaleShift);
scale_shift!(Passed);

#[test]
fn a_registered_layer() {
    let config = json!({"name": "scale_shift", "trainable": true, "dtype": "float32", "scale": 2.0});
    let map = config.as_object().unwrap();
    let error = registry::layer("ScaleShift", Some("Fixtures>ScaleShift"), map).unwrap_err().to_string();
    assert!(error.contains("Fixtures>ScaleShift") && error.contains("register_layer"), "{error}");
    register_layer::<ScaleShift>("Fixtures");
    let layer = registry::layer("ScaleShift", Some("Fixtures>ScaleShift"), map).unwrap();
    assert_eq!(layer.settings().registered.as_deref(), Some("Fixtures>ScaleShift"));
    assert_eq!(layer.layer().config()["scale"], json!(2.0));
    // One that was made in the program has its registered name too.
    let made: LayerRef = ScaleShift { scale: 1.0, shift: Variable::default() }.into();
    assert_eq!(made.settings().registered.as_deref(), Some("Fixtures>ScaleShift"));
    // What a config has beyond the layer's own settings is named.
    let more = json!({"scale": 2.0, "power": 3});
    let error =
        registry::layer("ScaleShift", Some("Fixtures>ScaleShift"), more.as_object().unwrap()).unwrap_err();
    assert!(error.to_string().contains("power"), "{error}");
    // Through the resolver, as wrappers ask.
    let spec =
        json!({"class_name": "ScaleShift", "registered_name": "Fixtures>ScaleShift", "config": config});
    assert_eq!(registry::resolver().layer(&spec).unwrap().name(), "scale_shift");
}

#[test]
fn a_scope_ends() {
    let objects =
        CustomObjects::new().layer::<Passed>().loss("halved", |t: Tensor, p: Tensor| (t - p).abs() * 0.5);
    let config = json!({"name": "passed", "scale": 2.0});
    let read = |registered| registry::layer("Passed", registered, config.as_object().unwrap());
    assert!(read(None).is_err());
    let layer = custom_object_scope(&objects, || read(None)).unwrap();
    assert_eq!(layer.settings().registered.as_deref(), Some("Passed"));
    // A file says the package; the scope knows the class alone.
    let layer = custom_object_scope(&objects, || read(Some("Some>Passed"))).unwrap();
    assert_eq!(layer.settings().registered.as_deref(), Some("Some>Passed"));
    let loss = || registry::loss(&LossSpec::Config("halved".into()), &[1], &[1]);
    assert_eq!(custom_object_scope(&objects, loss).unwrap().unwrap().spec(), json!("halved"));
    assert!(read(None).is_err() && loss().is_err());
    let inside = std::panic::AssertUnwindSafe(|| custom_object_scope(&objects, || panic!("inside")));
    assert!(std::panic::catch_unwind(inside).is_err());
    assert!(read(None).is_err(), "the scope outlived a panic");
}

fn cubed(x: Tensor) -> Tensor {
    x * x.square()
}
fn unregistered(x: Tensor) -> Tensor {
    x
}
fn fourth(t: Tensor, p: Tensor) -> Tensor {
    (t - p).square().square().mean(&[-1])
}
fn worst(t: Tensor, p: Tensor) -> Tensor {
    (t - p).abs().max(&[-1])
}

#[test]
fn functions_by_name() {
    register_activation("My>cubed", cubed);
    let written = json!({"module": "builtins", "class_name": "function", "config": "My>cubed", "registered_name": "function"});
    for spec in [written.clone(), json!("My>cubed"), json!("cubed_is_not_this")] {
        match registry::resolver().activation(&spec) {
            Ok(found) => assert_eq!(found.unwrap().spec(), written),
            Err(error) => {
                assert!(spec == "cubed_is_not_this" && error.to_string().contains("cubed_is_not_this"))
            }
        }
    }
    // A function in the program is written by its registered name, else by its own.
    let activation = |layer: Dense| LayerRef::from(layer).layer().config()["activation"].clone();
    assert_eq!(activation(Dense::new(1).activation(cubed)), written);
    assert_eq!(activation(Dense::new(1).activation(unregistered)), json!("unregistered"));

    register_loss("My>fourth", fourth);
    let written = Loss::spec(&(fourth as fn(Tensor, Tensor) -> Tensor));
    assert_ne!(written, Value::Null);
    assert_eq!(Loss::spec(&fourth)["config"], json!("My>fourth"));
    let found = registry::loss(&LossSpec::Config(Loss::spec(&fourth)), &[1], &[1]).unwrap().unwrap();
    assert_eq!(found.spec(), Loss::spec(&fourth));

    register_metric("My>worst", worst);
    let found = registry::metric(&MetricSpec::Config(Metric::spec(&worst)), &[1], &[1]).unwrap();
    assert_eq!((found.name(), found.spec()), ("worst".to_string(), Metric::spec(&worst)));
    assert_eq!(Metric::name(&worst), "worst");
}

#[derive(Serialize, Deserialize)]
struct Sevens {
    factor: f64,
}
impl Initializer for Sevens {
    fn spec(&self) -> Value {
        json!(self)
    }
    fn init(&self, shape: &[usize], _seed: u64) -> Result<Vec<f32>, Error> {
        Ok(vec![7.0 * self.factor as f32; shape.iter().product()])
    }
}

#[test]
fn a_registered_initializer() {
    register_initializer::<Sevens>("My>Sevens");
    let spec = json!({"module": null, "class_name": "Sevens", "config": {"factor": 2.0}, "registered_name": "My>Sevens"});
    let mut named: Named<dyn Initializer> = Named::unbound(spec.clone());
    named.bind(&registry::resolver()).unwrap();
    assert_eq!(named.spec(), &spec);
    assert_eq!(named.get().unwrap().init(&[2], 0).unwrap(), [14.0, 14.0]);
}
