//! Tasks, a query for them, and what a monitor class reports. Nothing here runs by itself: a test calls `Iris::run_tasks`.

use super::{Call, Natives, status};
use crate::{
    iris::{errors::Outcome, tasks::MIRROR_STATUS},
    run::Given,
    value::{Body, Key, Object, Value},
};

pub const TASK: &str = "%SYS.Task";
const RESULT: &str = "%SQL.StatementResult";
/// Where sensors and monitor classes are stored.
pub const SENSORS: &str = "%SYS.Monitor.SAM.Abstract";
const APPLICATIONS: &str = "SYS.Monitor.SAM.Config";

pub fn register(natives: &mut Natives) {
    natives.properties(
        TASK,
        &[
            "Name",
            "Description",
            "NameSpace",
            "TaskClass",
            "RunAsUser",
            "Type",
            "Priority",
            "TimePeriod",
            "TimePeriodEvery",
            "TimePeriodDay",
            "DailyFrequency",
            "DailyFrequencyTime",
            "DailyIncrement",
            "DailyStartTime",
            "DailyEndTime",
            "StartDate",
            "EndDate",
            "Settings",
            "Suspended",
            "MirrorStatus",
            "RescheduleOnStart",
            "SuspendOnError",
            "OutputDirectory",
            "OutputFilename",
            "OutputFileIsBinary",
            "EmailOnError",
            "EmailOnCompletion",
            "EmailOutput",
            "Expires",
        ],
    );
    natives.add(TASK, "%New", 0..=0, |_| Ok(Object::instance(TASK).into()));
    natives.add(TASK, "%Save", 0..=0, |call| {
        let object = call.object()?;
        let tasks = call.run.world.stored.entry(TASK.into()).or_default();
        if !tasks.iter().any(|(_, known)| *known == object) {
            // The first numbers belong to tasks that every instance has.
            let id = tasks.iter().map(|(id, _)| *id).max().unwrap_or(1000) + 1;
            tasks.push((id, object));
        }
        Ok(Value::from(1))
    });
    natives.add(TASK, "%Id", 0..=0, |call| {
        let object = call.object()?;
        let tasks = call.run.world.stored.get(TASK).map(Vec::as_slice).unwrap_or_default();
        let found = tasks.iter().find(|(_, known)| *known == object);
        Ok(found.map_or_else(Value::empty, |(id, _)| Value::from(*id)))
    });
    natives.add(TASK, "%OpenId", 1..=1, |call| Ok(found(call).map_or_else(Value::empty, |(_, object)| object.into())));
    natives.add(TASK, "%ExistsId", 1..=1, |call| Ok(Value::from(found(call).is_some())));
    natives.add(TASK, "%DeleteId", 1..=1, |call| {
        let Some((id, _)) = found(call) else {
            return Ok(status::failure(5810, &[TASK.into(), call.text(0)]));
        };
        if let Some(tasks) = call.run.world.stored.get_mut(TASK) {
            tasks.retain(|(known, _)| *known != id);
        }
        Ok(Value::from(1))
    });

    // Each property with a list of values has such a method; empty for what is not in the list.
    natives.add(TASK, "MirrorStatusDisplayToLogical", 1..=1, |call| {
        let shown = call.text(0);
        let found = MIRROR_STATUS.iter().find(|(known, _)| *known == shown);
        Ok(found.map_or_else(Value::empty, |(_, stored)| Value::from(*stored)))
    });

    natives.add("%SQL.Statement", "%ExecDirect", 2..=9, query);
    natives.properties(RESULT, &["%SQLCODE", "%Message"]);
    natives.add(RESULT, "%Next", 0..=0, |call| {
        let object = call.object()?;
        let (row, rows) = (object.text("the row").parse::<usize>().unwrap_or(0), object.property("the rows"));
        let value = rows.and_then(|rows| match &*rows.object()?.body() {
            Body::List(items) => items.get(row).map(crate::value::Item::to_value),
            _ => None,
        });
        object.set_property("the row", Value::from(row + 1));
        let column = object.text("the column");
        object.set_property(&column, value.clone().unwrap_or_else(Value::empty));
        Ok(Value::from(value.is_some()))
    });
    natives.add(RESULT, "%Get", 1..=1, |call| {
        let (object, column) = (call.object()?, call.text(0));
        match object.property(&column) {
            Some(value) => Ok(value),
            None => call.run.refuse(&format!("the column {column}")),
        }
    });

    natives.extend("%SYS.Task.Definition", "%RegisteredObject");
    natives.extend(SENSORS, "%RegisteredObject");
    // A single item becomes the label `id`: `myapp_my_counter{id="my_label"} 1` (Monitoring Guide, "Create Application Metrics").
    natives.add(SENSORS, "SetSensor", 2..=3, |call| {
        let item = call.text(2);
        let labels = if item.is_empty() { Vec::new() } else { vec![("id".to_owned(), item)] };
        sensor(call, &labels)
    });
    natives.add(SENSORS, "SetSensorLabels", 3..=3, |call| {
        let labels: Vec<_> = match call.given.get(2) {
            Some(Given::Reference(labels)) => labels.borrow().values(),
            _ => return call.run.refuse("labels that are not given by reference"),
        };
        let named = |(keys, value): (Vec<Key>, Value)| match keys.as_slice() {
            [key] => Some((key.to_value().to_text().to_string(), value.to_text().to_string())),
            _ => None,
        };
        match labels.into_iter().map(named).collect::<Option<Vec<_>>>() {
            Some(labels) if labels.iter().any(|(name, _)| name == "id") => sensor(call, &labels),
            _ => call.run.refuse("labels without one that is called id, or with more than one subscript"),
        }
    });
    natives.add(APPLICATIONS, "AddApplicationClass", 2..=2, |call| {
        let entry = Object::with(
            APPLICATIONS,
            &[("Class", Value::from(call.text(0))), ("Namespace", Value::from(call.text(1)))],
        );
        let known = call.run.world.stored.entry(APPLICATIONS.into()).or_default();
        known.retain(|(_, old)| old.text("Class") != entry.text("Class"));
        known.push((i64::try_from(known.len()).unwrap_or(0), entry));
        Ok(Value::from(1))
    });
    natives.add(APPLICATIONS, "DeleteApplicationClass", 1..=1, |call| {
        let name = call.text(0);
        if let Some(known) = call.run.world.stored.get_mut(APPLICATIONS) {
            known.retain(|(_, old)| old.text("Class") != name);
        }
        Ok(Value::from(1))
    });
}

