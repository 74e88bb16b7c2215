//! Writes the XML of the Query API.

use quick_xml::escape::escape;

/// Elements in the order in which they are written.
#[derive(Default)]
pub(crate) struct Xml(String);

impl Xml {
    /// An element with text.
    pub(crate) fn text(&mut self, name: &str, value: impl ToString) -> &mut Self {
        let value = value.to_string();
        self.0 += &format!("<{name}>{}</{name}>", escape(value.as_str()));
        self
    }

    /// An element with text, or nothing.
    pub(crate) fn maybe(&mut self, name: &str, value: Option<impl ToString>) -> &mut Self {
        if let Some(value) = value {
            self.text(name, value);
        }
        self
    }

    /// An element with elements in it.
    pub(crate) fn element(&mut self, name: &str, write: impl FnOnce(&mut Self)) -> &mut Self {
        self.0 += &format!("<{name}>");
        write(self);
        self.0 += &format!("</{name}>");
        self
    }

    /// An element with an `item` for each entry.
    pub(crate) fn set<T>(
        &mut self,
        name: &str,
        entries: impl IntoIterator<Item = T>,
        mut write: impl FnMut(&mut Self, T),
    ) -> &mut Self {
        self.element(name, |xml| {
            for entry in entries {
                xml.element("item", |xml| write(xml, entry));
            }
        })
    }

    /// Everything of `other` after what is there.
    pub(crate) fn then(mut self, other: Self) -> Self {
        self.0 += &other.0;
        self
    }

    /// `<return>true</return>`, the answer of actions that have nothing to tell.
    pub(crate) fn success() -> Self {
        let mut xml = Self::default();
        xml.text("return", true);
        xml
    }

    /// The document with this root element and namespace.
    pub(crate) fn document(self, root: &str, namespace: Option<&str>) -> String {
        let namespace = namespace.map(|uri| format!(" xmlns=\"{uri}\"")).unwrap_or_default();
        format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<{root}{namespace}>{}</{root}>", self.0)
    }
}
