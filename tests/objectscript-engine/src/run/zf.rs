//! `$ZF(-3)` to `$ZF(-6)`.

use super::{Given, Run};
use crate::{
    iris::{callouts::Missing, errors::Outcome},
    source::ast::Argument,
    value::Value,
};

/// What begins after the numbers that say what to do.
const MOST_ARGUMENTS: usize = 32;

impl Run<'_> {
    pub(crate) fn callout(&mut self, arguments: &[Argument]) -> Outcome<Value> {
        let mut values = Vec::new();
        for given in self.given(arguments)? {
            match given {
                Given::Value(value) => values.push(value),
                Given::Omitted => values.push(Value::empty()),
                Given::Reference(_) => return self.refuse("$zf with an argument by reference"),
            }
        }
        let number = |place: usize| values.get(place).map(|value| value.to_number().to_i64());
        let what = match (number(0), number(1)) {
            (Some(-4), Some(kind)) => format!("$zf(-4,{kind})"),
            (Some(form), _) => format!("$zf({form})"),
            (None, _) => return self.refuse("$zf of nothing"),
        };
        self.ordered(&["$zf", &what])?;
        match (number(0), &values[1..]) {
            (Some(-3), [path]) if path.is_empty() => {
                if let Some((_, library)) = self.process.current_library.take() {
                    self.world.callouts.unload(library);
                }
                Ok(Value::from(0))
            }
            (Some(-3), [path]) => self.current(path).map(|()| Value::from(0)),
            (Some(-3), [path, function, rest @ ..]) => {
                self.current(path)?;
                let Some((_, library)) = self.process.current_library.clone() else {
                    return self.raise("<FUNCTION>", "");
                };
                let function = self.named(library, function)?;
                self.reach(library, function, rest)
            }
            (Some(-4), [_, rest @ ..]) => self.manage(number(1).unwrap_or(0), rest),
            (Some(-5), [library, function, rest @ ..]) => {
                let library = self.loaded(library)?;
                match u32::try_from(function.to_number().to_i64()) {
                    Ok(function) => self.reach(library, function, rest),
                    Err(_) => self.raise("<FUNCTION>", ""),
                }
            }
            (Some(-6), [index]) => {
                let index = index.to_number().to_i64();
                self.path_of(index).map(Value::from)
            }
            (Some(-6), [index, function, rest @ ..]) => {
                let index = index.to_number().to_i64();
                let library = match self.process.by_index.get(&index) {
                    Some(library) => *library,
                    None => {
                        let path = self.path_of(index)?;
                        let library = self.open(&path)?;
                        self.process.by_index.insert(index, library);
                        library
                    }
                };
                let function = u32::try_from(function.to_number().to_i64()).unwrap_or(0);
                self.reach(library, function, rest)
            }
            _ => self.refuse(&format!("{what} with {} arguments is not known to the engine", values.len())),
        }
    }

    /// Makes a library the one of `$ZF(-3)`: an empty path keeps the one that is there.
    fn current(&mut self, path: &Value) -> Outcome<()> {
        let path = path.to_text().to_string();
        let current = self.process.current_library.clone();
        match current {
            _ if path.is_empty() => Ok(()),
            Some((known, _)) if known == path => Ok(()),
            other => {
                if let Some((_, old)) = other {
                    self.world.callouts.unload(old);
                    self.process.current_library = None;
                }
                let library = self.open(&path)?;
                self.process.current_library = Some((path, library));
                Ok(())
            }
        }
    }

    fn open(&mut self, path: &str) -> Outcome<u32> {
        match self.world.callouts.load(path) {
            Ok(library) => Ok(library),
            Err(_) => self.raise("<DYNAMIC LIBRARY LOAD>", ""),
        }
    }

    fn missing(&self, missing: Missing) -> Outcome<Value> {
        match missing {
            Missing::Error(name) => self.raise(name, ""),
            Missing::Zero => Ok(Value::from(0)),
        }
    }

    fn loaded(&self, library: &Value) -> Outcome<u32> {
        let library = u32::try_from(library.to_number().to_i64()).unwrap_or(0);
        if self.process.libraries.contains(&library) { Ok(library) } else { self.raise("<FUNCTION>", "") }
    }

    fn named(&mut self, library: u32, function: &Value) -> Outcome<u32> {
        // By its number, where one is given.
        if let Value::Number(number) = function {
            return u32::try_from(number.to_i64()).or_else(|_| self.raise("<FUNCTION>", ""));
        }
        match self.world.callouts.function(library, &function.to_text()) {
            Some(function) => Ok(function),
            None => self.raise("<FUNCTION>", ""),
        }
    }

    fn reach(&mut self, library: u32, function: u32, arguments: &[Value]) -> Outcome<Value> {
        if arguments.len() > MOST_ARGUMENTS {
            return self.raise("<FUNCTION>", "");
        }
        let arguments: Vec<String> = arguments.iter().map(|value| value.to_text().to_string()).collect();
        self.world.callouts.clock(self.world.now);
        match self.world.callouts.call(library, function, &arguments) {
            Ok(answer) => {
                self.world.advance(answer.seconds);
                Ok(Value::from(answer.text))
            }
            Err(_) => self.raise("<FUNCTION>", ""),
        }
    }

    fn path_of(&self, index: i64) -> Outcome<String> {
        let own = self.process.process_index.get(&index);
        match own.or_else(|| self.world.system_index.get(&index)) {
            Some(path) => Ok(path.clone()),
            None => self.raise("<FUNCTION>", ""),
        }
    }

    /// `$ZF(-4)`.
    fn manage(&mut self, kind: i64, rest: &[Value]) -> Outcome<Value> {
        let index = rest.first().map(|value| value.to_number().to_i64());
        let path = rest.get(1).map(|value| value.to_text().to_string());
        match (kind, rest) {
            (1, [path]) => {
                let Ok(library) = self.world.callouts.load(&path.to_text()) else {
                    return self.missing(self.world.missing_library);
                };
                self.process.libraries.push(library);
                return Ok(Value::from(i64::from(library)));
            }
            (2, []) => {
                for library in std::mem::take(&mut self.process.libraries) {
                    self.world.callouts.unload(library);
                }
                for (_, library) in std::mem::take(&mut self.process.by_index) {
                    self.world.callouts.unload(library);
                }
            }
            (2, [library] | [library, _]) => {
                let id = self.loaded(library)?;
                let one_only = rest.get(1).is_some_and(Value::is_true);
                // Each load of the same library counts; without the flag all of them end.
                while let Some(place) = self.process.libraries.iter().position(|known| *known == id) {
                    self.process.libraries.remove(place);
                    self.world.callouts.unload(id);
                    if one_only {
                        break;
                    }
                }
            }
            (3, [library, function]) => {
                let library = self.loaded(library)?;
                return match self.world.callouts.function(library, &function.to_text()) {
                    Some(number) => Ok(Value::from(i64::from(number))),
                    None => self.missing(self.world.missing_function),
                };
            }
            (4, [_] | [_, _]) => {
                if let Some(library) = index.and_then(|index| self.process.by_index.remove(&index)) {
                    self.world.callouts.unload(library);
                }
            }
            (5, [_, _]) => drop(self.world.system_index.insert(index.unwrap_or(0), path.unwrap_or_default())),
            (6, [_]) => drop(self.world.system_index.remove(&index.unwrap_or(0))),
            (7, [_, _]) => drop(self.process.process_index.insert(index.unwrap_or(0), path.unwrap_or_default())),
            (8, [_]) => drop(self.process.process_index.remove(&index.unwrap_or(0))),
            (8, []) => self.process.process_index.clear(),
            _ => return self.refuse(&format!("$zf(-4,{kind}) with {} arguments", rest.len())),
        }
        Ok(Value::from(0))
    }
}
