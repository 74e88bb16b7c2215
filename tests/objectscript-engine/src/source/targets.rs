//! Labels that are called, and what can be set: from the grammar's tree.

use super::{
    ast::{Argument, Expression, Label, Target},
    names,
    tree::{Read, Source, child, children, parts},
};
use tree_sitter::Node;

impl<'t> Source<'t> {
    pub fn call(&self, node: Node<'t>) -> Read<Expression> {
        self.has_only(node, &["line_ref", "method_name", "routine_ref", "label_offset", "indirection", "method_args"])?;
        let reference = child(node, "line_ref").unwrap_or(node);
        let mut label = Label { name: String::new(), routine: None, namespace: None };
        for part in children(reference) {
            match part.kind() {
                "method_name" => label.name = self.identifier(part)?,
                "routine_ref" => {
                    for piece in children(part) {
                        match piece.kind() {
                            "^" | "|" | "[" | "]" => {}
                            "string_literal" => label.namespace = Some(self.string(piece)),
                            "routine_name" => label.routine = Some(self.text(piece).to_owned()),
                            _ => return self.unsupported(part, "the routine"),
                        }
                    }
                }
                "method_args" | "$$" => {}
                _ => return self.unsupported(part, "the label"),
            }
        }
        Ok(Expression::Call { label, arguments: self.arguments_of(node)? })
    }

    pub fn target(&self, node: Node<'t>) -> Read<Target> {
        match node.kind() {
            "set_target" | "expression" | "lock_arg" | "kill_target" => match parts(node)[..] {
                [only] => self.target(only),
                _ => self.unsupported(node, "the target"),
            },
            "lvn" => {
                let name = parts(node)[0];
                Ok(Target::Local { name: self.identifier(name)?, subscripts: self.subscripts(node)? })
            }
            "gvn" => {
                let mut namespace = None;
                let mut name = "";
                for part in children(node) {
                    match part.kind() {
                        "^" | "|" | "[" | "]" | "method_args" => {}
                        "expression" => namespace = Some(Box::new(self.expression(part)?)),
                        "identifier" => name = self.text(part),
                        _ => return self.unsupported(part, "the global"),
                    }
                }
                if name.is_empty() {
                    return self.unsupported(node, "a global without a name");
                }
                Ok(Target::Global { name: name.to_owned(), namespace, subscripts: self.subscripts(node)? })
            }
            "system_defined_variable" => match names::variable(self.text(node)) {
                Some(name) => Ok(Target::Special(name.to_owned())),
                None => self.unsupported(node, "the variable"),
            },
            "oref_chain_expr" | "relative_dot_property" => match self.expression(node)? {
                Expression::Property(object, name) => Ok(Target::Property(object, name)),
                _ => self.unsupported(node, "the target"),
            },
            "system_defined_function" => match self.function(node)? {
                Expression::Function { name, arguments } if matches!(name.as_str(), "piece" | "extract" | "list") => {
                    Ok(Target::Part { function: name, arguments })
                }
                _ => self.unsupported(node, "the target"),
            },
            _ => self.unsupported(node, "the target"),
        }
    }

    fn subscripts(&self, node: Node<'t>) -> Read<Vec<Expression>> {
        let arguments = self.arguments_of(node)?.into_iter().map(|argument| match argument {
            Argument::Value(expression) => Ok(expression),
            _ => self.unsupported(node, "the subscript"),
        });
        let subscripts: Vec<_> = arguments.collect::<Read<_>>()?;
        if subscripts.is_empty() && child(node, "method_args").is_some() {
            return self.wrong(node, "parentheses without a subscript");
        }
        Ok(subscripts)
    }
}
