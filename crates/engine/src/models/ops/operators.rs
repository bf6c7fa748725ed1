//! Operators between symbolic tensors, and with numbers.

use super::{Operand, op};
use crate::models::Symbol;

fn two(class: &str, a: impl Into<Operand>, b: impl Into<Operand>) -> Symbol {
    op(class).with(a).with(b).call()
}

macro_rules! operators {
    ($($trait:ident $method:ident $class:literal),*) => { $(
        operators!(@of $trait $method $class Symbol);
        operators!(@of $trait $method $class &Symbol);
        operators!(@number $trait $method $class f64);
        operators!(@number $trait $method $class i64);
    )* };
    (@of $trait:ident $method:ident $class:literal $left:ty) => {
        impl<R: Into<Operand>> std::ops::$trait<R> for $left {
            type Output = Symbol;
            fn $method(self, right: R) -> Symbol {
                two($class, self, right)
            }
        }
    };
    (@number $trait:ident $method:ident $class:literal $number:ty) => {
        impl std::ops::$trait<Symbol> for $number {
            type Output = Symbol;
            fn $method(self, right: Symbol) -> Symbol {
                two($class, self, right)
            }
        }
        impl std::ops::$trait<&Symbol> for $number {
            type Output = Symbol;
            fn $method(self, right: &Symbol) -> Symbol {
                two($class, self, right)
            }
        }
    };
}
operators!(Add add "Add", Sub sub "Subtract", Mul mul "Multiply", Div div "TrueDivide", Rem rem "Mod");

impl std::ops::Neg for Symbol {
    type Output = Symbol;
    fn neg(self) -> Symbol {
        op("Negative").on(self)
    }
}
impl std::ops::Neg for &Symbol {
    type Output = Symbol;
    fn neg(self) -> Symbol {
        op("Negative").on(self)
    }
}
