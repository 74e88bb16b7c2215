//! Reads routines and classes with the grammars that InterSystems publishes.
//!
//! A routine is read with `tree-sitter-objectscript-routine`, a class with `tree-sitter-objectscript` (UDL), which
//! reads the bodies of methods into the very same kinds of node. Both see text in which macros are expanded already.
//! Everything in a file is understood, or the file is refused with the line: nothing is left out.

pub mod ast;
mod expressions;
mod macros;
mod names;
mod statements;
mod targets;
mod tree;

pub use tree::Fault;

use ast::{Body, Callable, Class, Command, Entry, Method, MethodKind, Parameter, Routine, Statement};
use statements::Within;
use std::collections::BTreeSet;
use tree::{Read, Source, all_of, child, children, line, parts};
use tree_sitter::{Language, Node, Parser};

/// Types of arguments, properties and results.
const TYPES: &[&str] = &[
    "%Boolean",
    "%DynamicAbstractObject",
    "%DynamicArray",
    "%DynamicObject",
    "%Integer",
    "%List",
    "%Numeric",
    "%RegisteredObject",
    "%Status",
    "%String",
    "%TimeStamp",
    "%Exception.AbstractException",
];

/// # Errors
/// What is no ObjectScript, or is not known to the engine.
pub fn routine(file: &str, text: &str) -> Read<Routine> {
    let without_header = match text.split_once('\n') {
        Some((first, rest)) if first.starts_with("ROUTINE ") => rest,
        // `$system.OBJ.Load` would not know what it is.
        _ => return Err(Fault::Compile(format!("{file}:1: no ROUTINE header"))),
    };
    let text = macros::expand(file, text, false)?;
    let tree = parse(&tree_sitter_objectscript_routine::LANGUAGE_OBJECTSCRIPT_ROUTINE.into(), &text);
    let source = Source { file, text: &text };
    let root = tree.root_node();
    if let Some(error) = tree::error(root) {
        return source.wrong(error, "not ObjectScript");
    }
    let mut routine = Routine {
        name: String::new(),
        file: file.into(),
        text: without_header.into(),
        entries: Vec::new(),
        lines: [].into(),
    };
    let mut lines = Vec::new();
    let mut reachable = true;
    for part in children(root) {
        match part.kind() {
            "routine_definition" => routine.name = source.header(part)?,
            "statement" => match parts(part)[..] {
                [only] if only.kind() == "procedure" => {
                    lines.push(Statement { line: line(only), when: None, command: Command::Wall });
                    routine.entries.push(source.procedure(only)?);
                    reachable = false;
                }
                [only] if only.kind() == "tag_statement" => {
                    routine.entries.push(source.entry(only, Body::Line(lines.len()))?);
                    reachable = true;
                }
                _ if !reachable => return source.unsupported(part, "what follows a procedure without a label"),
                _ => lines.push(source.statement(part, Within::lines())?),
            },
            _ => return source.unsupported(part, "this part of a routine"),
        }
    }
    routine.lines = lines.into();
    match repeated(routine.entries.iter().map(|entry| entry.name.as_str())) {
        Some(name) => source.wrong(root, &format!("the label {name} stands there twice")),
        None => Ok(routine),
    }
}

