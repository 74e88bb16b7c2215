//! The rules, on the trees of all files together.

use super::{FUNCTIONS, ROUTINES, UNATTENDED};
use std::collections::{BTreeMap, BTreeSet};
use tree_sitter::{Node, Parser, Tree};

/// Every fault, as `rule: file:line: what`.
pub fn faults(sources: &BTreeMap<&'static str, String>) -> Vec<String> {
    let mut parser = Parser::new();
    let language = tree_sitter_objectscript_routine::LANGUAGE_OBJECTSCRIPT_ROUTINE;
    parser.set_language(&language.into()).expect("the grammar's version");
    let trees: Vec<(&str, &str, Tree)> =
        sources.iter().map(|(file, text)| (*file, text.as_str(), parser.parse(text, None).expect("a tree"))).collect();

    let syntax: Vec<String> = trees.iter().flat_map(|(file, _, tree)| syntax(file, tree)).collect();
    if !syntax.is_empty() {
        // A tree with a hole in it says nothing reliable about the rest.
        return syntax;
    }
    let mut faults = Vec::new();
    let files: Vec<File> =
        trees.iter().map(|(file, text, tree)| File::new(file, text, tree.root_node(), &mut faults)).collect();
    let code = Code::new(&files);
    faults.extend(code.entries());
    faults.extend(code.calls());
    faults.extend(code.functions());
    faults.extend(code.quits());
    faults.extend(code.order());
    faults.extend(code.variables());
    faults.extend(code.macros());
    faults.extend(code.devices());
    faults.extend(code.throws());
    faults.extend(code.answers());
    faults.extend(code.jobs());
    faults
}

fn syntax(file: &str, tree: &Tree) -> Vec<String> {
    let bad = all(tree.root_node()).into_iter().filter(|node| node.is_error() || node.is_missing());
    bad.map(|node| format!("syntax: {file}:{}: {}", line(node), node.to_sexp())).collect()
}

struct File<'t> {
    name: &'t str,
    text: &'t str,
    root: Node<'t>,
    routine: &'t str,
}

impl<'t> File<'t> {
    fn new(name: &'t str, text: &'t str, root: Node<'t>, faults: &mut Vec<String>) -> Self {
        let expected = ROUTINES.iter().find(|(file, ..)| *file == name).expect("a known file").1;
        let header = text.lines().next().unwrap_or_default();
        if header != format!("ROUTINE {expected} [Type=MAC]") {
            faults.push(format!("header: {name}:1: {header:?} is not the header of {expected}"));
        }
        File { name, text, root, routine: expected }
    }

    fn text(&self, node: Node) -> &'t str {
        &self.text[node.byte_range()]
    }

    fn at(&self, node: Node) -> String {
        format!("{}:{}: {}", self.name, line(node), self.text(node).lines().next().unwrap_or_default())
    }
}

/// A label of a routine; the empty label is the code above the first one.
type Name<'t> = (&'t str, &'t str);

struct Procedure<'t> {
    node: Node<'t>,
    parameters: Vec<&'t str>,
    public: bool,
}

struct Call<'t> {
    node: Node<'t>,
    within: Name<'t>,
    target: Name<'t>,
    arguments: Vec<Option<Node<'t>>>,
}

/// All files together: who is there, and who calls whom.
struct Code<'f, 't> {
    files: &'f [File<'t>],
    procedures: BTreeMap<Name<'t>, Procedure<'t>>,
    calls: Vec<Call<'t>>,
}

