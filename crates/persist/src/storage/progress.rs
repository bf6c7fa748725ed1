//! How far a long transfer is.

/// Transfers of fewer bytes are over before anybody looks.
#[cfg(feature = "progress")]
const LONG: u64 = 4 << 20;

/// A bar on the terminal's standard error, gone when it is dropped. Nothing where that is no terminal, the transfer is short, or
/// the feature `progress` is off.
pub(crate) struct Meter {
    #[cfg(feature = "progress")]
    bar: Option<indicatif::ProgressBar>,
}

impl Meter {
    /// The bar of a transfer of `total` bytes.
    #[cfg_attr(not(feature = "progress"), expect(unused_variables, reason = "nothing is shown"))]
    pub(crate) fn new(action: &'static str, name: &str, total: u64) -> Self {
        #[cfg(feature = "progress")]
        {
            let bar = (total >= LONG).then(|| {
                let bar = indicatif::ProgressBar::new(total);
                let template = "{prefix} {msg} {bytes}/{total_bytes} [{wide_bar}] {bytes_per_sec} {eta}";
                if let Ok(style) = indicatif::ProgressStyle::with_template(template) {
                    bar.set_style(style.progress_chars("=> "));
                }
                bar.set_prefix(action);
                bar.set_message(crate::shown::brief(name).into_owned());
                bar
            });
            Self { bar }
        }
        #[cfg(not(feature = "progress"))]
        Self {}
    }

    /// So many bytes went before, in another transfer.
    #[cfg_attr(not(feature = "progress"), expect(unused_variables, reason = "nothing is shown"))]
    #[cfg_attr(not(feature = "remote"), allow(dead_code, reason = "parts are sent to servers"))]
    pub(crate) fn start_at(&mut self, bytes: u64) {
        #[cfg(feature = "progress")]
        if let Some(bar) = &self.bar {
            bar.set_position(bytes);
            bar.reset_eta();
        }
    }

    /// So many bytes more.
    #[cfg_attr(not(feature = "progress"), expect(unused_variables, reason = "nothing is shown"))]
    pub(crate) fn advance(&mut self, bytes: u64) {
        #[cfg(feature = "progress")]
        if let Some(bar) = &self.bar {
            bar.inc(bytes);
        }
    }
}

/// Says something to who looks at the terminal.
#[cfg_attr(not(feature = "progress"), expect(unused_variables, reason = "nothing is shown"))]
#[cfg_attr(not(feature = "remote"), allow(dead_code, reason = "said of servers"))]
pub(crate) fn notice(text: &str) {
    #[cfg(feature = "progress")]
    if std::io::IsTerminal::is_terminal(&std::io::stderr()) {
        eprintln!("{}", crate::shown::line(text));
    }
}

/// The name of a URL's file, for people.
pub(crate) fn name_of(url: &str) -> String {
    let name = url.rsplit('/').next().unwrap_or(url);
    percent_encoding::percent_decode_str(name).decode_utf8_lossy().into_owned()
}

#[cfg(feature = "progress")]
impl Drop for Meter {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
