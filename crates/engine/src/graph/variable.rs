//! Variables: shared cells that outlive graphs.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::memory::{Reading, Resident};
use crate::Error;
use crate::types::TensorType;

/// What a variable is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// A weight that training changes, as the layer declares it.
    Trainable,
    /// A weight that training does not change by gradients: moving statistics.
    NonTrainable,
    /// A state that a layer carries from one batch to the next: no weight, and in none of Keras' lists of variables.
    State,
    /// A slot of an optimizer.
    Slot,
    /// Sums of metrics.
    Metric,
}

/// A value that is made or read when it is first needed, as words.
pub type Lazy = Arc<dyn Fn() -> Result<Vec<u32>, Error> + Send + Sync>;

/// Where a variable's value is.
#[derive(Clone)]
pub enum Value {
    /// On the host.
    Host(Arc<Vec<u32>>),
    /// Nowhere yet: an initializer, or a file.
    Lazy(Lazy),
    /// On a device, at this offset in words.
    Device(Arc<dyn Resident>, usize),
}

/// The shared cell behind a [`Variable`].
pub struct VariableCell {
    id: u64,
    name: String,
    ty: TensorType,
    role: Role,
    /// Says that training does not change it any more, whatever it was made for.
    frozen: AtomicBool,
    value: Mutex<Value>,
}

/// A variable: a shared cell with a value. The default is an empty handle, which `build` of a layer replaces.
#[derive(Clone, Default)]
pub struct Variable(Option<Arc<VariableCell>>);

impl PartialEq for Variable {
    fn eq(&self, other: &Self) -> bool {
        self.id() == other.id()
    }
}
impl Eq for Variable {}
impl std::hash::Hash for Variable {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.id().hash(state);
    }
}

impl fmt::Debug for Variable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Some(v) => write!(f, "{} {:?}", v.name, v.ty),
            None => f.write_str("(variable not built)"),
        }
    }
}

impl Variable {
    /// A new variable with this value.
    pub fn new(name: &str, ty: TensorType, role: Role, value: Value) -> Self {
        static IDS: AtomicU64 = AtomicU64::new(1);
        let id = IDS.fetch_add(1, Ordering::Relaxed);
        let frozen = AtomicBool::new(false);
        Variable(Some(Arc::new(VariableCell {
            id,
            name: name.into(),
            ty,
            role,
            frozen,
            value: Mutex::new(value),
        })))
    }

    /// Whether it was built.
    pub fn is_built(&self) -> bool {
        self.0.is_some()
    }

    /// Number of this variable in the process; 0 for an empty handle.
    pub fn id(&self) -> u64 {
        self.0.as_ref().map_or(0, |v| v.id)
    }

    /// Name inside its layer: `kernel`.
    pub fn name(&self) -> &str {
        self.0.as_ref().map_or("", |v| &v.name)
    }

    /// Type and shape, once built.
    pub fn ty(&self) -> Option<TensorType> {
        self.0.as_ref().map(|v| v.ty.clone())
    }

    /// Shape; empty for an empty handle.
    pub fn shape(&self) -> &[usize] {
        self.0.as_ref().map_or(&[], |v| &v.ty.shape)
    }

    /// Number of elements.
    pub fn len(&self) -> usize {
        self.0.as_ref().map_or(0, |v| v.ty.len())
    }

    /// Whether it has no elements.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What it is for.
    pub fn role(&self) -> Role {
        match &self.0 {
            Some(v) if v.role == Role::Trainable && v.frozen.load(Ordering::Relaxed) => Role::NonTrainable,
            Some(v) => v.role,
            None => Role::NonTrainable,
        }
    }

    /// Makes it a weight that training does not change, for good: what a low-rank addition stands beside.
    pub(crate) fn freeze(&self) {
        if let Some(v) = &self.0 {
            v.frozen.store(true, Ordering::Relaxed);
        }
    }

    fn lock(&self) -> Result<MutexGuard<'_, Value>, Error> {
        match &self.0 {
            Some(v) => Ok(v.value.lock().unwrap_or_else(PoisonError::into_inner)),
            None => Err(Error::State { what: "a variable was read before its layer was built".into() }),
        }
    }

    /// Where its value is now.
    ///
    /// # Errors
    /// It was not built.
    pub fn value(&self) -> Result<Value, Error> {
        Ok(self.lock()?.clone())
    }

    /// Puts it elsewhere: the value there must be equal, or new.
    ///
    /// # Errors
    /// It was not built.
    pub fn place(&self, value: Value) -> Result<(), Error> {
        *self.lock()? = value;
        Ok(())
    }

    /// Its value as words; resolved at once unless it lies on a device.
    pub fn read(&self) -> Reading {
        let words = self.len();
        match self.value() {
            Ok(Value::Device(memory, offset)) => memory.read(offset, words),
            Ok(Value::Host(v)) => Box::pin(std::future::ready(Ok(v.to_vec()))),
            Ok(Value::Lazy(make)) => {
                let read = self.resolve(&make).map(|v| v.to_vec());
                Box::pin(std::future::ready(read))
            }
            Err(e) => Box::pin(std::future::ready(Err(e))),
        }
    }

    /// Its value on the host, where it lies there or can be made; `None` where it lies on a device.
    ///
    /// # Errors
    /// A lazy value could not be read.
    pub fn host(&self) -> Result<Option<Arc<Vec<u32>>>, Error> {
        match self.value()? {
            Value::Host(v) => Ok(Some(v)),
            Value::Lazy(make) => self.resolve(&make).map(Some),
            Value::Device(..) => Ok(None),
        }
    }

    fn resolve(&self, make: &Lazy) -> Result<Arc<Vec<u32>>, Error> {
        let words = self.rounded(make()?);
        if words.len() != self.len() {
            let what =
                format!("variable {} has {} elements, its value {}", self.name(), self.len(), words.len());
            return Err(Error::State { what });
        }
        let words = Arc::new(words);
        self.place(Value::Host(words.clone()))?;
        Ok(words)
    }

    /// Returns words rounded to the type, where that is a float of 16 bits.
    fn rounded(&self, mut words: Vec<u32>) -> Vec<u32> {
        if let Some(half) = self.ty().and_then(|ty| ty.dtype.half()) {
            let nearest = |w: u32| (half.nearest(f64::from(f32::from_bits(w))) as f32).to_bits();
            words.iter_mut().for_each(|w| *w = nearest(*w));
        }
        words
    }

    /// Gives it a new value, wherever it lies; rounded where its type is a float of 16 bits.
    ///
    /// # Errors
    /// The number of elements differs, or the device is gone.
    pub fn set(&self, words: Vec<u32>) -> Result<(), Error> {
        if words.len() != self.len() {
            let what = format!(
                "{} has shape {:?}, but was given {} elements",
                self.name(),
                self.shape(),
                words.len()
            );
            return Err(Error::Argument { what });
        }
        let words = self.rounded(words);
        match self.value()? {
            Value::Device(memory, offset) => memory.write(offset, &words),
            _ => self.place(Value::Host(Arc::new(words))),
        }
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Host(words) => write!(f, "Host({} words)", words.len()),
            Value::Lazy(_) => f.write_str("Lazy"),
            Value::Device(_, offset) => write!(f, "Device(at {offset})"),
        }
    }
}

debug!(VariableCell, |v| id: v.id, name: v.name, ty: v.ty, role: v.role);
