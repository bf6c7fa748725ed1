//! The date in `metadata.json`.

use std::time::{SystemTime, UNIX_EPOCH};

/// Now, as Keras writes it: `2026-01-31@12:34:56`. In UTC, where Keras has local time: it is for people alone, and the
/// standard library knows no time zones.
pub(crate) fn now() -> String {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs());
    format(seconds)
}

/// A time in seconds since 1970.
pub(crate) fn format(seconds: u64) -> String {
    // The year 9999 has an end, and so has the loop.
    let seconds = seconds.min(253_402_300_799);
    let (mut days, second) = (seconds / 86_400, seconds % 86_400);
    let leap = |y: u64| y.is_multiple_of(4) && (!y.is_multiple_of(100) || y.is_multiple_of(400));
    let mut year = 1970u64;
    while days >= if leap(year) { 366 } else { 365 } {
        days -= if leap(year) { 366 } else { 365 };
        year += 1;
    }
    let february = if leap(year) { 29 } else { 28 };
    let mut month = 1u64;
    for length in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
        if days < length {
            break;
        }
        days -= length;
        month += 1;
    }
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{:02}@{hour:02}:{minute:02}:{second:02}", days + 1)
}

#[cfg(test)]
mod tests {
    /// From `date -u -d @...`.
    #[test]
    fn dates_are_those_of_the_calendar() {
        assert_eq!(super::format(0), "1970-01-01@00:00:00");
        assert_eq!(super::format(951_782_400), "2000-02-29@00:00:00");
        assert_eq!(super::format(1_769_862_896), "2026-01-31@12:34:56");
        assert_eq!(super::format(4_102_444_799), "2099-12-31@23:59:59");
    }
}