impl<'f, 't> Code<'f, 't> {
    fn new(files: &'f [File<'t>]) -> Self {
        let mut code = Code { files, procedures: BTreeMap::new(), calls: Vec::new() };
        for file in files {
            for node in all(file.root) {
                match node.kind() {
                    "procedure" => {
                        let label = child(node, "tag").map_or("", |tag| file.text(tag));
                        let list = child(node, "parameter_list").map(children).unwrap_or_default();
                        let parameters = list.into_iter().filter(|item| item.kind() == "tag_parameter");
                        let procedure = Procedure {
                            node,
                            parameters: parameters
                                .flat_map(all)
                                .filter(|item| item.kind() == "lvn")
                                .map(|item| file.text(item))
                                .collect(),
                            public: child(node, "keyword_public").is_some(),
                        };
                        code.procedures.insert((file.routine, label), procedure);
                    }
                    "routine_tag_call" | "extrinsic_function" => code.calls.push(call(file, node)),
                    _ => {}
                }
            }
        }
        code
    }

    fn file(&self, routine: &str) -> &'f File<'t> {
        self.files.iter().find(|file| file.routine == routine).expect("a known routine")
    }

    /// Every node of every file.
    fn nodes(&self) -> impl Iterator<Item = (&'f File<'t>, Node<'t>)> {
        self.files.iter().flat_map(|file| all(file.root).into_iter().map(move |node| (file, node)))
    }

    /// What others rely on is there, and can be called from outside.
    fn entries(&self) -> Vec<String> {
        let wanted =
            ROUTINES.iter().flat_map(|(_, routine, labels)| labels.iter().map(move |label| (*routine, *label)));
        wanted
            .filter(|name| !self.procedures.get(name).is_some_and(|procedure| procedure.public))
            .map(|(routine, label)| format!("entry: {label}^{routine} is missing or not public"))
            .collect()
    }

    /// Whatever is called is there, can be seen from where it is called, and takes as many arguments.
    fn calls(&self) -> Vec<String> {
        let mut faults = Vec::new();
        for call in &self.calls {
            let at = self.file(call.within.0).at(call.node);
            match self.procedures.get(&call.target) {
                None => faults.push(format!("call: {at}: there is no {}^{}", call.target.1, call.target.0)),
                Some(target) if !target.public && call.target.0 != call.within.0 => {
                    faults.push(format!("call: {at}: {}^{} is private", call.target.1, call.target.0));
                }
                Some(target) if target.parameters.len() != call.arguments.len() => {
                    faults.push(format!("call: {at}: {} arguments for {:?}", call.arguments.len(), target.parameters));
                }
                Some(_) => {}
            }
        }
        faults
    }

    /// Whatever is looked up in the library is a name of its callout table, and nothing is called that was not looked up.
    fn functions(&self) -> Vec<String> {
        let mut faults = Vec::new();
        let mut looked_up = BTreeSet::new();
        for (file, node) in self.nodes().filter(|(file, node)| is_function(file, *node, "$zf(")) {
            let arguments = arguments(node);
            let texts: Vec<&str> = arguments.iter().map(|node| node.map_or("", |node| file.text(node))).collect();
            match texts.as_slice() {
                ["-4", "1", _] | ["-4", "2", _] | ["-5", _, "functionId"] | ["-5", _, "functionId", _] => {}
                ["-4", "3", _, _] => match self.values(arguments[3], within(file, node), 0) {
                    Ok(names) => looked_up.extend(names),
                    Err(why) => faults.push(format!("function: {}: {why}", file.at(node))),
                },
                _ => faults.push(format!("function: {}: not a way in which the library is called", file.at(node))),
            }
        }
        for name in looked_up.iter().filter(|name| !FUNCTIONS.contains(name)) {
            faults.push(format!("function: {name:?} is not in the callout table"));
        }
        if looked_up.is_empty() {
            faults.push("function: nothing is looked up".into());
        }
        faults
    }

    /// The literals that an argument can be, followed through the parameters of the procedures on the way.
    fn values(&self, argument: Option<Node<'t>>, name: Name<'t>, depth: u8) -> Result<BTreeSet<&'t str>, String> {
        let text = argument.map_or("", |node| self.file(name.0).text(node));
        if let Some(literal) = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
            return Ok([literal].into());
        }
        let parameters =
            self.procedures.get(&name).map(|procedure| procedure.parameters.as_slice()).unwrap_or_default();
        let Some(position) = parameters.iter().position(|parameter| *parameter == text).filter(|_| depth < 8) else {
            return Err(format!("{text:?} in {}^{} is neither a literal nor a parameter", name.1, name.0));
        };
        let mut values = BTreeSet::new();
        for call in self.calls.iter().filter(|call| call.target == name) {
            let argument = call.arguments.get(position).copied().flatten();
            values.extend(self.values(argument, call.within, depth + 1)?);
        }
        Ok(values)
    }

    /// QUIT with a value is an error inside TRY, CATCH and loops, which QUIT leaves instead of the procedure.
    fn quits(&self) -> Vec<String> {
        const BLOCKS: [&str; 4] = ["command_trycatch", "command_for", "command_while", "command_dowhile"];
        self.nodes()
            .filter(|(_, node)| node.kind() == "command_quit" && child(*node, "expression").is_some())
            .filter(|(_, node)| ancestors(*node).iter().any(|block| BLOCKS.contains(&block.kind())))
            .map(|(file, node)| format!("quit: {}: use return", file.at(node)))
            .collect()
    }

    /// ObjectScript has no operator precedence, so nobody should have to know that: different operators, and a negation
    /// beside an operator, need parentheses.
    fn order(&self) -> Vec<String> {
        let mut faults = Vec::new();
        for (file, node) in self.nodes().filter(|(_, node)| node.kind() == "expression") {
            let parts = children(node);
            let operators: BTreeSet<&str> =
                parts.iter().filter(|part| part.kind() == "binary_operator").map(|part| file.text(*part)).collect();
            let negated =
                parts.iter().any(|part| part.kind() == "unary_expression" && file.text(*part).starts_with('\''));
            if operators.len() > 1 || (negated && !operators.is_empty()) {
                faults.push(format!("order: {}: parenthesise {operators:?}", file.at(node)));
            }
        }
        faults
    }

    /// Whatever a procedure reads it also sets, or was given.
    fn variables(&self) -> Vec<String> {
        const SETTERS: [&str; 4] = ["set_target", "byref_arg", "for_parameter", "catch_block"];
        let mut set: BTreeSet<(Name, &str)> = BTreeSet::new();
        let mut read = Vec::new();
        for (name, procedure) in &self.procedures {
            set.extend(procedure.parameters.iter().map(|parameter| (*name, *parameter)));
        }
        for (file, node) in self.nodes().filter(|(_, node)| node.kind() == "lvn") {
            let variable = child(node, "objectscript_identifier").map_or("", |name| file.text(name));
            if node.parent().is_some_and(|above| SETTERS.contains(&above.kind())) {
                set.insert((within(file, node), variable));
            } else {
                read.push((file, node, variable));
            }
        }
        read.into_iter()
            .filter(|(file, node, variable)| !set.contains(&(within(file, *node), *variable)))
            .map(|(file, node, variable)| format!("variable: {}: {variable} is never set", file.at(node)))
            .collect()
    }

    /// The grammar cannot look into a macro, and neither can the rules of this file.
    fn macros(&self) -> Vec<String> {
        self.nodes()
            .filter(|(_, node)| node.is_named() && (node.kind().contains("macro") || node.kind().starts_with("pound_")))
            .map(|(file, node)| format!("macro: {}", file.at(node)))
            .collect()
    }

    /// What IRIS calls by itself has no terminal: it reaches no command that reads, writes or changes a device.
    fn devices(&self) -> Vec<String> {
        const COMMANDS: [&str; 6] =
            ["command_write", "command_read", "command_zwrite", "command_use", "command_open", "command_close"];
        let mut reached = UNATTENDED.to_vec();
        let mut next = 0;
        while let Some(name) = reached.get(next).copied() {
            let calls = self.calls.iter().filter(|call| call.within == name);
            let new: Vec<Name> = calls.map(|call| call.target).filter(|target| !reached.contains(target)).collect();
            reached.extend(new);
            next += 1;
        }
        self.nodes()
            .filter(|(file, node)| COMMANDS.contains(&node.kind()) && reached.contains(&within(file, *node)))
            .map(|(file, node)| format!("device: {}", file.at(node)))
            .collect()
    }

    /// What IRIS calls by itself throws nothing: each call that can fail stands in a TRY, or leads to a procedure of
    /// which the same is true.
    fn throws(&self) -> Vec<String> {
        const CAN_FAIL: [&str; 4] =
            ["routine_tag_call", "extrinsic_function", "class_method_call", "system_defined_function"];
        let mut guarded = UNATTENDED.to_vec();
        let mut faults = Vec::new();
        let mut next = 0;
        while let Some(name) = guarded.get(next).copied() {
            next += 1;
            let file = self.file(name.0);
            let nodes = self.procedures.get(&name).map(|procedure| all(procedure.node)).unwrap_or_default();
            for node in nodes.into_iter().filter(|node| CAN_FAIL.contains(&node.kind()) && !in_try(*node)) {
                match self.calls.iter().find(|call| call.node == node).map(|call| call.target) {
                    // Another routine may not be there at all.
                    Some(target) if target.0 == name.0 => {
                        if !guarded.contains(&target) {
                            guarded.push(target);
                        }
                    }
                    _ => faults.push(format!("throw: {}: not in a TRY", file.at(node))),
                }
            }
        }
        faults
    }

    /// All our labels are procedures, and JOB of one needs its parentheses, with or without arguments.
    fn jobs(&self) -> Vec<String> {
        self.nodes()
            .filter(|(file, node)| node.kind() == "routine_tag_call" && !file.text(*node).ends_with(')'))
            .filter(|(_, node)| ancestors(*node).iter().any(|above| above.kind() == "command_job"))
            .map(|(file, node)| format!("job: {}: no parentheses", file.at(node)))
            .collect()
    }

    /// 0 or an error from CheckBecomePrimaryOK would keep the mirror without a primary: it ends in `return 1`, and in
    /// nothing else.
    fn answers(&self) -> Vec<String> {
        let Some(procedure) = self.procedures.get(&("ZMIRROR", "CheckBecomePrimaryOK")) else {
            return Vec::new();
        };
        let file = self.file("ZMIRROR");
        let returns =
            all(procedure.node).into_iter().filter(|node| matches!(node.kind(), "command_return" | "command_quit"));
        let mut faults: Vec<String> = returns
            .filter(|node| file.text(*node) != "return 1")
            .map(|node| format!("answer: {}: CheckBecomePrimaryOK answers 1 only", file.at(node)))
            .collect();
        let last = children(procedure.node).into_iter().rfind(|node| node.kind() == "statement");
        if last.is_none_or(|last| file.text(last) != "return 1") {
            faults.push("answer: CheckBecomePrimaryOK does not end in `return 1`".into());
        }
        faults
    }
}

