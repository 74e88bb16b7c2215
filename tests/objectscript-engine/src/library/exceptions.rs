//! Exceptions: what they are made of, and what they say of themselves.

use super::{Natives, status};
use crate::{
    iris::errors::{GENERAL, STATUS, SYSTEM, Stop, display},
    value::{Object, Value},
};

pub fn register(natives: &mut Natives) {
    const BASE: &str = "%Exception.AbstractException";
    for class in [SYSTEM, STATUS, GENERAL] {
        natives.extend(class, BASE);
        natives.complete(class);
    }
    natives.complete(BASE);
    natives.unknown(BASE, &["Log", "AsSystemError", "AsSQLCODE", "AsSQLMessage", "StackAsArray", "%IsA", "%Extends"]);
    natives.properties(BASE, &["Name", "Code", "Location", "Data", "InnerException"]);
    natives.add(BASE, "%New", 1..=5, |call| {
        let value = |place| call.value(place).unwrap_or_else(Value::empty);
        let properties = [
            ("Name", value(0)),
            ("Code", value(1)),
            ("Location", value(2)),
            ("Data", value(3)),
            ("InnerException", value(4)),
        ];
        Ok(Object::with(&call.class, &properties).into())
    });
    natives.add(BASE, "DisplayString", 0..=0, |call| Ok(Value::from(display(&call.object()?))));
    natives.add(BASE, "AsStatus", 0..=0, |call| {
        let object = call.object()?;
        Ok(match object.class() {
            STATUS => object.property("%Status").unwrap_or_else(|| Value::from(1)),
            SYSTEM => status::failure(5002, &[display(&object)]),
            // IRIS looks for the message of the code; a general exception's own words are what is known here.
            _ => status::failure_with(&object.text("Code"), &object.text("Name")),
        })
    });
    natives.add(STATUS, "CreateFromStatus", 1..=1, |call| {
        Ok(status::exception(&call.value(0).unwrap_or_else(Value::empty)).into())
    });
    natives.add(STATUS, "ThrowOnError", 1..=1, |call| match call.value(0) {
        Some(status) if status.is_true() => Ok(Value::empty()),
        other => Err(Stop::Error(status::exception(&other.unwrap_or_else(Value::empty)))),
    });
}
