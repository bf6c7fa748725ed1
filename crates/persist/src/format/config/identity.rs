//! Whose class a config names: `module`, `class_name` and `registered_name` together say it, a class's name alone does not.

use serde_json::{Map, Value};

use super::objects::Role;
use crate::format::optimizer;
use crate::tree::Dialect;
pub(super) use crate::tree::part_of_keras as part;

/// A class or function in a config.
pub(super) struct Identity {
    /// Name without package.
    pub(super) class: String,
    /// Name under which a class that is not Keras' own is looked for; `None`: Keras' own.
    pub(super) registered: Option<String>,
}

/// Returns whether Keras has, or had, classes of a role in a part of it.
fn has(role: Role, part: &str) -> bool {
    let parts: &[&str] = match role {
        Role::Layer => &[
            "layers",
            "models",
            "engine",
            "legacy",
            "_legacy",
            "experimental",
            "premade",
            "premade_models",
            "feature_column",
            "utils",
            "applications",
        ],
        Role::Optimizer | Role::Schedule => &[
            "optimizers",
            "optimizer_v1",
            "optimizer_v2",
            "optimizer_experimental",
            "mixed_precision",
            "legacy",
            "_legacy",
            "experimental",
        ],
        Role::Loss | Role::Metric => {
            &["losses", "metrics", "engine", "utils", "legacy", "_legacy", "backend", "trainers"]
        }
        Role::Activation => &["activations", "layers", "ops", "backend", "nn", "legacy", "_legacy"],
        Role::Initializer => &["initializers", "backend", "legacy", "_legacy"],
        Role::Regularizer => &["regularizers", "legacy", "_legacy"],
        Role::Constraint => &["constraints", "legacy", "_legacy"],
        Role::Dtype | Role::Other => return true,
    };
    part.is_empty() || parts.contains(&part)
}

/// Layers whose public name, which `.keras` files have, is not that of their class, which HDF5 files and paths of weights have: public name,
/// class.
const PUBLIC: [(&str, &str); 1] = [("GroupQueryAttention", "GroupedQueryAttention")];

/// Layers of Keras' own that it finds by their module alone: class, and the module below `src`.
const HIDDEN: [(&str, &str); 3] = [
    ("CustomScaleLayer", "applications.inception_resnet_v2"),
    ("LayerScale", "applications.convnext"),
    ("StochasticDepth", "applications.convnext"),
];

/// Returns the module that a layer of Keras' own must be written with, where it is found by that alone.
pub(super) fn hidden(dialect: Dialect, class: &str) -> Option<String> {
    let package = if dialect == Dialect::Keras3 { "keras" } else { "tf_keras" };
    HIDDEN.iter().find(|(of, _)| *of == class).map(|(_, module)| format!("{package}.src.{module}"))
}

/// Returns the name under which `.keras` files have a layer of Keras' own.
pub(super) fn public(class: &str) -> &str {
    PUBLIC.iter().find(|(_, of)| *of == class).map_or(class, |(public, _)| public)
}

/// Reads who an object is.
pub(super) fn of(role: Role, class: &str, map: &Map<String, Value>) -> Identity {
    let text = |key: &str| map.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
    let custom = |registered: &str| Identity {
        class: short(class).to_owned(),
        registered: Some(registered.to_owned()),
    };
    let own = |class: &str| {
        let alias = PUBLIC.iter().find(|(public, _)| role == Role::Layer && *public == class);
        Identity { class: alias.map_or(class, |(_, of)| of).to_owned(), registered: None }
    };
    // tf_keras registers its own optimizers as users do.
    if let (Role::Optimizer, Some(name)) = (role, class.strip_prefix("Custom>"))
        && (optimizer::class(name).is_some() || name == "Adafactor")
    {
        return own(name);
    }
    if class.contains('>') {
        return custom(class);
    }
    // Keras gives a registered name to some of its own classes that are not public under their names.
    let registered = text("registered_name")
        .filter(|r| !matches!(*r, "Functional" | "LossScaleOptimizerV3" | "Sequential"));
    let registered = match (role, registered) {
        (Role::Optimizer, Some(name))
            if name.strip_prefix("Custom>") == Some(class) && text("module").is_some() =>
        {
            None
        }
        (_, registered) => registered,
    };
    let packaged = registered.filter(|name| name.contains('>'));
    match (map.get("module"), text("module").map(|module| part(module).is_some_and(|part| has(role, part)))) {
        // The libraries' older files have class and config alone.
        (None, _) => packaged.map_or_else(|| own(class), custom),
        (_, Some(true)) => packaged.map_or_else(|| own(class), custom),
        // Of somebody's module, or of none: what Keras writes of classes that are not its own.
        _ if text("registered_name").is_some_and(|r| r == "Functional" || r == "Sequential")
            && text("module").is_none() =>
        {
            custom(class)
        }
        _ => custom(registered.unwrap_or(class)),
    }
}

