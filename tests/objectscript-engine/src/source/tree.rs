//! Walks the grammar's tree: its nodes have no named fields, so children are found by their kind.

use tree_sitter::Node;

/// Why a source cannot be run, with `file:line`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// IRIS would not compile it either.
    Compile(String),
    /// IRIS may know it, the engine does not.
    Unsupported(String),
}

const LONGEST_NAME: usize = 31;

pub type Read<T> = Result<T, Fault>;

/// A text and the file that it came from.
#[derive(Clone, Copy)]
pub struct Source<'t> {
    pub file: &'t str,
    pub text: &'t str,
}

impl<'t> Source<'t> {
    pub fn text(&self, node: Node<'t>) -> &'t str {
        self.text.get(node.byte_range()).unwrap_or_default()
    }

    /// Refuses a node that has a part which its reader does not look at, such as the cast in `##class(A)b.C()`. Commas
    /// and the like do not count; a part of which there is more than one is the reader's business.
    pub fn has_only(&self, node: Node<'t>, kinds: &[&str]) -> Read<()> {
        match parts(node).into_iter().find(|part| !kinds.contains(&part.kind())) {
            Some(part) => self.unsupported(part, "this part"),
            None => Ok(()),
        }
    }

    /// The name of a label or variable.
    pub fn identifier(&self, node: Node<'t>) -> Read<String> {
        let name = self.text(node);
        let rest = name.strip_prefix('%').unwrap_or(name);
        if rest.is_empty() || !rest.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return self.unsupported(node, "the name");
        }
        // What is longer means something: IRIS takes the first 31 characters, and two names become one.
        if name.len() > LONGEST_NAME {
            return self.wrong(node, "a name of more than 31 characters");
        }
        Ok(name.to_owned())
    }

    fn at(&self, node: Node<'t>, what: &str) -> String {
        let text = self.text(node).lines().next().unwrap_or_default();
        format!("{}:{}: {what}: {text}", self.file, line(node))
    }

    pub fn wrong<T>(&self, node: Node<'t>, what: &str) -> Read<T> {
        Err(Fault::Compile(self.at(node, what)))
    }

    pub fn unsupported<T>(&self, node: Node<'t>, what: &str) -> Read<T> {
        Err(Fault::Unsupported(self.at(node, &format!("{what} ({}) is not supported", node.kind()))))
    }
}

pub fn line(node: Node) -> usize {
    node.start_position().row + 1
}

/// All children, comments left out.
pub fn children(node: Node) -> Vec<Node> {
    let found = node.children(&mut node.walk()).collect::<Vec<_>>();
    found.into_iter().filter(|node| !is_comment(*node)).collect()
}

pub fn child<'t>(node: Node<'t>, kind: &str) -> Option<Node<'t>> {
    children(node).into_iter().find(|child| child.kind() == kind)
}

pub fn all_of<'t>(node: Node<'t>, kind: &str) -> Vec<Node<'t>> {
    children(node).into_iter().filter(|child| child.kind() == kind).collect()
}

/// Children that mean something: without keywords, punctuation and comments.
pub fn parts(node: Node) -> Vec<Node> {
    let named = |child: &Node| child.is_named() && !child.kind().starts_with("keyword_");
    children(node).into_iter().filter(named).collect()
}

fn is_comment(node: Node) -> bool {
    matches!(
        node.kind(),
        "line_comment_1"
            | "line_comment_2"
            | "line_comment_3"
            | "line_comment_4"
            | "block_comment"
            | "documatic_line"
            | "inline_comment"
            | "argumentless_inline_comment"
            | "bol_extra"
    )
}

/// The first node that is no part of the language.
pub fn error(node: Node) -> Option<Node> {
    if node.is_error() || node.is_missing() {
        return Some(node);
    }
    if !node.has_error() {
        return None;
    }
    node.children(&mut node.walk()).collect::<Vec<_>>().into_iter().find_map(error)
}
