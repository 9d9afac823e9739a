//! Makes the FIX dictionaries at build time: `dictionaries/*.toml` become the typed constants of the modules
//! `fix::fix42` and `fix::fix44` and the static tables behind `fix::dictionary::Dictionary`.
//!
//! Reads the files beside it and writes to `OUT_DIR`, nothing else; the same files give the same bytes. A dictionary
//! that contradicts itself fails the build with the place in words.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;
use std::{env, fs};

use serde::Deserialize;

/// Tags below this have a place in the tables' bit sets. Equal to `TAG_LIMIT` in `dictionary.rs`.
const TAG_LIMIT: u32 = 1024;

/// Deepest nesting of groups. Equal to `GROUP_DEPTH_MAX` in `dictionary.rs`.
const GROUP_DEPTH_MAX: usize = 4;

/// The standard's types: name, variant of `FieldKind`, marker type of the constant.
const KINDS: &[(&str, &str, &str)] = &[
    ("AMT", "Amt", "Price"),
    ("BOOLEAN", "Boolean", "Boolean"),
    ("CHAR", "Char", "Char"),
    ("COUNTRY", "Country", "Text"),
    ("CURRENCY", "Currency", "Text"),
    ("DATA", "Data", "Data"),
    ("DAYOFMONTH", "DayOfMonth", "Int"),
    ("EXCHANGE", "Exchange", "Text"),
    ("FLOAT", "Float", "Price"),
    ("INT", "Int", "Int"),
    ("LENGTH", "Length", "Length"),
    ("LOCALMKTDATE", "LocalMktDate", "Text"),
    ("MONTHYEAR", "MonthYear", "Text"),
    ("MULTIPLEVALUESTRING", "MultipleValueString", "Text"),
    ("NUMINGROUP", "NumInGroup", "Length"),
    ("PERCENTAGE", "Percentage", "Price"),
    ("PRICE", "Price", "Price"),
    ("PRICEOFFSET", "PriceOffset", "Price"),
    ("QTY", "Qty", "Qty"),
    ("SEQNUM", "SeqNum", "SeqNum"),
    ("STRING", "String", "Text"),
    ("UTCDATE", "UtcDate", "Text"),
    ("UTCDATEONLY", "UtcDate", "Text"),
    ("UTCTIMEONLY", "UtcTimeOnly", "Text"),
    ("UTCTIMESTAMP", "UtcTimestamp", "UtcTimestamp"),
];

/// A dictionary file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Source {
    begin_string: String,
    header: String,
    trailer: String,
    other_messages: String,
    fields: String,
    #[serde(default)]
    components: BTreeMap<String, String>,
    messages: Vec<SourceMessage>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SourceMessage {
    #[serde(rename = "type")]
    message_type: String,
    name: String,
    #[serde(default)]
    admin: bool,
    fields: String,
}

/// A line of `fields`.
struct SourceField<'a> {
    tag: u32,
    name: &'a str,
    kind: &'static (&'static str, &'static str, &'static str),
    values: Vec<&'a str>,
}

/// A member of a message, of the header, of the trailer or of a group's entry, components resolved.
struct Member {
    tag: u32,
    required: bool,
    entry: Option<Vec<Member>>,
}