/// # Errors
/// What is no class, or is not known to the engine.
pub fn class(file: &str, text: &str) -> Read<Class> {
    let text = macros::expand(file, text, true)?;
    let tree = parse(&tree_sitter_objectscript::LANGUAGE_OBJECTSCRIPT_UDL.into(), &text);
    let source = Source { file, text: &text };
    let root = tree.root_node();
    if let Some(error) = tree::error(root) {
        return source.wrong(error, "no class definition");
    }
    let Some(definition) = child(root, "class_definition") else {
        return source.unsupported(root, "a file without a class");
    };
    source.types(definition)?;
    let name = child(definition, "class_name").map(|name| source.name(name)).unwrap_or_default();
    let extends = child(definition, "class_extends").map(|list| all_of(list, "class_name")).unwrap_or_default();
    let mut class = Class {
        name,
        file: file.into(),
        extends: extends.into_iter().map(|name| source.name(name)).collect(),
        parameters: Vec::new(),
        properties: Vec::new(),
        methods: Vec::new(),
    };
    for statement in child(definition, "class_body").map(parts).unwrap_or_default() {
        let [member] = parts(statement)[..] else {
            return source.unsupported(statement, "the member");
        };
        match member.kind() {
            "parameter" => {
                let name = child(member, "parameter_name").map(|name| source.name(name)).unwrap_or_default();
                let Some(value) = source.default_value(member)? else {
                    return source.unsupported(member, "a parameter without a value");
                };
                class.parameters.push((name, value));
            }
            "property" => {
                let name = child(member, "property_name").map(|name| source.name(name)).unwrap_or_default();
                if source.text(member).contains("InitialExpression") {
                    return source.unsupported(member, "an initial expression");
                }
                class.properties.push((name, None));
            }
            "method" => class.methods.push(source.method(member, MethodKind::Instance)?),
            "classmethod" => class.methods.push(source.method(member, MethodKind::Class)?),
            _ => return source.unsupported(member, "the member"),
        }
    }
    let names =
        class.methods.iter().map(|method| &method.entry.name).chain(class.properties.iter().map(|(name, _)| name));
    if let Some(name) = repeated(names.chain(class.parameters.iter().map(|(name, _)| name)).map(String::as_str)) {
        return source.wrong(root, &format!("the member {name} stands there twice"));
    }
    Ok(class)
}

fn repeated<'n>(names: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    let mut seen = BTreeSet::new();
    names.into_iter().find(|name| !seen.insert(*name))
}

fn parse(language: &Language, text: &str) -> tree_sitter::Tree {
    let mut parser = Parser::new();
    parser.set_language(language).expect("the grammar fits the parser");
    parser.parse(text, None).expect("nothing interrupts the parser")
}

impl<'t> Source<'t> {
    /// The routine's name, of a file that holds the source of one.
    fn header(&self, node: Node<'t>) -> Read<String> {
        let kind = child(node, "routine_type").map_or("[Type=MAC]", |kind| self.text(kind));
        match child(node, "routine_name") {
            Some(name) if kind.eq_ignore_ascii_case("[Type=MAC]") => Ok(self.text(name).to_owned()),
            _ => self.unsupported(node, "the header"),
        }
    }

    fn procedure(&self, node: Node<'t>) -> Read<Entry> {
        let known = ["tag", "parameter_list", "procedure_pub_vars"];
        let public = child(node, "procedure_pub_vars").map(|list| all_of(list, "lvn")).unwrap_or_default();
        let public_variables: Vec<_> = public.into_iter().map(|name| self.identifier(name)).collect::<Read<_>>()?;
        let block = self.block(node, Within::procedure(&public_variables), &known)?;
        let callable = if child(node, "keyword_public").is_some() { Callable::Anywhere } else { Callable::Here };
        self.entry(node, Body::Procedure { public_variables, callable, block })
    }

    fn entry(&self, node: Node<'t>, body: Body) -> Read<Entry> {
        let Some(tag) = child(node, "tag") else {
            return self.unsupported(node, "a label without a name");
        };
        let list = child(node, "parameter_list").map(|list| all_of(list, "tag_parameter")).unwrap_or_default();
        let parameters = self.parameters(node, list)?;
        Ok(Entry { name: self.identifier(tag)?, line: line(tag), parameters, body })
    }

