//! `Debug` of types with parts that have none.

/// Writes `Debug` for a type: the fields that say something.
macro_rules! debug {
    ($(@[$($generics:tt)*])? $type:ty, |$this:ident| $($field:ident: $value:expr),* $(,)?) => {
        impl $(<$($generics)*>)? std::fmt::Debug for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                let $this = self;
                let _ = $this;
                f.debug_struct(stringify!($type))
                    $(.field(stringify!($field), &$value))*
                    .finish_non_exhaustive()
            }
        }
    };
}