/// For the report of a run: compiler and profile. The commit is told by whoever packages a build (`WARPTICK_COMMIT`): asking git
/// here would build the engine anew with every commit.
fn say_how_it_is_built() {
    let rustc = env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned());
    let said = std::process::Command::new(rustc).arg("--version").output().ok();
    let said = said.and_then(|output| String::from_utf8(output.stdout).ok());
    println!("cargo::rustc-env=WARPTICK_RUSTC={}", said.as_deref().unwrap_or("unknown").trim());
    // The profile's name is not told to build scripts, but its directory is: target/NAME/build/PACKAGE/out.
    let out = env::var("OUT_DIR").unwrap_or_default();
    let name =
        Path::new(&out).ancestors().nth(3).and_then(Path::file_name).map(|name| name.to_string_lossy());
    let (level, debug) =
        (env::var("OPT_LEVEL").unwrap_or_default(), env::var("CARGO_CFG_DEBUG_ASSERTIONS").is_ok());
    let checks = if debug { ", debug checks" } else { "" };
    println!("cargo::rustc-env=WARPTICK_PROFILE={}, opt-level {level}{checks}", name.unwrap_or_default());
}

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=dictionaries");
    say_how_it_is_built();
    let folder = Path::new(&env::var("CARGO_MANIFEST_DIR").expect("set by cargo")).join("dictionaries");
    let out = env::var("OUT_DIR").expect("set by cargo");
    let read =
        |name: &str| fs::read_to_string(folder.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
    let says: BTreeMap<String, String> =
        toml::from_str(&read("says.toml")).unwrap_or_else(|error| panic!("says.toml: {error}"));
    let mut said = BTreeSet::new();
    for version in ["fix42", "fix44"] {
        let file = format!("{version}.toml");
        let source: Source = toml::from_str(&read(&file)).unwrap_or_else(|error| panic!("{file}: {error}"));
        let fields = read_fields(&file, &source.fields);
        said.extend(fields.iter().map(|field| field.name.to_owned()));
        let write = |name: String, text: String| {
            fs::write(Path::new(&out).join(&name), text).unwrap_or_else(|error| panic!("{name}: {error}"));
        };
        write(format!("{version}_fields.rs"), constants(&file, &fields, &says));
        write(format!("{version}_dictionary.rs"), Tables::new(&file, &source, &fields).text());
    }
    if let Some(name) = says.keys().find(|name| !said.contains(*name)) {
        panic!("says.toml: no version has a field {name}");
    }
}

/// The lines of `fields`; an indented line goes on with the values of the one before.
fn read_fields<'a>(file: &str, text: &'a str) -> Vec<SourceField<'a>> {
    let mut fields: Vec<SourceField<'a>> = Vec::new();
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        let mut words = line.split_whitespace();
        if !line.starts_with(' ') {
            let [tag, name, kind] = [words.next(), words.next(), words.next()];
            let (Some(tag), Some(name), Some(kind)) = (tag, name, kind) else {
                panic!("{file}: `{line}` is not tag, name, type");
            };
            let kind = KINDS.iter().find(|known| known.0 == kind);
            let kind = kind.unwrap_or_else(|| panic!("{file}: `{line}`: no such type"));
            let tag = tag.parse().unwrap_or_else(|error| panic!("{file}: `{line}`: {error}"));
            assert!(tag < TAG_LIMIT, "{file}: `{line}`: tags go up to {}", TAG_LIMIT - 1);
            if let Some(before) = fields.last() {
                assert!(before.tag < tag, "{file}: `{line}` stands behind tag {}", before.tag);
            }
            fields.push(SourceField { tag, name, kind, values: Vec::new() });
        }
        let field = fields.last_mut().unwrap_or_else(|| panic!("{file}: `{line}` goes on with nothing"));
        field.values.extend(words);
        field.values.sort_unstable();
    }
    fields
}

/// `ClOrdID` as a constant: `CL_ORD_ID`.
fn constant_name(name: &str) -> String {
    let letters: Vec<char> = name.replace("IDs", "Ids").chars().collect();
    let mut constant = String::new();
    for (index, &letter) in letters.iter().enumerate() {
        let before = index.checked_sub(1).map_or('_', |before| letters[before]);
        let after = letters.get(index + 1).copied().unwrap_or('_');
        let word_starts =
            before.is_ascii_lowercase() || before.is_ascii_uppercase() && after.is_ascii_lowercase();
        if letter.is_ascii_uppercase() && word_starts {
            constant.push('_');
        }
        constant.push(letter.to_ascii_uppercase());
    }
    constant
}