    fn parameters(&self, node: Node<'t>, list: Vec<Node<'t>>) -> Read<Vec<Parameter>> {
        let parameters: Vec<_> = list.into_iter().map(|parameter| self.parameter(parameter)).collect::<Read<_>>()?;
        if repeated(parameters.iter().map(|parameter| parameter.name.as_str())).is_some() {
            return self.wrong(node, "a parameter stands there twice");
        }
        if parameters.iter().rev().skip(1).any(|parameter| parameter.variadic) {
            return self.wrong(node, "a parameter follows the one for the rest");
        }
        Ok(parameters)
    }

    /// Of a procedure or a method.
    fn parameter(&self, node: Node<'t>) -> Read<Parameter> {
        let Some(given) = child(node, "method_arg") else {
            return self.unsupported(node, "the parameter");
        };
        let [inner] = parts(given)[..] else {
            return self.unsupported(node, "the parameter");
        };
        let Some(variable) = child(inner, "lvn") else {
            return self.unsupported(node, "the parameter");
        };
        let default = match child(node, "expression") {
            Some(default) => Some(self.expression(default)?),
            None => self.default_value(node)?,
        };
        let name = self.identifier(variable)?;
        Ok(Parameter { name, default, variadic: inner.kind() == "variadic_arg" })
    }

    fn default_value(&self, node: Node<'t>) -> Read<Option<ast::Expression>> {
        let Some(value) = child(node, "default_argument_value") else {
            return Ok(None);
        };
        match parts(value)[..] {
            [only] => Ok(Some(self.expression(only)?)),
            _ => self.unsupported(value, "the value"),
        }
    }

    /// Nothing depends on a type here, but a misspelt one does not compile.
    fn types(&self, node: Node<'t>) -> Read<()> {
        if node.kind() == "typename" {
            let name = child(node, "identifier").map(|name| self.text(name)).unwrap_or_default();
            let short = name.strip_prefix("%Library.").map_or_else(|| name.to_owned(), |short| format!("%{short}"));
            if !TYPES.contains(&short.as_str()) {
                return self.unsupported(node, "the type");
            }
        }
        children(node).into_iter().try_for_each(|part| self.types(part))
    }

    fn method(&self, node: Node<'t>, kind: MethodKind) -> Read<Method> {
        let Some(definition) = child(node, "method_definition") else {
            return self.unsupported(node, "the method");
        };
        let keywords = child(definition, "method_keywords").map(|list| self.text(list).to_ascii_lowercase());
        let keywords = keywords.unwrap_or_default();
        if ["language", "codemode", "procedureblock", "abstract", "publiclist", "forcegenerate"]
            .iter()
            .any(|keyword| keywords.contains(keyword))
        {
            return self.unsupported(definition, "a keyword of the method");
        }
        let known = ["method_name", "arguments", "return_type", "method_keywords"];
        let block = self.block(definition, Within::procedure(&[]), &known)?;
        let list = child(definition, "arguments").map(|list| all_of(list, "argument")).unwrap_or_default();
        let entry = Entry {
            name: child(definition, "method_name").map(|name| self.name(name)).unwrap_or_default(),
            line: line(definition),
            parameters: self.parameters(definition, list)?,
            body: Body::Procedure { public_variables: Vec::new(), callable: Callable::Anywhere, block },
        };
        Ok(Method { kind, entry })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_known_is_refused_with_its_line() {
        let refused = |body: &str| match routine("x.mac", &format!("ROUTINE X\nP() {{\n    {body}\n}}\n")) {
            Err(Fault::Unsupported(why)) if why.starts_with("x.mac:3: ") => {}
            other => panic!("{body}: {other:?}"),
        };
        for body in ["xecute \"quit\"", "set @a = 1", "set a = $query(b)", "goto P", "set a = $bit(1)"] {
            refused(body);
        }
        let wrong = routine("x.mac", "ROUTINE X\nP() {\n    try {\n        quit 1\n    } catch e {\n    }\n}\n");
        assert!(matches!(&wrong, Err(Fault::Compile(why)) if why.starts_with("x.mac:4: ")), "{wrong:?}");
    }
}