/// Returns who a function is that is not known to be Keras'.
pub(super) fn function(map: &Map<String, Value>) -> Identity {
    let text = |key: &str| map.get(key).and_then(Value::as_str);
    let registered = text("registered_name").filter(|name| *name != "function").or(text("config"));
    Identity { class: "function".into(), registered: registered.map(str::to_owned) }
}

/// A name without its package.
fn short(name: &str) -> &str {
    name.rsplit('>').next().unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn public_names_and_classes_are_one() {
        let map = json!({"module": "keras.layers", "registered_name": null});
        let map = map.as_object().unwrap();
        for name in ["GroupQueryAttention", "GroupedQueryAttention"] {
            let identity = of(Role::Layer, name, map);
            assert_eq!((identity.class.as_str(), identity.registered), ("GroupedQueryAttention", None));
        }
        assert_eq!(public("GroupedQueryAttention"), "GroupQueryAttention");
        assert_eq!(public("Dense"), "Dense");
    }

    fn registered(role: Role, module: Value, registered: Value) -> Option<String> {
        let map = json!({"module": module, "registered_name": registered});
        of(role, "Dense", map.as_object().unwrap()).registered
    }

    /// As Keras 3.15 and tf_keras 2.21 decide.
    #[test]
    fn a_name_alone_is_not_a_class() {
        let own = [
            "keras.layers",
            "keras.src.layers.core.dense",
            "keras.layers.core.dense",
            "tf_keras.layers",
            "tf_keras.src.layers.core.dense",
            "tensorflow.keras.layers",
            "tensorflow.python.keras.layers.core",
            "keras.api._v2.keras.layers",
            "keras.engine.input_layer",
            "keras.src.engine.functional",
        ];
        for module in own {
            assert_eq!(registered(Role::Layer, json!(module), Value::Null), None, "{module}");
            assert_eq!(registered(Role::Layer, json!(module), json!("Dense")), None, "{module}");
        }
        assert_eq!(of(Role::Layer, "Dense", &Map::new()).registered, None);
        let others =
            ["someone.layers", "keras_hub.layers", "kerasx.layers", "keras.src.ops.numpy", "keras.losses"];
        for module in others {
            assert_eq!(
                registered(Role::Layer, json!(module), Value::Null).as_deref(),
                Some("Dense"),
                "{module}"
            );
            assert_eq!(
                registered(Role::Layer, json!(module), json!("Dense")).as_deref(),
                Some("Dense"),
                "{module}"
            );
        }
        assert_eq!(registered(Role::Layer, Value::Null, json!("Dense")).as_deref(), Some("Dense"));
        assert_eq!(registered(Role::Layer, Value::Null, Value::Null).as_deref(), Some("Dense"));
        let pack = json!("Other>Dense");
        assert_eq!(registered(Role::Layer, Value::Null, pack.clone()).as_deref(), Some("Other>Dense"));
        assert_eq!(registered(Role::Layer, json!("keras.layers"), pack).as_deref(), Some("Other>Dense"));
        assert_eq!(of(Role::Layer, "Custom>Dense", &Map::new()).registered.as_deref(), Some("Custom>Dense"));
        assert_eq!(of(Role::Optimizer, "Custom>Adam", &Map::new()).registered, None);
    }
}
