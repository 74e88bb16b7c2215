//! `%Status`: 1, or a text that begins with 0 and holds the errors. And `$system.Status`.

use super::{Call, Natives};
use crate::{
    iris::errors::{Outcome, STATUS, Stop},
    value::{Object, Value, list},
};

/// Messages of codes that the code under test can meet.
const MESSAGES: &[(i64, &str)] = &[
    (5001, "%1"),
    (5002, "ObjectScript error: %1"),
    (5005, "Cannot open file '%1'"),
    (5012, "File '%1' does not exist"),
    (5024, "Unable to delete file '%1'"),
    (5351, "Class '%1' does not exist"),
    (5475, "Error compiling routine: %1"),
    (5809, "Object to Load not found, class '%1', ID '%2'"),
    (5810, "Object to delete not found, class '%1', ID '%2'"),
];

pub fn register(natives: &mut Natives) {
    const CLASS: &str = "%SYSTEM.Status";
    natives.add(CLASS, "OK", 0..=0, |_| Ok(Value::from(1)));
    natives.add(CLASS, "IsOK", 1..=1, |call| Ok(Value::from(call.value(0).is_some_and(|status| status.is_true()))));
    natives.add(CLASS, "IsError", 1..=1, |call| Ok(Value::from(!call.value(0).is_some_and(|status| status.is_true()))));
    natives.add(CLASS, "GetErrorText", 1..=2, |call| Ok(Value::from(text_of(&status(call)))));
    natives.add(CLASS, "GetOneErrorText", 1..=2, |call| {
        let (code, text) = errors(&status(call)).into_iter().next().unwrap_or_default();
        Ok(Value::from(if text.is_empty() { text } else { format!("ERROR #{code}: {text}") }))
    });
    natives.add(CLASS, "GetOneStatusText", 1..=2, |call| {
        Ok(Value::from(errors(&status(call)).into_iter().next().map(|(_, text)| text).unwrap_or_default()))
    });
    natives.add(CLASS, "GetErrorCodes", 1..=1, |call| {
        let codes: Vec<_> = errors(&status(call)).into_iter().map(|(code, _)| code).collect();
        Ok(Value::from(codes.join(",")))
    });
    natives.add(CLASS, "DisplayError", 1..=2, |call| {
        let text = text_of(&status(call));
        call.run.print(&format!("\n{text}"))?;
        Ok(Value::from(1))
    });
    natives.add(CLASS, "Error", 1..=10, |call| {
        let code = call.number(0).unwrap_or(crate::value::Decimal::ZERO).to_i64();
        let arguments: Vec<_> = (1..call.given.len()).map(|place| call.text(place)).collect();
        match message(code, &arguments) {
            Some(_) => Ok(failure(code, &arguments)),
            None => call.run.refuse(&format!("the message of error {code}")),
        }
    });
    natives.add(CLASS, "AppendStatus", 2..=2, |call| {
        let (first, second) = (status(call), call.value(1).unwrap_or_else(|| Value::from(1)));
        Ok(match (first.is_true(), second.is_true()) {
            (true, _) => second,
            (_, true) => first,
            _ => Value::from(format!("{}{}", first.to_text(), second.to_text().get(2..).unwrap_or_default())),
        })
    });
    natives.add(CLASS, "FormatText", 1..=10, |call| {
        let arguments: Vec<_> = (1..call.given.len()).map(|place| call.text(place)).collect();
        Ok(Value::from(filled(&call.text(0), &arguments)))
    });
}

fn status(call: &Call<'_, '_>) -> Value {
    call.value(0).unwrap_or_else(|| Value::from(1))
}

fn filled(text: &str, arguments: &[String]) -> String {
    let fill = |text: String, (place, value): (usize, &String)| text.replace(&format!("%{}", place + 1), value);
    arguments.iter().enumerate().fold(text.to_owned(), fill)
}

fn message(code: i64, arguments: &[String]) -> Option<String> {
    let (_, text) = MESSAGES.iter().find(|(known, _)| *known == code)?;
    Some(filled(text, arguments))
}

/// An error as `%Status`.
///
/// # Panics
/// If the code's message is not known here.
pub fn failure(code: i64, arguments: &[String]) -> Value {
    let text = message(code, arguments).unwrap_or_else(|| panic!("no message of error {code}"));
    failure_with(&code.to_string(), &text)
}

pub(super) fn failure_with(code: &str, text: &str) -> Value {
    let error = list::build(&[Some(Value::from(code)), Some(Value::from(text))]);
    Value::from(format!("0 {}", list::build(&[Some(Value::from(error))])))
}

/// Codes and texts.
pub(super) fn errors(status: &Value) -> Vec<(String, String)> {
    let text = status.to_text();
    let Some(elements) = text.strip_prefix("0 ").and_then(list::parse) else {
        return Vec::new();
    };
    let error = |element: Value| {
        let mut parts =
            list::parse(&element.to_text())?.into_iter().map(|part| part.map(|part| part.to_text().to_string()));
        Some((parts.next()??, parts.next()??))
    };
    elements.into_iter().flatten().filter_map(error).collect()
}

/// As `GetErrorText` writes a status.
pub fn text_of(status: &Value) -> String {
    let errors = errors(status).into_iter().map(|(code, text)| format!("ERROR #{code}: {text}"));
    errors.collect::<Vec<_>>().join("\r\n")
}

/// The exception that stands for a status.
pub(super) fn exception(status: &Value) -> Object {
    let (code, text) = errors(status).into_iter().next().unwrap_or_default();
    Object::with(
        STATUS,
        &[
            ("Name", Value::from(text.as_str())),
            ("Code", Value::from(code)),
            ("Location", Value::empty()),
            ("Data", Value::from(text)),
            ("InnerException", Value::empty()),
            ("%Status", status.clone()),
        ],
    )
}

pub(super) fn throw<T>(code: i64, arguments: &[String]) -> Outcome<T> {
    Err(Stop::Error(exception(&failure(code, arguments))))
}
