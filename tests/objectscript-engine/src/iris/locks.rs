//! LOCK: names that processes hold, with all that is above and beneath them.

use super::world::{Holder, World};

impl World {
    /// Whether another process holds the name, or one above or beneath it.
    fn is_held(&self, name: &str, process: u32) -> bool {
        let now = self.now;
        self.locks.iter().filter(|(held, _)| related(held, name)).any(|(_, holders)| {
            holders.iter().any(|holder| holder.process != process && holder.until.is_none_or(|until| until > now))
        })
    }

    /// When the first of those who hold any of the names lets go by itself.
    fn next_release(&self, names: &[String], process: u32) -> Option<f64> {
        let related_to_any = |held: &String| names.iter().any(|name| related(held, name));
        let holders = self.locks.iter().filter(|(held, _)| related_to_any(held)).flat_map(|(_, holders)| holders);
        let ends = holders.filter(|holder| holder.process != process).filter_map(|holder| holder.until);
        ends.filter(|until| *until > self.now).min_by(f64::total_cmp)
    }

    /// Waits in virtual time until all names are free. `Some(false)` once the time is out; `None` if that would be never.
    pub fn lock(&mut self, names: &[String], process: u32, timeout: Option<f64>) -> Option<bool> {
        let deadline = timeout.map(|timeout| self.now + timeout.max(0.0));
        while names.iter().any(|name| self.is_held(name, process)) {
            match (self.next_release(names, process), deadline) {
                (Some(at), limit) if limit.is_none_or(|limit| at <= limit) => self.advance(at - self.now),
                (_, Some(limit)) => {
                    self.advance(limit - self.now);
                    return Some(false);
                }
                (_, None) => return None,
            }
        }
        for name in names {
            let holders = self.locks.entry(name.clone()).or_default();
            match holders.iter_mut().find(|holder| holder.process == process) {
                Some(holder) => holder.count += 1,
                None => holders.push(Holder { process, count: 1, until: None }),
            }
        }
        Some(true)
    }

    pub fn unlock(&mut self, name: &str, process: u32) {
        if let Some(holders) = self.locks.get_mut(name) {
            for holder in holders.iter_mut().filter(|holder| holder.process == process) {
                holder.count -= 1;
            }
            holders.retain(|holder| holder.count > 0);
        }
    }

    pub fn unlock_all(&mut self, process: u32) {
        for holders in self.locks.values_mut() {
            holders.retain(|holder| holder.process != process);
        }
    }
}

/// `^a` is held with `^a(1)`, and the other way round.
fn related(a: &str, b: &str) -> bool {
    let above = |a: &str, b: &str| {
        let a = a.strip_suffix(')').unwrap_or(a);
        b.strip_prefix(a).is_some_and(|rest| matches!(rest.chars().next(), None | Some('(' | ',' | ')')))
    };
    above(a, b) || above(b, a)
}
