//! `config!`: a layer's config from one list of its fields: the struct, its defaults, its builders, and binding the objects that it names.

use crate::Error;
use crate::graph::{Activation, Constraint, Initializer, Named, Regularizer, Resolver};
use crate::initializers::Seed;

use serde_json::{Map, Value};

use super::{Axes, Unset};

/// Returns a layer's config with this key as its first one, as Keras writes it.
pub(super) fn led_by(key: &str, layer: &impl serde::Serialize) -> Map<String, Value> {
    let Ok(Value::Object(mut config)) = serde_json::to_value(layer) else { return Map::new() };
    if let Some(value) = config.shift_remove(key) {
        config.shift_insert(0, key.to_owned(), value);
    }
    config
}

/// Returns a layer's config without a key that Keras 3 does not write.
pub(super) fn without(key: &str, layer: &impl serde::Serialize) -> Map<String, Value> {
    let Ok(Value::Object(mut config)) = serde_json::to_value(layer) else { return Map::new() };
    config.shift_remove(key);
    config
}

/// A value of a config, which may name other objects.
pub(super) trait Field {
    /// Binds them.
    fn bind(&mut self, _resolver: &dyn Resolver) -> Result<(), Error> {
        Ok(())
    }
}

macro_rules! plain {
    ($($ty:ty),*) => { $( impl Field for $ty {} )* };
}
plain!(
    bool,
    usize,
    f64,
    Seed,
    Unset,
    Option<usize>,
    Option<f64>,
    isize,
    Option<Vec<Option<usize>>>,
    Vec<usize>,
    Axes,
    String,
    Option<String>
);

macro_rules! named {
    ($($ty:ty),*) => { $(
        impl Field for Named<$ty> {
            fn bind(&mut self, resolver: &dyn Resolver) -> Result<(), Error> {
                Named::<$ty>::bind(self, resolver)
            }
        }
    )* };
}
named!(dyn Activation, dyn Initializer, dyn Regularizer, dyn Constraint);

