//! Routines and classes as things that code can look for, load, write and delete.

use super::{Call, Natives, full_name, status, streams};
use crate::{
    iris::{errors::Outcome, world::World},
    source::Fault,
    value::{Object, Value},
};

const ROUTINE: &str = "%Library.Routine";

pub fn register(natives: &mut Natives) {
    natives.add("%SYSTEM.OBJ", "Load", 1..=4, load);
    natives.add("%SYSTEM.OBJ", "Compile", 1..=2, |call| {
        let name = call.text(0);
        let there = match name.strip_suffix(".mac").or_else(|| name.strip_suffix(".MAC")) {
            Some(routine) => call.run.world.routine(&call.run.process.namespace, routine).is_some(),
            None => {
                let class = name.strip_suffix(".cls").unwrap_or(&name);
                call.run.world.class(&call.run.process.namespace, class).is_some()
            }
        };
        Ok(if there { Value::from(1) } else { status::failure(5351, &[name]) })
    });
    natives.add("%SYSTEM.OBJ", "Delete", 1..=2, |call| {
        // The name alone: all public code but one gives it so.
        let class = call.text(0);
        let namespace = World::home(&call.run.process.namespace, &class).to_owned();
        match call.run.world.namespace(&namespace).classes.remove(&class) {
            Some(_) => Ok(Value::from(1)),
            None => Ok(status::failure(5351, &[class])),
        }
    });
    for class in ["%Dictionary.ClassDefinition", "%Dictionary.CompiledClass"] {
        natives.add(class, "%ExistsId", 1..=1, |call| {
            let name = call.text(0);
            let loaded = call.run.world.class(&call.run.process.namespace, &name).is_some();
            Ok(Value::from(loaded || call.run.world.natives.has_class(&full_name(&name))))
        });
    }

    natives.add(ROUTINE, "Exists", 1..=1, |call| {
        // Of a routine that was compiled here there is intermediate code as well.
        if let Some(name) = [".INT", ".OBJ"].iter().find_map(|kind| call.text(0).strip_suffix(kind).map(str::to_owned))
        {
            let name = name.as_str();
            let namespace = World::home(&call.run.process.namespace, name).to_owned();
            let compiled = call.run.world.routine(&namespace, name).is_some();
            return Ok(Value::from(compiled || call.run.world.intermediate.contains(name)));
        }
        let (namespace, name) = named(call, 0)?;
        Ok(Value::from(call.run.world.routine(&namespace, &name).is_some()))
    });
    natives.add(ROUTINE, "Delete", 1..=1, |call| {
        let (namespace, name) = named(call, 0)?;
        let removed = call.run.world.namespace(&namespace).routines.remove(&name);
        Ok(if removed.is_some() { Value::from(1) } else { status::failure(5012, &[call.text(0)]) })
    });
    natives.add(ROUTINE, "%New", 1..=1, |call| {
        let name = call.text(0);
        let stream = streams::open(ROUTINE, "");
        if let Some(object) = stream.object() {
            object.set_property("Name", Value::from(name));
        }
        Ok(stream)
    });
    natives.add(ROUTINE, "%OpenId", 1..=1, |call| {
        let (namespace, name) = named(call, 0)?;
        let Some(routine) = call.run.world.routine(&namespace, &name) else {
            return Ok(Value::empty());
        };
        let stream = streams::open(ROUTINE, &routine.text);
        if let Some(object) = stream.object() {
            object.set_property("Name", Value::from(call.text(0)));
        }
        Ok(stream)
    });
    for method in ["%Save", "Save"] {
        natives.add(ROUTINE, method, 0..=0, compiled);
    }
    natives.add(ROUTINE, "Compile", 0..=1, compiled);
    streams::reading_and_writing(natives, ROUTINE);
}

/// A routine's namespace and its name without `.MAC`.
fn named(call: &Call<'_, '_>, place: usize) -> Outcome<(String, String)> {
    let given = call.text(place);
    let Some((name, kind)) = given.rsplit_once('.') else {
        return call.run.refuse(&format!("the routine name {given} without .MAC"));
    };
    if !kind.eq_ignore_ascii_case("MAC") {
        return call.run.refuse(&format!("a routine of kind {kind}"));
    }
    Ok((World::home(&call.run.process.namespace, name).to_owned(), name.to_owned()))
}

/// In IRIS, saving and compiling are two steps. Here the first one compiles, so that no text is ever there which does not.
fn compiled(call: &mut Call<'_, '_>) -> Outcome<Value> {
    let object: Object = call.object()?;
    let (file, text) = (object.text("Name"), streams::text(&object));
    // In a routine's document, its name is not part of the text.
    let name = file.rsplit_once('.').map_or(file.as_str(), |(name, _)| name);
    let text = format!("ROUTINE {name} [Type=MAC]\n{text}");
    let namespace = call.run.process.namespace.clone();
    match call.run.world.compile(&namespace, &file, &text) {
        Ok(_) => Ok(Value::from(1)),
        Err(Fault::Compile(why)) => Ok(status::failure(5475, &[why])),
        Err(Fault::Unsupported(why)) => call.run.refuse(&why),
    }
}

fn load(call: &mut Call<'_, '_>) -> Outcome<Value> {
    let (name, flags) = (call.text(0), call.text(1));
    let path = call.path(0)?;
    let Ok(text) = std::fs::read_to_string(path) else {
        return Ok(status::failure(5012, &[name]));
    };
    let namespace = call.run.process.namespace.clone();
    let result = call.run.world.compile(&namespace, &name, &text);
    // It tells what it does, unless `-d` is among the flags.
    if !flags.contains("-d") {
        let end = if result.is_ok() { "Load finished successfully." } else { "Detected 1 errors during load." };
        call.run.print(&format!("\nLoad started\n{end}\n"))?;
    }
    match result {
        Ok(_) => Ok(Value::from(1)),
        Err(Fault::Compile(why)) => Ok(status::failure(5475, &[why])),
        Err(Fault::Unsupported(why)) => call.run.refuse(&why),
    }
}
