//! Expressions, targets and arguments, from the grammar's tree.

use super::{
    ast::{Argument, Expression, Json, Operator, Target},
    names,
    tree::{Read, Source, all_of, child, children, parts},
};
use crate::value::Decimal;
use tree_sitter::Node;

impl<'t> Source<'t> {
    pub fn expression(&self, node: Node<'t>) -> Read<Expression> {
        match node.kind() {
            "expression" => self.chain(node),
            "string_literal" => Ok(Expression::Text(self.string(node).into())),
            "json_string_literal" => match serde_json::from_str::<String>(self.text(node)) {
                Ok(text) => Ok(Expression::Text(text.into())),
                Err(_) => self.wrong(node, "not a JSON text"),
            },
            "numeric_literal" => Ok(Expression::Number(Decimal::leading(self.text(node)))),
            "lvn" | "gvn" | "system_defined_variable" if self.text(node).eq_ignore_ascii_case("$this") => {
                Ok(Expression::This)
            }
            "lvn" | "gvn" | "system_defined_variable" => Ok(Expression::Variable(Box::new(self.target(node)?))),
            "unary_expression" => {
                let operator = self.text(node).chars().next().unwrap_or_default();
                match (operator, child(node, "expression")) {
                    ('+' | '-' | '\'', Some(inner)) => {
                        Ok(Expression::Unary(operator, Box::new(self.expression(inner)?)))
                    }
                    _ => self.unsupported(node, "the operator"),
                }
            }
            "system_defined_function" => self.function(node),
            "class_method_call" => {
                self.has_only(node, &["class_ref", "method_name", "method_args"])?;
                let (Some(class), Some(method)) = (child(node, "class_ref"), child(node, "method_name")) else {
                    return self.unsupported(node, "the call");
                };
                Ok(Expression::ClassMethod {
                    class: self.class_name(class)?,
                    method: self.name(method),
                    arguments: self.arguments_of(node)?,
                })
            }
            "extrinsic_function" | "routine_tag_call" => self.call(node),
            "relative_dot_method" | "relative_dot_property" | "relative_dot_parameter" => {
                self.segment(Expression::This, parts(node)[0])
            }
            "superclass_method_call" => {
                self.has_only(node, &["method_args"])?;
                Ok(Expression::Super(self.arguments_of(node)?))
            }
            "oref_chain_expr" => self.segments(&children(node)),
            "json_object_literal" => {
                self.has_only(node, &["json_object_literal_pair"])?;
                let pairs = all_of(node, "json_object_literal_pair").into_iter().map(|pair| {
                    let key = child(pair, "json_string_literal").unwrap_or(pair);
                    let Expression::Text(name) = self.expression(key)? else {
                        return self.unsupported(pair, "the key");
                    };
                    let values = parts(pair);
                    let Some(value) = values.last().filter(|_| values.len() == 2) else {
                        return self.unsupported(pair, "the pair");
                    };
                    Ok((name.to_string(), self.json(*value)?))
                });
                Ok(Expression::Object(pairs.collect::<Read<_>>()?))
            }
            "json_array_literal" => {
                Ok(Expression::Array(parts(node).into_iter().map(|item| self.json(item)).collect::<Read<_>>()?))
            }
            _ => self.unsupported(node, "the expression"),
        }
    }

    fn json(&self, node: Node<'t>) -> Read<Json> {
        Ok(match (node.kind(), self.text(node)) {
            ("json_boolean_literal", text) => Json::Boolean(text.eq_ignore_ascii_case("true")),
            ("json_null_literal", _) => Json::Null,
            _ => Json::Value(self.expression(node)?),
        })
    }

    /// First operand, then operators with their right operands, flat.
    fn chain(&self, node: Node<'t>) -> Read<Expression> {
        let mut rest = children(node).into_iter().filter(|part| !matches!(part.kind(), "(" | ")"));
        let Some(first) = rest.next() else {
            return self.unsupported(node, "the expression");
        };
        let first = self.expression(first)?;
        let mut pairs = Vec::new();
        while let Some(next) = rest.next() {
            match next.kind() {
                "binary_operator" => {
                    let Some(right) = rest.next() else {
                        return self.unsupported(node, "the expression");
                    };
                    pairs.push((self.operator(next)?, self.expression(right)?));
                }
                "pattern_operator" => {
                    let Some(pattern) = child(next, "pattern_expression") else {
                        return self.unsupported(next, "the pattern");
                    };
                    let operator = Operator::Pattern(self.text(pattern).to_owned());
                    let negated = self.text(next).starts_with('\'');
                    let operator = if negated { Operator::Not(Box::new(operator)) } else { operator };
                    pairs.push((operator, Expression::Text("".into())));
                }
                _ => return self.unsupported(next, "what follows an operand"),
            }
        }
        Ok(if pairs.is_empty() { first } else { Expression::Chain(Box::new(first), pairs) })
    }

