//! Axes, as configs have them.

use serde::{Deserialize, Serialize};

use crate::Error;

/// One axis or several, as configs have them; negative ones count from the end.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged, expecting = "expected a whole number, or a list of them")]
pub enum Axes {
    /// One.
    One(isize),
    /// Several.
    Many(Vec<isize>),
}

/// No axis.
impl Default for Axes {
    fn default() -> Self {
        Axes::Many(Vec::new())
    }
}

impl From<isize> for Axes {
    fn from(axis: isize) -> Self {
        Axes::One(axis)
    }
}
impl<const N: usize> From<[isize; N]> for Axes {
    fn from(axes: [isize; N]) -> Self {
        Axes::Many(axes.to_vec())
    }
}
impl From<Vec<isize>> for Axes {
    fn from(axes: Vec<isize>) -> Self {
        Axes::Many(axes)
    }
}

impl Axes {
    /// All of them.
    pub fn list(&self) -> &[isize] {
        match self {
            Axes::One(axis) => std::slice::from_ref(axis),
            Axes::Many(axes) => axes,
        }
    }

    /// All of them, counted from the front, ascending.
    ///
    /// # Errors
    /// A tensor of this rank has no such axis.
    pub(crate) fn of_rank(&self, rank: usize) -> Result<Vec<usize>, Error> {
        let mut axes = self.list().iter().map(|a| axis(*a, rank)).collect::<Result<Vec<_>, _>>()?;
        axes.sort_unstable();
        axes.dedup();
        Ok(axes)
    }
}

/// An axis counted from the front.
///
/// # Errors
/// A tensor of this rank has no such axis.
pub(crate) fn axis(axis: isize, rank: usize) -> Result<usize, Error> {
    super::axis_index(axis, rank).ok_or_else(|| Error::Shape {
        layer: String::new(),
        what: format!("axis {axis} of a tensor with {rank} axes"),
    })
}