/// Makes a setting that is given or not.
macro_rules! given {
    ($(#[$doc:meta])* $name:ident($ty:ty)) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
        #[serde(transparent)]
        pub struct $name(Option<$ty>);

        impl $name {
            /// Returns what is given.
            pub fn get(&self) -> Option<&$ty> {
                self.0.as_ref()
            }
        }

        impl $crate::layers::config::Field for $name {}
    };
}

/// The type of a builder's argument.
macro_rules! argument {
    (<- $ty:ty) => { impl Into<$ty> };
    (: $ty:ty) => { $ty };
    (# $ty:ty) => { u64 };
}

/// Writes the config of a layer, which may be one over a number of axes (`Conv<N>`): its required arguments, then each field with its type (after `<-`: or what becomes it; after `#`: a number that becomes it), its default and its words. What
/// is behind `unset` Keras has and this layer does not, what is behind `never` too, but that Keras writes it as false; fields behind `then` follow those; what is behind `read` a config may have, and
/// nothing depends on it; what is behind `skip` is no part of the config.
macro_rules! config {
    (
        $(#[$doc:meta])*
        $class:ident $(<$axes:ident>)? ( $( $required:ident $required_how:tt $required_ty:ty ),* )
        { $( $(#[$field_doc:meta])* $field:ident $how:tt $ty:ty = $default:expr ; )* }
        unset { $( $unset:ident ),* }
        $( never { $( $never:ident ),* } )?
        then { $( $(#[$late_doc:meta])* $late:ident $late_how:tt $late_ty:ty = $late_default:expr ; )* }
        read { $( $read:ident : $read_ty:ty ),* }
        skip { $( $skip:ident : $skip_ty:ty ),* }
    ) => {
        $(#[$doc])*
        #[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
        #[serde(default, bound = "")]
        pub struct $class $(<const $axes: usize>)? {
            $( $required: $required_ty, )*
            $( $field: $ty, )*
            $( $unset: $crate::layers::Unset, )*
            $( $( $never: $crate::layers::Never, )* )?
            $( $late: $late_ty, )*
            $( #[serde(skip_serializing)] $read: $read_ty, )*
            $( #[serde(skip)] $skip: $skip_ty, )*
        }

        impl $(<const $axes: usize>)? Default for $class $(<$axes>)? {
            fn default() -> Self {
                $class {
                    $( $required: Default::default(), )*
                    $( $field: $default, )*
                    $( $unset: Default::default(), )*
                    $( $( $never: Default::default(), )* )?
                    $( $late: $late_default, )*
                    $( $read: Default::default(), )*
                    $( $skip: Default::default(), )*
                }
            }
        }

        impl $(<const $axes: usize>)? $class $(<$axes>)? {
            /// Keys that a config must have.
            pub(crate) const KEYS: &'static [&'static str] = &[$( stringify!($required) ),*];

            /// Returns it with Keras' defaults.
            #[allow(clippy::useless_conversion, clippy::needless_update)]
            pub fn new($( $required: argument!($required_how $required_ty) ),*) -> Self {
                $class { $( $required: $required.into(), )* ..Self::default() }
            }

            $(
                $(#[$field_doc])*
                #[must_use]
                #[allow(clippy::useless_conversion)]
                pub fn $field(mut self, $field: argument!($how $ty)) -> Self {
                    self.$field = $field.into();
                    self
                }
            )*

            $(
                $(#[$late_doc])*
                #[must_use]
                #[allow(clippy::useless_conversion)]
                pub fn $late(mut self, $late: argument!($late_how $late_ty)) -> Self {
                    self.$late = $late.into();
                    self
                }
            )*

            #[allow(unused_variables)]
            fn bind_fields(&mut self, resolver: &dyn $crate::graph::Resolver) -> Result<(), $crate::Error> {
                $( $crate::layers::config::Field::bind(&mut self.$field, resolver)?; )*
                $( $crate::layers::config::Field::bind(&mut self.$late, resolver)?; )*
                Ok(())
            }
        }

        impl $(<const $axes: usize>)? $crate::graph::Configured<$class $(<$axes>)?> {
            $(
                $(#[$field_doc])*
                #[must_use]
                pub fn $field(self, $field: argument!($how $ty)) -> Self {
                    self.with(|layer| layer.$field($field))
                }
            )*

            $(
                $(#[$late_doc])*
                #[must_use]
                pub fn $late(self, $late: argument!($late_how $late_ty)) -> Self {
                    self.with(|layer| layer.$late($late))
                }
            )*
        }
    };
}

/// [`config!`] of a cell, with the same builders for the layer that runs it.
macro_rules! cell {
    (
        $(#[$doc:meta])*
        $class:ident $(<$axes:ident>)? ( $( $required:ident $required_how:tt $required_ty:ty ),* )
        { $( $(#[$field_doc:meta])* $field:ident $how:tt $ty:ty = $default:expr ; )* }
        unset { $( $unset:ident ),* }
        then { $( $(#[$late_doc:meta])* $late:ident $late_how:tt $late_ty:ty = $late_default:expr ; )* }
        $($rest:tt)*
    ) => {
        config! {
            $(#[$doc])*
            $class $(<$axes>)? ( $( $required $required_how $required_ty ),* )
            { $( $(#[$field_doc])* $field $how $ty = $default ; )* }
            unset { $( $unset ),* }
            then { $( $(#[$late_doc])* $late $late_how $late_ty = $late_default ; )* }
            $($rest)*
        }

        impl $(<const $axes: usize>)? $crate::layers::recurrent::Recurring<$class $(<$axes>)?> {
            /// Returns it with Keras' defaults.
            pub fn new($( $required: argument!($required_how $required_ty) ),*) -> Self {
                Self::of($class::new($( $required ),*))
            }

            $(
                $(#[$field_doc])*
                #[must_use]
                pub fn $field(self, $field: argument!($how $ty)) -> Self {
                    self.with_cell(|cell| cell.$field($field))
                }
            )*

            $(
                $(#[$late_doc])*
                #[must_use]
                pub fn $late(self, $late: argument!($late_how $late_ty)) -> Self {
                    self.with_cell(|cell| cell.$late($late))
                }
            )*
        }

        impl $(<const $axes: usize>)? $crate::graph::Configured<$crate::layers::recurrent::Recurring<$class $(<$axes>)?>> {
            $(
                $(#[$field_doc])*
                #[must_use]
                pub fn $field(self, $field: argument!($how $ty)) -> Self {
                    self.with(|layer| layer.$field($field))
                }
            )*

            $(
                $(#[$late_doc])*
                #[must_use]
                pub fn $late(self, $late: argument!($late_how $late_ty)) -> Self {
                    self.with(|layer| layer.$late($late))
                }
            )*
        }
    };
}