fn found(call: &Call<'_, '_>) -> Option<(i64, Object)> {
    let id = call.number(0)?.to_i64();
    call.run.world.stored.get(TASK)?.iter().find(|(known, _)| *known == id).cloned()
}

/// What GetSensors has set, with its labels as they stand on the page. "All 'values' MUST BE NUMERIC" (class reference), and "if you
/// define a label for a metric, you must include that label every time you set that metric" (Monitoring Guide).
fn sensor(call: &mut Call<'_, '_>, labels: &[(String, String)]) -> Outcome<Value> {
    let (name, value) = (call.text(0), call.text(1));
    if value.parse::<f64>().is_err() {
        return call.run.refuse(&format!("the value {value:?} of {name}, which is no number"));
    }
    let names = |labels: &str| labels.split('"').step_by(2).collect::<String>();
    let labels = labels.iter().map(|(label, value)| format!("{label}=\"{value}\"")).collect::<Vec<_>>().join(",");
    let sensors = call.run.world.stored.entry(SENSORS.into()).or_default();
    let other =
        sensors.iter().find(|(_, known)| known.text("Name") == name && names(&known.text("Label")) != names(&labels));
    if let Some((_, other)) = other {
        let before = other.text("Label");
        return call.run.refuse(&format!("{name} with the labels {labels:?}, and {before:?} before"));
    }
    let sensor = Object::with(
        SENSORS,
        &[("Name", Value::from(name)), ("Value", Value::from(value)), ("Label", Value::from(labels))],
    );
    sensors.push((i64::try_from(sensors.len()).unwrap_or(0), sensor));
    Ok(Value::from(1))
}

/// `%ExecDirect(, "select ID from %SYS.Task where Name = ?", name)`: no other statement is known.
fn query(call: &mut Call<'_, '_>) -> Outcome<Value> {
    let statement = call.text(1);
    let words: Vec<String> = statement.replace('=', " = ").split_whitespace().map(str::to_lowercase).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let property = match words[..] {
        ["select", "id", "from", "%sys.task", "where", "name", "=", "?"] => "Name",
        ["select", "id", "from", "%sys.task", "where", "taskclass", "=", "?"] => "TaskClass",
        _ => return call.run.refuse(&format!("the statement {statement}")),
    };
    let wanted = call.text(2);
    let tasks = call.run.world.stored.get(TASK).map(Vec::as_slice).unwrap_or_default();
    let rows = tasks.iter().filter(|(_, task)| task.text(property) == wanted);
    let rows = rows.map(|(id, _)| crate::value::Item::Value(Value::from(*id))).collect();
    let rows = Object::new(crate::value::object::DYNAMIC_ARRAY, Body::List(rows));
    let column = statement.split_whitespace().nth(1).unwrap_or("ID");
    let result = [
        ("the rows", rows.into()),
        ("the row", Value::from(0)),
        ("the column", Value::from(column)),
        ("%SQLCODE", Value::from(0)),
    ];
    Ok(Object::with(RESULT, &result).into())
}