/// The module of constants.
fn constants(file: &str, fields: &[SourceField<'_>], says: &BTreeMap<String, String>) -> String {
    let mut text = String::new();
    let mut names = BTreeSet::new();
    for SourceField { tag, name, kind, .. } in fields {
        let constant = constant_name(name);
        let said = says.get(*name).map_or(String::new(), |said| format!(": {said}"));
        let (standard, _, marker) = kind;
        writeln!(text, "/// {name}({tag}), {standard}{said}").expect("a string takes all");
        writeln!(text, "pub const {constant}: Field<{marker}> = Field::new({tag}, \"{name}\");")
            .expect("as above");
        assert!(names.insert(constant), "{file}: {name} has the constant of another field");
    }
    text
}

/// The static tables of one version, while they are made.
struct Tables<'a> {
    file: &'a str,
    source: &'a Source,
    fields: &'a [SourceField<'a>],
    tags: BTreeMap<&'a str, u32>,
    /// Texts of the `Members` statics, each once.
    members: Vec<String>,
    /// Tags that count a group's entries somewhere.
    counts: BTreeSet<u32>,
}

impl<'a> Tables<'a> {
    fn new(file: &'a str, source: &'a Source, fields: &'a [SourceField<'a>]) -> Self {
        let tags: BTreeMap<_, _> = fields.iter().map(|field| (field.name, field.tag)).collect();
        assert_eq!(tags.len(), fields.len(), "{file}: a field's name occurs twice");
        Self { file, source, fields, tags, members: Vec::new(), counts: BTreeSet::new() }
    }

    /// All of it, as Rust.
    fn text(mut self) -> String {
        let header = self.list("the header", &self.source.header);
        let trailer = self.list("the trailer", &self.source.trailer);
        let frame_tags: BTreeSet<u32> = header.iter().chain(&trailer).map(|member| member.tag).collect();
        assert_eq!(
            frame_tags.len(),
            header.len() + trailer.len(),
            "{}: header and trailer share a tag",
            self.file
        );
        let header = self.scope(&header, &BTreeSet::new(), 0);
        let trailer = self.scope(&trailer, &BTreeSet::new(), 0);
        let mut messages = String::new();
        let mut types: BTreeMap<&str, Option<u8>> = BTreeMap::new();
        for (index, message) in self.source.messages.iter().enumerate() {
            let body = self.list(&message.name, &message.fields);
            let body = self.scope(&body, &frame_tags, 0);
            let SourceMessage { message_type, name, admin, .. } = message;
            writeln!(
                messages,
                "    MessageDef::new(b{message_type:?}, {name:?}, {admin}, &MEMBERS[{body}]),"
            )
            .expect("a string takes all");
            let index = u8::try_from(index).expect("the messages are few");
            assert!(
                types.insert(message_type, Some(index)).is_none(),
                "{}: {name} is there twice",
                self.file
            );
        }
        for word in self.source.other_messages.split_whitespace() {
            let (message_type, _) =
                word.split_once('=').unwrap_or_else(|| panic!("{}: `{word}` is not type=name", self.file));
            assert!(types.insert(message_type, None).is_none(), "{}: `{word}` is described too", self.file);
        }
        self.render(header, trailer, &messages, &types)
    }

    /// A list of fields as members, components in their places.
    fn list(&self, place: &str, text: &str) -> Vec<Member> {
        let spaced = text.replace('(', " ( ").replace(')', " ) ");
        let mut words = spaced.split_whitespace().peekable();
        let members = self.members_of(place, &mut words, 0);
        assert!(words.next().is_none(), "{}: {place}: a `)` too many", self.file);
        members
    }

    fn members_of<'w>(
        &self,
        place: &str,
        words: &mut std::iter::Peekable<impl Iterator<Item = &'w str>>,
        depth: usize,
    ) -> Vec<Member> {
        assert!(depth <= GROUP_DEPTH_MAX, "{}: {place}: groups are nested too deep", self.file);
        let mut members = Vec::new();
        while let Some(word) = words.next_if(|&word| word != ")") {
            let (name, required) = word.strip_suffix('!').map_or((word, false), |name| (name, true));
            if let Some(component) = name.strip_prefix('@') {
                let text = self.source.components.get(component);
                let text = text.unwrap_or_else(|| panic!("{}: {place}: no component {component}", self.file));
                let mut inner = self.list(component, text);
                inner.iter_mut().for_each(|member| member.required &= required);
                members.append(&mut inner);
                continue;
            }
            let tag = self.tags.get(name);
            let tag = *tag.unwrap_or_else(|| panic!("{}: {place}: no field {name}", self.file));
            let entry = words.next_if_eq(&"(").map(|_| {
                let entry = self.members_of(place, words, depth + 1);
                assert_eq!(words.next(), Some(")"), "{}: {place}: {name} has no end", self.file);
                entry
            });
            members.push(Member { tag, required, entry });
        }
        members
    }

    /// Makes the static of some members, or finds it, and says its index. `outer` are the tags of what surrounds it:
    /// were one of them a member too, a message could be read in two ways.
    fn scope(&mut self, members: &[Member], outer: &BTreeSet<u32>, depth: usize) -> usize {
        assert!(depth <= GROUP_DEPTH_MAX, "{}: groups are nested too deep", self.file);
        let mut all = outer.clone();
        for member in members {
            assert!(all.insert(member.tag), "{}: tag {} is ambiguous", self.file, member.tag);
        }
        let mut groups = BTreeMap::new();
        for member in members {
            let Some(entry) = &member.entry else { continue };
            let first =
                entry.first().unwrap_or_else(|| panic!("{}: group {} is empty", self.file, member.tag)).tag;
            let entry = self.scope(entry, &all, depth + 1);
            self.counts.insert(member.tag);
            groups.insert(member.tag, format!("Group::new({}, {first}, &MEMBERS[{entry}])", member.tag));
        }
        let set = |wanted: &dyn Fn(&Member) -> bool| {
            let mut words = [0_u64; (TAG_LIMIT / 64) as usize];
            for member in members.iter().filter(|member| wanted(member)) {
                words[(member.tag / 64) as usize] |= 1 << (member.tag % 64);
            }
            words.map(|word| format!("{word:#x}")).join(", ")
        };
        let text = format!(
            "Members::new(TagSet::new([{}]), TagSet::new([{}]), &[{}])",
            set(&|_| true),
            set(&|member| member.required),
            groups.into_values().collect::<Vec<_>>().join(", ")
        );
        self.members.iter().position(|known| *known == text).unwrap_or_else(|| {
            self.members.push(text);
            self.members.len() - 1
        })
    }

    fn render(
        &self,
        header: usize,
        trailer: usize,
        messages: &str,
        types: &BTreeMap<&str, Option<u8>>,
    ) -> String {
        let fields = self.fields.iter().map(|SourceField { tag, name, kind, values }| {
            let values = values.iter().map(|value| format!("b{value:?}")).collect::<Vec<_>>().join(", ");
            let counts = self.counts.contains(tag);
            format!("    FieldDef::new({tag}, {name:?}, FieldKind::{}, &[{values}], {counts}),\n", kind.1)
        });
        let mut index = [0_u16; TAG_LIMIT as usize];
        for (at, field) in self.fields.iter().enumerate() {
            index[field.tag as usize] = u16::try_from(at + 1).expect("there are fewer fields than tags");
        }
        let code = |name: &str| match name.as_bytes() {
            [byte] => u16::from_be_bytes([*byte, 0]),
            [first, second] => u16::from_be_bytes([*first, *second]),
            _ => panic!("{}: MsgType {name} has neither one byte nor two", self.file),
        };
        let types: Vec<_> =
            types.iter().map(|(name, message)| format!("({:#06x}, {message:?})", code(name))).collect();
        format!(
            "static FIELDS: [FieldDef; {}] = [\n{}];\n\
             static INDEX: [u16; {TAG_LIMIT}] = {index:?};\n\
             static MEMBERS: [Members; {}] = [\n    {},\n];\n\
             static MESSAGES: [MessageDef; {}] = [\n{messages}];\n\
             static TYPES: [(u16, Option<u8>); {}] = [{}];\n\
             pub(super) static DICTIONARY: Dictionary = Dictionary {{\n    \
                 begin_string: {:?},\n    fields: &FIELDS,\n    index: &INDEX,\n    header: &MEMBERS[{header}],\n    \
                 trailer: &MEMBERS[{trailer}],\n    messages: &MESSAGES,\n    types: &TYPES,\n}};\n",
            self.fields.len(),
            fields.collect::<String>(),
            self.members.len(),
            self.members.join(",\n    "),
            self.source.messages.len(),
            types.len(),
            types.join(", "),
            self.source.begin_string,
        )
    }
}
