//! The Task Manager: which of the tasks that are stored it runs now.
//!
//! It knows the rules that can keep a task from running at all: a mirror member runs a user-defined task only if the task's
//! mirror setting says so, and "if this setting is not specified for a user-defined task, the task will not run" (High
//! Availability Guide, 4.7, "How should task run for Mirror"); a task that runs several times a day runs between `DailyStartTime`
//! and `DailyEndTime`, of which the second "must be after" the first (Error Reference); and it runs from its `StartDate` on.

use super::{FIRST, Iris, Ran, mirror::Role};
use crate::{library::TASK, value::Object};

/// What `MirrorStatusDisplayToLogical` answers. Which values IRIS stores is not documented: these are made up, so that no
/// code under test can come to rely on one.
pub(crate) const MIRROR_STATUS: [(&str, &str); 3] =
    [("Primary", "on primary"), ("Non-Primary", "on others"), ("Any", "on any")];

impl Iris {
    /// Runs each task that is due at this minute, in its own namespace. A test lets the minutes go by.
    ///
    /// # Panics
    /// As [`Iris::run`].
    pub fn run_tasks(&mut self) -> Vec<Ran> {
        let stored = self.world.stored.get(TASK).map(Vec::as_slice).unwrap_or_default();
        let due: Vec<Object> = stored.iter().map(|(_, task)| task.clone()).filter(|task| self.is_due(task)).collect();
        let before = self.processes[&FIRST].namespace.clone();
        let ran = due.iter().map(|task| {
            self.set_namespace(&task.text("NameSpace"));
            self.run_method(&task.text("TaskClass"), "OnTask", &[])
        });
        let ran = ran.collect();
        self.set_namespace(&before);
        ran
    }

    fn is_due(&self, task: &Object) -> bool {
        let (today, second) = self.world.horolog();
        let number = |property: &str| task.text(property).parse::<f64>().ok();
        let begun = number("StartDate").is_some_and(|date| date <= today);
        let start = number("DailyStartTime").unwrap_or(0.0);
        let within = number("DailyEndTime").is_some_and(|end| end > start && second >= start && second <= end);
        let setting = task.text("MirrorStatus");
        let here = match self.world.mirror.role {
            Role::None => true,
            Role::Primary => [MIRROR_STATUS[0].1, MIRROR_STATUS[2].1].contains(&setting.as_str()),
            _ => [MIRROR_STATUS[1].1, MIRROR_STATUS[2].1].contains(&setting.as_str()),
        };
        begun && within && here && task.text("Suspended") != "1"
    }
}
