//! `builders!`: a layer's builders in any order.

/// Writes the builders of a layer for it and for the layer with its settings, so that they come in any order.
macro_rules! builders {
    (impl $class:ident { $(
        $(#[$doc:meta])*
        pub fn $field:ident(mut $this:ident, $value:ident: $type:ty $(,)?) -> Self $body:block
    )* }) => {
        impl $class { $(
            $(#[$doc])*
            pub fn $field(mut $this, $value: $type) -> Self $body
        )* }

        impl $crate::graph::Configured<$class> { $(
            $(#[$doc])*
            pub fn $field(self, $value: $type) -> Self {
                self.with(|layer| layer.$field($value))
            }
        )* }
    };
}
