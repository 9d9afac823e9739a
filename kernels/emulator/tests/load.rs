//! Loading: no text makes it panic, and what it cannot run it refuses with line and text.

use emulator::Module;
use proptest::prelude::*;

const SOURCES: [&str; 4] = [
    include_str!("cuda/threads.compute_75.ptx"),
    include_str!("cuda/threads90.compute_90.ptx"),
    include_str!("cuda/weak.compute_75.ptx"),
    include_str!("cuda/resident.compute_90.ptx"),
];

/// One kernel's text with the module's head, so that a case is short.
fn excerpt(source: &str, pick: usize) -> String {
    let starts: Vec<usize> = source.match_indices(".visible .entry").map(|(at, _)| at).collect();
    let at = starts[pick % starts.len()];
    let end = starts.iter().copied().find(|&start| start > at).unwrap_or(source.len());
    format!("{}{}", &source[..starts[0]], &source[at..end])
}

fn words() -> impl Strategy<Value = String> {
    let words = "mov.u32 ld.global.v4.u32 st.shared.u64 add.cc.u64 addc.u32 setp.lt.and.s32 selp.b32 bra call.uni ret \
        bar.sync bar.red.popc.u32 shfl.sync.idx.b32 vote.sync.ballot.b32 atom.global.cas.b128 cvt.rni.s32.f64 bfi.b64 \
        mapa.u64 brx.idx .reg .b128 .pred .shared .align .param .entry .func .visible .global .extern .maxntid { } ( ) [ ] \
        , ; : | @ ! < > + - = %r1 %p1 %rd1 %tid.x %clock $L__BB0_1 $L__BB0_1: _ 0 1 -1 0x7fffffff 18446744073709551615 \
        0d7FF0000000000000 0f3F800000 %r<99999999> .b8 x[4] 0d 0xzz \"text generic(x)";
    prop::sample::select(words.split_whitespace().map(str::to_string).collect::<Vec<_>>())
}

#[derive(Clone, Debug)]
enum Change {
    Delete(usize, usize),
    Insert(usize, String),
    Copy(usize, usize, usize),
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        (any::<usize>(), 1..12usize).prop_map(|(at, length)| Change::Delete(at, length)),
        (any::<usize>(), words()).prop_map(|(at, word)| Change::Insert(at, word)),
        (any::<usize>(), any::<usize>(), 1..8usize)
            .prop_map(|(from, to, length)| Change::Copy(from, to, length)),
    ]
}

fn apply(text: &str, changes: &[Change]) -> String {
    let mut parts: Vec<String> =
        text.split_inclusive([' ', '\n', '\t', ',', ';', '[', ']']).map(str::to_string).collect();
    for change in changes {
        let count = parts.len().max(1);
        match change {
            Change::Delete(at, length) => {
                let at = at % count;
                parts.drain(at.min(parts.len())..(at + length).min(parts.len()));
            }
            Change::Insert(at, word) => parts.insert((at % count).min(parts.len()), format!(" {word} ")),
            Change::Copy(from, to, length) => {
                let from = from % count;
                let piece: Vec<String> =
                    parts[from.min(parts.len())..(from + length).min(parts.len())].to_vec();
                let to = (to % count).min(parts.len());
                parts.splice(to..to, piece);
            }
        }
    }
    parts.concat()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn changed_kernels_load_or_are_refused(
        source in 0..SOURCES.len(),
        pick in any::<usize>(),
        changes in prop::collection::vec(change(), 1..6),
    ) {
        let _ = Module::load(&apply(&excerpt(SOURCES[source], pick), &changes));
    }

    #[test]
    fn words_in_any_order_load_or_are_refused(list in prop::collection::vec(words(), 0..60)) {
        let _ = Module::load(&list.join(" "));
        let body = format!(".version 9.0\n.target sm_75\n.visible .entry k(.param .u64 x) {{ .reg .b32 %r<4>; .reg .b64 %rd<4>; .reg .pred %p<4>;\n{} }}", list.join(" "));
        let _ = Module::load(&body);
    }

    #[test]
    fn any_text_loads_or_is_refused(text in ".{0,200}") {
        let _ = Module::load(&text);
    }
}

fn refusal(body: &str) -> emulator::LoadError {
    let text = format!(
        ".version 9.0\n.target sm_75\n.visible .entry k()\n{{\n.reg .f32 %f<3>; .reg .b32 %r<3>; .reg .pred %p<3>;\n{body}\nret;\n}}\n"
    );
    match Module::load(&text) {
        Ok(_) => panic!("`{body}` was taken"),
        Err(refusal) => refusal,
    }
}

#[test]
fn what_is_not_exact_or_not_known_is_refused_where_it_stands() {
    for body in [
        "add.ftz.f32 %f0, %f1, %f2;",
        "sqrt.approx.f32 %f0, %f1;",
        "div.full.f32 %f0, %f1, %f2;",
        "ex2.approx.ftz.f32 %f0, %f1;",
        "add.sat.s32 %r0, %r1, %r2;",
        "cvt.rzi.ftz.s32.f32 %r0, %f1;",
        "tex.2d.v4.f32.f32 {%f0, %f1, %f2, %f2}, [%r0, {%f1, %f2}];",
        "cp.async.ca.shared.global [%r0], [%r1], 4;",
        "mbarrier.init.shared.b64 [%r0], 1;",
        "vote.ballot.b32 %r0, %p0;",
        "mov.u32 %r0, %r7;",
        "bra nowhere;",
        "call.uni printf, ();",
    ] {
        let refusal = refusal(body);
        assert!((6..=6).contains(&refusal.line), "{refusal}");
    }
    let recursive = ".version 9.0\n.target sm_75\n.func f();\n.func f()\n{\ncall.uni f, ();\nret;\n}\n.visible .entry k()\n{\ncall.uni f, ();\nret;\n}\n";
    assert!(Module::load(recursive).err().unwrap().reason.contains("recursive"));
}
