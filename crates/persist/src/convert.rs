//! From one format to another, with layers as data: nothing here needs to know what a layer does.

mod whole;

use crate::format::{config, saved_model};
use crate::formats::{self, Arrays, FORMATS, Format, Layout};
use crate::tree::{Dialect, Gap, ModelConfig, Object, SavedFile, Tree, Variable, WriteOptions};
use crate::{Error, Location, lookups};
pub use whole::{Whole, optimizer_class, optimizer_state, whole};

/// How to convert.
#[derive(Clone, Debug, Default)]
pub struct ConvertOptions {
    /// Format by name; by default the ending says. A name without one is a SavedModel where the source is a whole model, as Keras saves
    /// it, else a TensorFlow checkpoint.
    pub format: Option<String>,
    /// Dialect and shards.
    pub write: WriteOptions,
    /// Leaves the optimizer's state out.
    pub without_optimizer: bool,
}

/// Describes what was written.
#[derive(Clone, Debug)]
pub struct Converted {
    /// Name of the format.
    pub format: &'static str,
    /// Holds what was left out, and why.
    pub notes: Vec<String>,
}

/// Reads a file and writes what it says in another format (or dialect). `model` is a file that gives a weights-only one its
/// architecture and its compile config.
///
/// How the model was compiled, and the optimizer's state, are left out where the target cannot say them.
///
/// # Errors
/// A file is damaged, the weights are not those of the architecture, or the target needs something that the source does not have.
pub fn convert(
    from: impl Into<Location>,
    to: impl Into<Location>,
    model: Option<&Location>,
    options: &ConvertOptions,
) -> Result<Converted, Error> {
    convert_with(&from.into(), &to.into(), model, options, |_, _| ())
}

/// [`convert`], with a last look at what is written, by who can add to it: `finish` is given the target and the tree.
///
/// # Errors
/// As there.
pub fn convert_with(
    from: &Location,
    to: &Location,
    model: Option<&Location>,
    options: &ConvertOptions,
    finish: impl FnOnce(&Format, &mut Tree),
) -> Result<Converted, Error> {
    let file = formats::open(from, None)?;
    let model = model.map(|path| Ok::<_, Error>((path, formats::open(path, None)?))).transpose()?;
    if let Some(model) = &file.model {
        lookups::check_source(from, &file, model)?;
    }
    let described = file.model.is_some() || model.is_some();
    let target = match options.format.as_deref() {
        // A name without an ending: where only weights were, only weights are.
        None if file.model.is_none() && formats::by_ending(to, true)?.layout == Layout::Directory => {
            formats::by_ending(to, false)?
        }
        name => formats::for_writing(to, name, described)?,
    };
    if !described && target.needs.is_empty() {
        return arrays_alone(&file, to, target);
    }
    let whole = whole(from, &file, model.as_ref().map(|(path, file)| (*path, file)))?;
    let mut tree = whole.tree;
    let mut write = options.write.clone();
    let mut notes = Vec::new();
    if let Some((dialect, why)) = other_dialect(&file, to, target, &tree, &options.write) {
        let (library, other) = match dialect {
            Dialect::TfKeras => ("tf_keras", "Keras 3"),
            Dialect::Keras3 => ("Keras 3", "tf_keras"),
        };
        notes.push(format!("{to}: written for {library}, since {other} could not load it: {why}"));
        write.dialect = Some(dialect);
    }
    check_gaps(from, file.format, target, &whole.gaps)?;
    if let Some((layer, why)) =
        file.model.as_ref().filter(|_| !(target.name == file.format && target.assets)).and_then(doubled)
    {
        return Err(Error::Usage {
            what: format!("{from}: the layer `{layer}` {why}, which each format keeps in another way"),
            advice: "convert `.keras` to `.keras`".into(),
        });
    }
    lookups::settle(from, &file, &mut tree, target, &write)?;
    if options.without_optimizer || !target.optimizer {
        tree.optimizer = None;
    } else {
        notes.extend(whole.optimizer.map(|why| format!("{from}: the optimizer's state is left out: {why}")));
    }
    notes.extend(formats::leave_out(to, target, &mut tree, &write));
    finish(target, &mut tree);
    if let (true, Some(config)) = (target.serving, &tree.model)
        && let Some(layer) = without_shape(config)
    {
        return Err(Error::Usage {
            what: format!(
                "{}: the file does not say which shape the layer `{layer}` was built for, which a SavedModel needs",
                from
            ),
            advice: "convert from a `.keras` file of this model".into(),
        });
    }
    crate::commit::create_folder(to.folder())?;
    formats::write(to, Some(target.name), &tree, &write)?;
    Ok(Converted { format: target.name, notes })
}

/// Returns the dialect of the source, where none was asked for and the one that the target has by default has no words for the model; with
/// what it has none for.
fn other_dialect(
    file: &SavedFile,
    to: &Location,
    target: &Format,
    tree: &Tree,
    write: &WriteOptions,
) -> Option<(Dialect, String)> {
    let (own, usual) = (file.dialect?, *target.dialects.first()?);
    if !target.whole_model || write.dialect.is_some() || own == usual || !target.dialects.contains(&own) {
        return None;
    }
    let config = tree.model.as_ref()?;
    match config::check_model(to.as_path(), usual, target.form, config) {
        Err(Error::Unsupported { place, what, .. }) => Some((own, format!("{place}: {what}"))),
        _ => None,
    }
}

