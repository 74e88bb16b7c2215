//! What is being asked at this moment, and for how long: one line on standard error that comes and goes, where a person sits there.

use mirrorvip_core::journal::Journal;
use std::{
    io::{IsTerminal, Write, stderr},
    time::Duration,
};
use tokio::time::sleep;

/// What ends sooner needs no line.
const SLOW: Duration = Duration::from_millis(400);
const REFRESH: Duration = Duration::from_millis(100);
/// As wide as a terminal certainly is.
const WIDTH: usize = 78;
/// Back to the margin, and nothing left of the line.
const ERASE: &str = "\r\x1b[K";

/// Waits for a call, and shows what it waits for.
pub async fn beside<T>(journal: &Journal, call: impl Future<Output = T>) -> T {
    if !stderr().is_terminal() {
        return call.await;
    }
    tokio::select! {
        ended = call => {
            draw("");
            ended
        }
        () = show(journal) => unreachable!("it never ends"),
    }
}

async fn show(journal: &Journal) {
    loop {
        sleep(REFRESH).await;
        let waiting = journal.under_way();
        let line = waiting.first().filter(|oldest| oldest.since.elapsed() >= SLOW).map(|oldest| {
            let on = if oldest.target.is_empty() { String::new() } else { format!(" on {}", oldest.target) };
            let more = match waiting.len() {
                0 | 1 => String::new(),
                all => format!(" and {} more", all - 1),
            };
            format!("{}{on}{more}: no answer for {:.1} s", oldest.call, oldest.since.elapsed().as_secs_f64())
        });
        draw(&line.unwrap_or_default());
    }
}

fn draw(line: &str) {
    let short: String = line.chars().take(WIDTH).collect();
    let mut out = stderr().lock();
    // That nobody sees it is no reason to end a call.
    let _ = write!(out, "{ERASE}{short}").and_then(|()| out.flush());
}
