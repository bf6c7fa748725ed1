//! The training engine of Rhyton.
