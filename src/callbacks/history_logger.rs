//! [`HistoryLogger`]: what each epoch logged, in a file.

use std::io::Write as _;

use rhyton_engine::train::{Callback, CallbackResult, Control, History, Logs};
use rhyton_persist::{Location, commit};
use serde_json::{Map, Value};

use crate::Error;
use crate::error::usage;

/// Writes the logs of all epochs to a file after each of them, as `keras.callbacks.CSVLogger`: a table of `epoch` (from 0) and the logged
/// values (`.csv`), or an object of lists like Keras' `history.history`, with `epoch` (`.json`). The file is there whole at any time.
#[derive(Clone, Debug)]
pub struct HistoryLogger {
    path: Location,
    write: fn(&History) -> Result<Vec<u8>, std::io::Error>,
    history: History,
}

impl HistoryLogger {
    /// Writes to this file, which is emptied when training begins.
    ///
    /// # Errors
    /// The path ends neither in `.csv` nor in `.json`.
    pub fn new(path: impl Into<Location>) -> Result<Self, Error> {
        let path = path.into();
        let name = path.file_name().map(|name| name.to_lowercase()).unwrap_or_default();
        let write = match name.rsplit_once('.').map(|(_, ending)| ending) {
            Some("csv") => table,
            Some("json") => object,
            _ => {
                return Err(usage(&path, "the ending names no format of a history", "use .csv or .json"));
            }
        };
        Ok(HistoryLogger { path, write, history: History::default() })
    }

    fn save(&self) -> CallbackResult {
        let bytes = (self.write)(&self.history)?;
        Ok(commit::write_file(&self.path, |file| {
            file.write_all(&bytes).map_err(|source| rhyton_persist::Error::Io {
                action: "write",
                path: self.path.as_path().into(),
                source,
            })
        })?)
    }
}

fn table(history: &History) -> Result<Vec<u8>, std::io::Error> {
    let mut out = csv::Writer::from_writer(Vec::new());
    let names = history.history.iter().map(|(name, _)| name.as_str());
    out.write_record(std::iter::once("epoch").chain(names))?;
    for (row, epoch) in history.epoch.iter().enumerate() {
        let values =
            history.history.iter().map(|(_, values)| values.get(row).map_or(String::new(), f64::to_string));
        out.write_record(std::iter::once(epoch.to_string()).chain(values))?;
    }
    out.into_inner().map_err(|error| error.into_error())
}

/// NaN and infinity, which JSON does not have, are null.
fn object(history: &History) -> Result<Vec<u8>, std::io::Error> {
    let mut out = Map::new();
    out.insert("epoch".into(), history.epoch.clone().into());
    out.extend(history.history.iter().map(|(name, values)| (name.clone(), Value::from(values.clone()))));
    let mut text = serde_json::to_vec_pretty(&out)?;
    text.push(b'\n');
    Ok(text)
}

impl Callback for HistoryLogger {
    fn name(&self) -> String {
        "HistoryLogger".into()
    }

    fn on_train_begin(&mut self, control: &mut Control) -> CallbackResult {
        self.history = History::default();
        self.history.history = control.log_names.iter().map(|name| (name.clone(), vec![])).collect();
        commit::create_folder(self.path.folder())?;
        self.save()
    }

    fn on_epoch_end(&mut self, epoch: usize, logs: &Logs, _control: &mut Control) -> CallbackResult {
        self.history.epoch.push(epoch);
        for (name, values) in &mut self.history.history {
            values.push(logs.get(name).unwrap_or(f64::NAN));
        }
        self.save()
    }
}
