//! What targets are: by their shape and that of the predictions.

/// What targets are, by their shape and that of the predictions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TargetKind {
    /// One yes or no.
    Binary,
    /// Class numbers.
    Sparse,
    /// One-hot rows.
    Categorical,
}

/// Keras' rule for what targets are.
pub fn kind_of_targets(y_true: &[usize], y_pred: &[usize]) -> TargetKind {
    let (last_true, last_pred) = (y_true.last().copied(), y_pred.last().copied());
    if last_pred == Some(1) {
        TargetKind::Binary
    } else if y_true.len() < y_pred.len() || (last_true == Some(1) && last_pred > Some(1)) {
        TargetKind::Sparse
    } else {
        TargetKind::Categorical
    }
}
