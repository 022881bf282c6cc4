//! What the server programs have in common.

use std::{
    error::Error,
    io::{self, Read},
    process,
    sync::mpsc,
    thread,
    time::Duration,
};

/// Serves until standard input closes, then ends the process.
///
/// # Errors
///
/// When serving fails before.
pub fn until_input_closes(
    serve: impl FnOnce() -> io::Result<()> + Send + 'static,
) -> Result<(), Box<dyn Error>> {
    let (stop, stopped) = mpsc::channel();
    let stop_on_error = stop.clone();
    thread::spawn(move || stop_on_error.send(serve().map_err(|error| error.to_string())));
    thread::spawn(move || {
        let _ = io::stdin().read_to_end(&mut Vec::new());
        stop.send(Ok(()))
    });
    stopped.recv()??;
    // Connections may still be open; nobody waits for them.
    process::exit(0)
}

/// Reads `50ms` or `2s`.
///
/// # Errors
///
/// When it is written in another way.
pub fn duration(text: &str) -> Result<Duration, String> {
    let parse = |number: &str| number.parse::<f64>().ok().filter(|n| *n >= 0.0);
    let seconds = match text.strip_suffix("ms") {
        Some(number) => parse(number).map(|n| n / 1_000.0),
        None => text.strip_suffix('s').and_then(parse),
    };
    seconds.map(Duration::from_secs_f64).ok_or_else(|| "write it like 50ms or 2s".to_owned())
}