/// One `do Label(…)`, `job Label^ROUTINE(…)` or `$$Label^ROUTINE(…)`.
fn call<'t>(file: &File<'t>, node: Node<'t>) -> Call<'t> {
    let reference = child(node, "line_ref").unwrap_or(node);
    let label = child(reference, "method_name").map_or("", |label| file.text(label));
    let routine = child(reference, "routine_ref").and_then(|routine| child(routine, "routine_name"));
    let routine = routine.map_or(file.routine, |routine| file.text(routine));
    let arguments = child(node, "method_args").map(arguments).unwrap_or_default();
    Call { node, within: within(file, node), target: (routine, label), arguments }
}

/// The arguments between a node's parentheses; an omitted one leaves its comma only.
fn arguments(node: Node) -> Vec<Option<Node>> {
    let mut arguments = Vec::new();
    let mut current = None;
    let mut any = false;
    for part in children(node) {
        match part.kind() {
            "," => {
                arguments.push(current.take());
                any = true;
            }
            "method_arg" => {
                current = Some(part);
                any = true;
            }
            _ => {}
        }
    }
    if any {
        arguments.push(current);
    }
    arguments
}

fn is_function(file: &File, node: Node, start: &str) -> bool {
    let text = file.text(node).as_bytes();
    node.kind() == "system_defined_function"
        && text.get(..start.len()).is_some_and(|text| text.eq_ignore_ascii_case(start.as_bytes()))
}