/// Writes the arrays of a model that nothing describes, under the names that they have in their file.
fn arrays_alone(file: &SavedFile, to: &Location, target: &'static Format) -> Result<Converted, Error> {
    let others =
        ["optimizer/", "optimizer_weights/", "metrics/", "keras_api/metrics/", "rhyton/", "save_counter"];
    // Where a file holds layers alone, they may have these names.
    let has_others = FORMATS.iter().any(|format| format.name == file.format && format.optimizer);
    let (beside, arrays): (Vec<_>, Vec<_>) = file
        .weights
        .stored()?
        .into_iter()
        .partition(|s| has_others && others.iter().any(|other| s.path.starts_with(other)));
    let variables = arrays.into_iter().map(|s| Variable { name: s.path, ..s.variable }).collect();
    let tree = Tree { root: Object { is_model: true, variables, ..Object::default() }, ..Tree::default() };
    crate::commit::create_folder(to.folder())?;
    formats::write(to, Some(target.name), &tree, &WriteOptions::default())?;
    let left = format!("{} arrays of the optimizer, the metrics and counters are left out", beside.len());
    Ok(Converted { format: target.name, notes: (!beside.is_empty()).then_some(left).into_iter().collect() })
}

/// The first layer whose arrays are not the same ones in every format.
fn doubled(config: &ModelConfig) -> Option<(&str, &'static str)> {
    config.layers.iter().find_map(|layer| {
        let has = |key: &str| layer.config.get(key).is_some_and(|value| !value.is_null());
        match &layer.model {
            Some(inner) => doubled(inner),
            None if layer.registered_name.is_some() => None,
            None if layer.class_name == "SpectralNormalization" => {
                Some((layer.name.as_str(), "shares the kernel of the layer inside it"))
            }
            None => has("lora_rank").then_some((layer.name.as_str(), "has the two matrices of LoRA")),
        }
    })
}

/// The first layer of which nothing says what it was built for, though tf_keras must know.
fn without_shape(config: &ModelConfig) -> Option<&str> {
    config.layers.iter().find_map(|layer| match &layer.model {
        Some(inner) => without_shape(inner),
        None => saved_model::lacks_shape(layer).then_some(layer.name.as_str()),
    })
}

/// Steps that the optimizer whose state is in a file has taken; for files without architecture. `None` where there is none.
///
/// # Errors
/// The file is damaged.
pub fn iterations(file: &SavedFile) -> Result<Option<i64>, Error> {
    let counts = |path: &str| {
        let path = path.strip_suffix(":0").unwrap_or(path);
        path == "optimizer/vars/0"
            || path.ends_with("optimizer/_iterations")
            || path.ends_with("optimizer/iter")
            || path.starts_with("optimizer_weights/")
                && matches!(path.rsplit('/').next(), Some("iteration" | "iter"))
    };
    let stored = file.weights.stored()?;
    let found = stored.iter().find(|s| counts(&s.path));
    found.map_or(Ok(None), |s| crate::format::values::scalar_int(&s.variable))
}

/// Returns whether a layer says itself what it saves in a format.
fn is_own_form(format: &str) -> bool {
    formats::by_name(format).is_some_and(|format| format.arrays == Arrays::Walked)
}

fn check_gaps(from: &Location, source: &str, target: &Format, gaps: &[(String, Gap)]) -> Result<(), Error> {
    let other_form = is_own_form(source) != is_own_form(target.name) && !target.needs.is_empty();
    let needs = |gap: &Gap| target.needs.contains(gap) || other_form && *gap == Gap::Form;
    let Some((layer, gap)) = gaps.iter().find(|(_, gap)| needs(gap)) else { return Ok(()) };
    let (what, advice) = match gap {
        Gap::Names => ("what its variables are called", "`.h5` and TensorFlow checkpoints do"),
        Gap::Order => ("the order of its variables", "`.h5`, `.keras` and checkpoints with an optimizer do"),
        Gap::Attributes => {
            ("the attributes of the layers inside it", "`.keras` and TensorFlow checkpoints do")
        }
        Gap::Form | Gap::Trained => {
            return Err(Error::Usage {
                what: format!(
                    "{from}: the layer `{layer}` has a setting that is not known (as of LoRA, or of quantization), with which Keras saves other \
                     arrays in the format {} than in {source}",
                    target.name
                ),
                advice: if is_own_form(source) {
                    "`.keras` and `.weights.h5` can be written"
                } else {
                    "`.h5` can be written"
                }
                .into(),
            });
        }
    };
    Err(Error::Usage {
        what: format!(
            "{}: the layer `{layer}` is of a class that is not known, and the file does not say {what}, which the format {} needs",
            from, target.name
        ),
        advice: format!("convert from another file of this model: {advice}"),
    })
}
