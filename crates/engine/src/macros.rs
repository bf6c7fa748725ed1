//! Lists of any length and of mixed types, where a function takes an array of one type or a short tuple.

/// Makes a list of any number of layers of any types.
///
/// ```
/// # use rhyton_engine as rhyton;
/// use rhyton::layers;
/// use rhyton::layers::{Dense, Dropout};
/// use rhyton::graph::LayerExt;
/// use rhyton::train::Sequential;
///
/// # fn main() -> Result<(), rhyton::Error> {
/// let mut layers = layers![Dense::new(8).input_shape([4]), Dropout::new(0.2)];
/// layers.extend((0..20).map(|_| Dense::new(8).into()));
/// let model = Sequential::new(layers)?;
/// assert_eq!(model.layers().len(), 22);
/// # Ok(())
/// # }
/// ```
#[macro_export]
macro_rules! layers {
    ($($layer:expr),* $(,)?) => {
        ::std::vec![$($crate::graph::LayerRef::from($layer)),*]
    };
}

/// Makes a list of any number of callbacks of any types: `callbacks![&mut checkpoint, &mut stopping]`.
#[macro_export]
macro_rules! callback_list {
    ($($callback:expr),* $(,)?) => {{
        let callbacks: ::std::vec::Vec<&mut dyn $crate::train::Callback> = ::std::vec![$($callback),*];
        callbacks
    }};
}

/// Makes a list of any number of metrics of any types, `metrics!["mae", Recall::new(), my_metric]`; or lists by the names of the outputs,
/// `metrics!["price" => ["mae"], "kind" => metrics!["accuracy", Recall::new()]]`.
#[macro_export]
macro_rules! metrics {
    ($($output:expr => $metrics:expr),+ $(,)?) => {
        $crate::metrics::Metrics::ByOutput(::std::vec![$((
            ::std::string::String::from($output),
            $crate::metrics::IntoMetrics::into_metrics($metrics).into_list(),
        )),+])
    };
    ($($metric:expr),* $(,)?) => {
        $crate::metrics::Metrics::Flat(::std::vec![$($crate::metrics::IntoMetricSpec::into_metric_spec($metric)),*])
    };
}

/// Makes a list of losses of any types, one for each output, `losses!["mse", my_loss]`; or by the names of the outputs,
/// `losses!["price" => "mse", "kind" => SparseCategoricalCrossentropy::new()]`.
#[macro_export]
macro_rules! losses {
    ($($output:expr => $loss:expr),+ $(,)?) => {
        $crate::losses::Losses::ByOutput(::std::vec![$((
            ::std::string::String::from($output),
            $crate::losses::IntoLossSpec::into_loss_spec($loss),
        )),+])
    };
    ($($loss:expr),+ $(,)?) => {
        $crate::losses::Losses::List(::std::vec![$($crate::losses::IntoLossSpec::into_loss_spec($loss)),+])
    };
}