    fn operator(&self, node: Node<'t>) -> Read<Operator> {
        let text = self.text(node);
        if let Some(positive) = text.strip_prefix('\'') {
            return match positive {
                "=" | "<" | ">" | "[" | "]" | "]]" | "&" | "!" => match simple(positive) {
                    Some(operator) => Ok(Operator::Not(Box::new(operator))),
                    None => self.unsupported(node, "the operator"),
                },
                _ => self.unsupported(node, "the operator"),
            };
        }
        match simple(text) {
            Some(operator) => Ok(operator),
            None => self.unsupported(node, "the operator"),
        }
    }

    fn segments(&self, nodes: &[Node<'t>]) -> Read<Expression> {
        let mut nodes = nodes.iter().filter(|node| !matches!(node.kind(), "." | "(" | ")"));
        let Some(first) = nodes.next() else {
            unreachable!("a chain of nothing");
        };
        if first.kind() == "class_ref" {
            let (class, next) = (self.class_name(*first)?, nodes.next());
            let mut result = match next.map(|node| parts(*node)[0]) {
                Some(next) if next.kind() == "oref_parameter" => {
                    Expression::ClassParameter { class: Some(class), name: self.name(parts(next)[0]) }
                }
                Some(next) if next.kind() == "oref_method" => {
                    let method = self.name(child(next, "method_name").unwrap_or(next));
                    Expression::ClassMethod { class, method, arguments: self.arguments_of(next)? }
                }
                _ => return self.unsupported(*first, "what follows the class"),
            };
            for node in nodes {
                result = self.segment(result, *node)?;
            }
            return Ok(result);
        }
        let mut result = self.expression(*first)?;
        for node in nodes {
            result = self.segment(result, *node)?;
        }
        Ok(result)
    }

    /// One method, property or parameter after a dot.
    fn segment(&self, object: Expression, node: Node<'t>) -> Read<Expression> {
        match node.kind() {
            "oref_chain_segment" => self.segment(object, parts(node)[0]),
            "oref_method" => {
                self.has_only(node, &["method_name", "method_args"])?;
                Ok(Expression::Method {
                    object: Box::new(object),
                    name: self.name(child(node, "method_name").unwrap_or(node)),
                    arguments: self.arguments_of(node)?,
                })
            }
            "oref_property" => Ok(Expression::Property(Box::new(object), self.name(node))),
            "oref_parameter" if matches!(object, Expression::This) => Ok(Expression::ClassParameter {
                class: None,
                name: self.name(child(node, "parameter_name").unwrap_or(node)),
            }),
            _ => self.unsupported(node, "the part of an object"),
        }
    }

    pub fn function(&self, node: Node<'t>) -> Read<Expression> {
        let text = self.text(node);
        if text.get(..8).is_some_and(|start| start.eq_ignore_ascii_case("$system.")) {
            // Of `$system.A.B.C()`, the grammar makes a method B without arguments and its result's C.
            self.has_only(node, &["class_name", "method_name", "method_args"])?;
            let (Some(class), Some(method)) = (child(node, "class_name"), child(node, "method_name")) else {
                return self.unsupported(node, "the call");
            };
            let class = format!("%SYSTEM.{}", self.name(class));
            return Ok(Expression::ClassMethod {
                class,
                method: self.name(method),
                arguments: self.arguments_of(node)?,
            });
        }
        let Some((name, counts)) = names::function(text) else {
            return self.unsupported(node, "the function");
        };
        let slots = self.slots(node);
        match name {
            "select" => {
                let pairs = slots.into_iter().map(|slot| match slot[..] {
                    [pair] if pair.kind() == "dollar_arg_pair" => self.pair(pair),
                    _ => self.unsupported(node, "the argument"),
                });
                Ok(Expression::Select(pairs.collect::<Read<_>>()?))
            }
            "case" => {
                let mut slots = slots.into_iter();
                let Some([subject]) = slots.next().as_deref().and_then(|slot| slot.first_chunk::<1>()).copied() else {
                    return self.unsupported(node, "the argument");
                };
                let pairs = slots.map(|slot| match slot[..] {
                    [pair] if pair.kind() == "dollar_arg_pair" => {
                        self.pair(pair).map(|(value, result)| (Some(value), result))
                    }
                    [colon, default] if colon.kind() == ":" => Ok((None, self.expression(default)?)),
                    _ => self.unsupported(node, "the argument"),
                });
                let pairs = pairs.collect::<Read<_>>()?;
                Ok(Expression::Case(Box::new(self.expression(subject)?), pairs))
            }
            _ => {
                let arguments = slots.into_iter().map(|slot| match slot[..] {
                    [] => Ok(Argument::Omitted),
                    [one] => self.argument(one),
                    _ => self.unsupported(node, "the argument"),
                });
                let arguments = arguments.collect::<Read<Vec<_>>>()?;
                if !counts.contains(&arguments.len()) {
                    return self.unsupported(node, "the function with so many arguments");
                }
                if !matches!(arguments.first(), Some(Argument::Omitted)) || skips_first(name) {
                    return Ok(Expression::Function { name: name.to_owned(), arguments });
                }
                self.unsupported(node, "the function without its first argument")
            }
        }
    }

    fn pair(&self, node: Node<'t>) -> Read<(Expression, Expression)> {
        match parts(node)[..] {
            [left, right] => Ok((self.expression(left)?, self.expression(right)?)),
            _ => self.unsupported(node, "the argument"),
        }
    }

    /// What stands between the commas of a node.
    fn slots(&self, node: Node<'t>) -> Vec<Vec<Node<'t>>> {
        let mut slots = vec![Vec::new()];
        for part in children(node) {
            match part.kind() {
                "(" | ")" => {}
                "," => slots.push(Vec::new()),
                kind if !part.is_named() && kind.starts_with('$') => {}
                _ => slots.last_mut().expect("one at least").push(part),
            }
        }
        if matches!(slots[..], [ref only] if only.is_empty()) { Vec::new() } else { slots }
    }

    /// The arguments in a node's `method_args`; none without one.
    pub fn arguments_of(&self, node: Node<'t>) -> Read<Vec<Argument>> {
        let Some(list) = child(node, "method_args") else {
            return Ok(Vec::new());
        };
        let arguments = self.slots(list).into_iter().map(|slot| match slot[..] {
            [] => Ok(Argument::Omitted),
            [one] => self.argument(one),
            _ => self.unsupported(list, "the argument"),
        });
        arguments.collect()
    }

    fn argument(&self, node: Node<'t>) -> Read<Argument> {
        match node.kind() {
            "method_arg" => match parts(node)[..] {
                [only] => self.argument(only),
                _ => self.unsupported(node, "the argument"),
            },
            "byref_arg" => match parts(node)[..] {
                [variable] if variable.kind() == "lvn" => match self.target(variable)? {
                    Target::Local { subscripts, .. } if !subscripts.is_empty() => {
                        self.wrong(node, "a reference to a part of a variable")
                    }
                    target => Ok(Argument::Reference(target)),
                },
                _ => self.unsupported(node, "the reference"),
            },
            "variadic_arg" => match child(node, "lvn") {
                Some(list) => Ok(Argument::Variadic(self.text(list).to_owned())),
                None => self.unsupported(node, "the argument"),
            },
            "dollar_func_pos" => {
                let back = child(node, "expression").map(|back| self.expression(back)).transpose()?;
                if back.is_some() && !children(node).iter().any(|part| part.kind() == "-") {
                    return self.unsupported(node, "the place");
                }
                Ok(Argument::Value(Expression::End(back.map(Box::new))))
            }
            _ => Ok(Argument::Value(self.expression(node)?)),
        }
    }

    /// `do` and `job` arguments: a call of any kind, whose object may stand in front of it as siblings.
    pub fn callee(&self, nodes: &[Node<'t>]) -> Read<Expression> {
        self.segments(nodes)
    }

    fn class_name(&self, node: Node<'t>) -> Read<String> {
        self.has_only(node, &["class_name"])?;
        match child(node, "class_name") {
            Some(name) => Ok(self.name(name)),
            None => self.unsupported(node, "the class"),
        }
    }

    /// A name without the quotes that unusual ones have.
    pub fn name(&self, node: Node<'t>) -> String {
        let text = self.text(node).trim_start_matches(['#', '.']);
        match text.strip_prefix('"').and_then(|text| text.strip_suffix('"')) {
            Some(inner) => inner.replace("\"\"", "\""),
            None => text.to_owned(),
        }
    }

    pub fn string(&self, node: Node<'t>) -> String {
        let text = self.text(node);
        text.get(1..text.len() - 1).unwrap_or_default().replace("\"\"", "\"")
    }
}

/// `$classmethod(, "M")` is for the class that the code runs for, and a list may begin with nothing.
fn skips_first(function: &str) -> bool {
    matches!(function, "classmethod" | "method" | "listbuild")
}

fn simple(text: &str) -> Option<Operator> {
    Some(match text {
        "+" => Operator::Plus,
        "-" => Operator::Minus,
        "*" => Operator::Times,
        "/" => Operator::Over,
        "\\" => Operator::Quotient,
        "#" => Operator::Modulo,
        "**" => Operator::Power,
        "_" => Operator::Concatenate,
        "=" => Operator::Equal,
        "<" => Operator::Less,
        ">" => Operator::Greater,
        "<=" => Operator::LessOrEqual,
        ">=" => Operator::GreaterOrEqual,
        "[" => Operator::Contains,
        "]" => Operator::Follows,
        "]]" => Operator::SortsAfter,
        "&&" => Operator::And,
        "&" => Operator::BothAnd,
        "||" => Operator::Or,
        "!" => Operator::BothOr,
        _ => return None,
    })
}