/// The procedure that a node stands in.
fn within<'t>(file: &File<'t>, node: Node<'t>) -> Name<'t> {
    let procedure = ancestors(node).into_iter().find(|node| node.kind() == "procedure");
    (file.routine, procedure.and_then(|node| child(node, "tag")).map_or("", |tag| file.text(tag)))
}

/// Whether an error of this node is caught in its own procedure. What stands in a CATCH has left that TRY.
fn in_try(node: Node) -> bool {
    let mut caught = false;
    for above in ancestors(node) {
        match above.kind() {
            "command_trycatch" if !caught => return true,
            "command_trycatch" => caught = false,
            "catch_block" => caught = true,
            _ => {}
        }
    }
    false
}

fn ancestors(node: Node) -> Vec<Node> {
    std::iter::successors(node.parent(), Node::parent).collect()
}

fn children(node: Node) -> Vec<Node> {
    node.children(&mut node.walk()).collect()
}

fn child<'t>(node: Node<'t>, kind: &str) -> Option<Node<'t>> {
    children(node).into_iter().find(|node| node.kind() == kind)
}

/// The node and everything beneath it.
fn all(node: Node) -> Vec<Node> {
    let mut found = vec![node];
    let mut next = 0;
    while let Some(node) = found.get(next).copied() {
        found.extend(children(node));
        next += 1;
    }
    found
}

fn line(node: Node) -> usize {
    node.start_position().row + 1
}
