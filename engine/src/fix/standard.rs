//! The standard as another project writes it down, for tests: reads `FIX42.xml` and `FIX44.xml` of the acceptance data,
//! components resolved. Plain trees and strings, nothing shared with the dictionaries that it checks.

use std::collections::{BTreeMap, HashMap};

/// A field or a group in a list of the standard.
pub(super) struct Node {
    pub(super) tag: u32,
    pub(super) required: bool,
    /// The entries' fields where it is a group.
    pub(super) entry: Option<Vec<Node>>,
}

pub(super) struct StandardField {
    pub(super) name: String,
    pub(super) kind: String,
    pub(super) values: Vec<String>,
}

pub(super) struct StandardMessage {
    pub(super) name: String,
    pub(super) admin: bool,
    pub(super) body: Vec<Node>,
}

pub(super) struct Standard {
    pub(super) begin_string: String,
    pub(super) fields: BTreeMap<u32, StandardField>,
    pub(super) header: Vec<Node>,
    pub(super) trailer: Vec<Node>,
    /// By MsgType.
    pub(super) messages: BTreeMap<String, StandardMessage>,
}

/// Where the acceptance data lies.
pub(super) fn acceptance_data() -> &'static str {
    concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data/quickfix_acceptance")
}

impl Standard {
    /// Version `42` or `44`; `None` where the data is absent, which it says.
    pub(super) fn read(version: &str) -> Option<Self> {
        let path = format!("{}/spec/FIX{version}.xml", acceptance_data());
        let Ok(xml) = std::fs::read_to_string(path) else {
            println!("SKIPPED: ../shared/data is absent");
            return None;
        };
        let root = Element::parse(&xml);
        let mut fields = BTreeMap::new();
        let mut tags = HashMap::new();
        for field in &root.child("fields").children {
            let tag = field.get("number").parse().unwrap();
            let values = field.children.iter().map(|value| value.get("enum").to_owned()).collect();
            let [name, kind] = ["name", "type"].map(|wanted| field.get(wanted).to_owned());
            tags.insert(name.clone(), tag);
            fields.insert(tag, StandardField { name, kind, values });
        }
        let components = root.child("components").children.iter();
        let reader = Reader {
            tags,
            components: components.map(|component| (component.get("name").to_owned(), component)).collect(),
        };
        let messages = root.child("messages").children.iter().map(|message| {
            let name = message.get("name").to_owned();
            let admin = message.get("msgcat") == "admin";
            let body = reader.nodes(message);
            (message.get("msgtype").to_owned(), StandardMessage { name, admin, body })
        });
        Some(Self {
            begin_string: format!("FIX.{}.{}", root.get("major"), root.get("minor")),
            header: reader.nodes(root.child("header")),
            trailer: reader.nodes(root.child("trailer")),
            messages: messages.collect(),
            fields,
        })
    }
}

struct Reader<'a> {
    tags: HashMap<String, u32>,
    components: HashMap<String, &'a Element>,
}

impl Reader<'_> {
    fn nodes(&self, list: &Element) -> Vec<Node> {
        let mut nodes = Vec::new();
        for element in &list.children {
            let required = element.get("required") == "Y";
            match element.name.as_str() {
                "component" => {
                    for mut node in self.nodes(self.components[element.get("name")]) {
                        node.required = node.required && required;
                        nodes.push(node);
                    }
                }
                kind => {
                    let entry = (kind == "group").then(|| self.nodes(element));
                    nodes.push(Node { tag: self.tags[element.get("name")], required, entry });
                }
            }
        }
        nodes
    }
}

/// An XML element; text between elements is of no interest here.
struct Element {
    name: String,
    attributes: HashMap<String, String>,
    children: Vec<Element>,
}

impl Element {
    fn parse(xml: &str) -> Self {
        let mut open: Vec<Self> = Vec::new();
        for part in xml.split('<').skip(1) {
            let tag = part.split('>').next().unwrap();
            if tag.starts_with(['?', '!']) {
                continue;
            }
            if !tag.starts_with('/') {
                let (name, attributes) = tag.trim_end_matches('/').split_once(' ').unwrap_or((tag, ""));
                let attributes = attributes.split("' ").filter_map(|attribute| {
                    let (name, value) = attribute.split_once("='")?;
                    Some((name.trim().to_owned(), value.trim_end().trim_end_matches('\'').to_owned()))
                });
                let name = name.trim_end_matches('/').to_owned();
                open.push(Self { name, attributes: attributes.collect(), children: Vec::new() });
            }
            if tag.starts_with('/') || tag.ends_with('/') {
                let closed = open.pop().unwrap();
                match open.last_mut() {
                    Some(parent) => parent.children.push(closed),
                    None => return closed,
                }
            }
        }
        panic!("the XML ends inside an element");
    }

    fn child(&self, name: &str) -> &Self {
        self.children.iter().find(|child| child.name == name).unwrap_or_else(|| panic!("no <{name}>"))
    }

    fn get(&self, attribute: &str) -> &str {
        self.attributes.get(attribute).unwrap_or_else(|| panic!("<{}> without {attribute}", self.name))
    }
}
