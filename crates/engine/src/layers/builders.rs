//! `builders!`: a layer's builders in any order.

/// Writes the builders of a layer for it and for the layer with its settings, so that they come in any order.
macro_rules! builders {
    (impl $(<const $n:ident: usize>)? $class:ident $(<$m:ident>)? { $(
        $(#[$doc:meta])*
        pub fn $field:ident(mut $this:ident, $value:ident: $type:ty $(,)?) -> Self $body:block
    )* }) => {
        impl $(<const $n: usize>)? $class $(<$m>)? { $(
            $(#[$doc])*
            pub fn $field(mut $this, $value: $type) -> Self $body
        )* }

        impl $(<const $n: usize>)? $crate::graph::Configured<$class $(<$m>)?> { $(
            $(#[$doc])*
            pub fn $field(self, $value: $type) -> Self {
                self.with(|layer| layer.$field($value))
            }
        )* }
    };
}
