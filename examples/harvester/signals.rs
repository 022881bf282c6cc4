//! Being asked to stop.

use tokio_util::sync::CancellationToken;

use crate::progress::Console;

/// A token that is cancelled by Ctrl-C, or by being asked to terminate. The second time the process
/// ends at once.
pub(crate) fn stop_on_signals(console: &Console) -> CancellationToken {
    let token = CancellationToken::new();
    let (stop, console) = (token.clone(), console.clone());
    tokio::spawn(async move {
        // Without signals to listen to, the process just ends, which loses nothing either.
        if signal().await.is_ok() {
            console.notice("stopping; again, to stop at once");
            stop.cancel();
            if signal().await.is_ok() {
                std::process::exit(1);
            }
        }
    });
    token
}

#[cfg(unix)]
async fn signal() -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted,
        _ = terminate.recv() => Ok(()),
    }
}

#[cfg(not(unix))]
async fn signal() -> std::io::Result<()> {
    tokio::signal::ctrl_c().await
}
