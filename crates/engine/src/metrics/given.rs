//! What `compile` takes as metrics: objects, names, functions; one, several, or several for each output.

use std::fmt;
use std::sync::Arc;

use serde_json::Value;

use super::Metric;

/// A metric as given: an object, or what a config says, which the registry turns into one.
#[derive(Clone)]
pub enum MetricSpec {
    /// An object or function.
    Object(Arc<dyn Metric>),
    /// A name or a serialized object.
    Config(Value),
}

impl fmt::Debug for MetricSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.spec())
    }
}

impl MetricSpec {
    /// As compile configs name it.
    pub fn spec(&self) -> Value {
        match self {
            MetricSpec::Object(metric) => metric.spec(),
            MetricSpec::Config(value) => value.clone(),
        }
    }
}

/// The metrics of a model.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Metrics {
    /// One list: all for the only output, or one for each output.
    Flat(Vec<MetricSpec>),
    /// A list for each output.
    PerOutput(Vec<Vec<MetricSpec>>),
    /// By the names of the outputs; the others have none.
    ByOutput(Vec<(String, Vec<MetricSpec>)>),
}

impl Default for Metrics {
    fn default() -> Self {
        Metrics::Flat(Vec::new())
    }
}

impl Metrics {
    /// As compile configs name them.
    pub fn spec(&self) -> Value {
        let list = |specs: &[MetricSpec]| specs.iter().map(MetricSpec::spec).collect::<Value>();
        match self {
            Metrics::Flat(specs) if specs.is_empty() => Value::Null,
            Metrics::Flat(specs) => list(specs),
            Metrics::PerOutput(outputs) => outputs.iter().map(|o| list(o)).collect(),
            Metrics::ByOutput(outputs) => {
                Value::Object(outputs.iter().map(|(name, specs)| (name.clone(), list(specs))).collect())
            }
        }
    }

    /// All of them, of whatever output.
    pub fn into_list(self) -> Vec<MetricSpec> {
        match self {
            Metrics::Flat(specs) => specs,
            Metrics::PerOutput(lists) => lists.into_iter().flatten().collect(),
            Metrics::ByOutput(outputs) => outputs.into_iter().flat_map(|(_, specs)| specs).collect(),
        }
    }

    /// Reads a compile config's `metrics`.
    pub fn of(value: &Value) -> Self {
        let one = |v: &Value| MetricSpec::Config(v.clone());
        let many = |v: &Value| match v {
            Value::Array(inner) => inner.iter().map(one).collect(),
            Value::Null => Vec::new(),
            other => vec![one(other)],
        };
        match value {
            Value::Array(items) if items.iter().any(|i| i.is_array() || i.is_null()) => {
                Metrics::PerOutput(items.iter().map(many).collect())
            }
            other => Metrics::Flat(many(other)),
        }
    }
}

/// What can be one metric.
pub trait IntoMetricSpec {
    /// As a metric as given.
    fn into_metric_spec(self) -> MetricSpec;
}

impl<M: Metric + 'static> IntoMetricSpec for M {
    fn into_metric_spec(self) -> MetricSpec {
        MetricSpec::Object(Arc::new(self))
    }
}
impl IntoMetricSpec for Arc<dyn Metric> {
    fn into_metric_spec(self) -> MetricSpec {
        MetricSpec::Object(self)
    }
}
impl IntoMetricSpec for &str {
    fn into_metric_spec(self) -> MetricSpec {
        MetricSpec::Config(self.into())
    }
}
impl IntoMetricSpec for String {
    fn into_metric_spec(self) -> MetricSpec {
        MetricSpec::Config(self.into())
    }
}
impl IntoMetricSpec for MetricSpec {
    fn into_metric_spec(self) -> MetricSpec {
        self
    }
}

/// Describes what `compile` takes as metrics: one, an array, a `Vec`, a tuple, `()` for none; [`per_output`]; or pairs of an output's name and its
/// metrics, `[("price", ["mae"]), ("kind", ["accuracy"])]` (any number of several types: `metrics!`).
pub trait IntoMetrics {
    /// The metrics.
    fn into_metrics(self) -> Metrics;
}

impl<M: IntoMetricSpec> IntoMetrics for M {
    fn into_metrics(self) -> Metrics {
        Metrics::Flat(vec![self.into_metric_spec()])
    }
}
impl<M: IntoMetricSpec, const N: usize> IntoMetrics for [M; N] {
    fn into_metrics(self) -> Metrics {
        Metrics::Flat(self.into_iter().map(M::into_metric_spec).collect())
    }
}
impl<M: IntoMetricSpec> IntoMetrics for Vec<M> {
    fn into_metrics(self) -> Metrics {
        Metrics::Flat(self.into_iter().map(M::into_metric_spec).collect())
    }
}
impl<S: Into<String>, M: IntoMetrics, const N: usize> IntoMetrics for [(S, M); N] {
    fn into_metrics(self) -> Metrics {
        Vec::from(self).into_metrics()
    }
}
impl<S: Into<String>, M: IntoMetrics> IntoMetrics for Vec<(S, M)> {
    fn into_metrics(self) -> Metrics {
        let list = |(name, m): (S, M)| (name.into(), m.into_metrics().into_list());
        Metrics::ByOutput(self.into_iter().map(list).collect())
    }
}
impl IntoMetrics for () {
    fn into_metrics(self) -> Metrics {
        Metrics::default()
    }
}
impl IntoMetrics for Metrics {
    fn into_metrics(self) -> Metrics {
        self
    }
}

/// Metrics of each output: `per_output([["mae"].into_metrics(), ("accuracy", Recall::new()).into_metrics()])`, or lists of one
/// type: `per_output([vec!["mae"], vec!["accuracy", "ce"]])`.
pub fn per_output<M: IntoMetrics>(outputs: impl IntoIterator<Item = M>) -> Metrics {
    Metrics::PerOutput(outputs.into_iter().map(|m| m.into_metrics().into_list()).collect())
}

macro_rules! tuples {
    ($($name:ident)+) => {
        impl<$($name: IntoMetricSpec),+> IntoMetrics for ($($name,)+) {
            fn into_metrics(self) -> Metrics {
                #[allow(non_snake_case)]
                let ($($name,)+) = self;
                Metrics::Flat(vec![$($name.into_metric_spec()),+])
            }
        }
    };
}
tuples!(A);
tuples!(A B);
tuples!(A B C);
tuples!(A B C D);
tuples!(A B C D E);
tuples!(A B C D E F);
