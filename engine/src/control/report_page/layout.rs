//! The page: its sections in order, each with its figures, or with the reason why it has none.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::drawn::Drawn;
use super::{Rendered, headline, tables};

const STYLE: &str = include_str!("style.css");

/// Nothing may be loaded and no script may run: the style is inline, and so are the figures.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

/// The whole page.
pub fn page(rendered: &Rendered, drawn: &Drawn) -> Markup {
    let sections = sections(rendered, drawn);
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="generator" content={ "warptick " (env!("CARGO_PKG_VERSION")) };
                title { (headline::title(&rendered.facts)) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                header { (headline::headline(&rendered.facts)) }
                nav aria-label="Sections" {
                    ul { @for section in &sections { li { a href={ "#" (section.id) } { (section.title) } } } }
                }
                main {
                    @for section in &sections {
                        section id=(section.id) { h2 { (section.title) } (section.body) }
                    }
                }
                footer {
                    p {
                        "Made by " code { "warptick report" } " of " code { "report.json" } " and the "
                        code { ".hlog" } " files beside this page, which HdrHistogram's own tools read. Nothing is loaded from elsewhere."
                    }
                }
            }
        }
    }
}

struct Section {
    id: &'static str,
    title: &'static str,
    body: Markup,
}

fn sections(rendered: &Rendered, drawn: &Drawn) -> Vec<Section> {
    let facts = &rendered.facts;
    let section = |id, title, body| Section { id, title, body };
    vec![
        section("reading", "How to read this", reading()),
        section("percentiles", "Percentiles", percentiles(drawn)),
        section("stages", "Stages", tables::stages(facts)),
        section("rates", "Latency against rate", rates(rendered, drawn)),
        section("waterfalls", "Where the time of an order goes", waterfalls(rendered, drawn)),
        section("slowest", "The slowest orders", tables::slowest(facts, &rendered.beside)),
        section("hiccups", "What the machine takes", hiccups(rendered, drawn)),
        section("lines", "Feeds and their lines", tables::feeds(facts)),
        section("rings", "Rings between threads", tables::rings(facts)),
        section("startup", "Start-up", tables::startup(facts)),
        section("run", "Run and machine", headline::run(facts)),
    ]
}

/// What stands where a section has no data.
pub fn absent(what: &str) -> Markup {
    // Commands stand between backticks.
    let parts = what.split('`').enumerate();
    html! { p.absent { @for (number, part) in parts { @if number % 2 == 1 { code { (part) } } @else { (part) } } } }
}

fn figure(drawn: &Drawn, file: &str, label: &str, caption: Markup) -> Option<Markup> {
    let svg = drawn.figure(file)?;
    Some(html! {
        figure {
            div role="img" aria-label=(label) { (PreEscaped(svg)) }
            figcaption { (caption) " File: " code { (file) } "." }
        }
    })
}

fn reading() -> Markup {
    html! {
        ul {
            li {
                b { "tick_to_order" } " starts when the packet is handed to decode and ends when the order's bytes are complete; "
                b { "tick_to_wire" } " ends when the send call returned. New orders and replaces count; cancels are "
                b { "tick_to_cancel" } ", and what an execution or a timer began is " b { "answer_to_order" } "."
            }
            li {
                "In a replay at a pace the time counts from the moment at which the message was "
                i { "due" } ", so that a stall shows in all that waited behind it. At " code { "max" }
                " and in lockstep it counts from the hand-over: service time."
            }
            li {
                "The percentile axis gives each further nine the same width. A curve ends where its sample ends: with 1,000 orders at 99.9 %, "
                "its last point is the largest value."
            }
            li {
                "A percentile is shown only where at least one sample lies beyond it; else there is a dash. Values are right to three digits."
            }
        }
    }
}

fn percentiles(drawn: &Drawn) -> Markup {
    let paths = html! {
        "Whole paths. Each mark is a percentile with a line of its own; the dashed grey curve, where there is one, is what the machine "
        "itself takes from a core that does nothing else: what lies below it is the machine's, not the engine's."
    };
    let stages = html! {
        "Single stages, of the paths that were stamped at every stage. Percentiles of stages do not add up to a percentile of the path: the slowest "
        "of each are different orders."
    };
    html! {
        @match figure(drawn, "percentiles_paths.svg", "Percentile curves of whole order paths", paths) {
            Some(figure) => (figure),
            None => (absent("Not measured in this run: no order was sent, so that there is no path to time.")),
        }
        @match figure(drawn, "percentiles_stages.svg", "Percentile curves of the stages", stages) {
            Some(figure) => (figure),
            None => (absent("No stage was measured in this run: no order path was stamped at every stage.")),
        }
    }
}

fn rates(rendered: &Rendered, drawn: &Drawn) -> Markup {
    let rows = &rendered.beside.rates;
    if rows.is_empty() {
        return absent(
            "Not measured in this run: a replay has one rate. `warptick bench latency --rates ... --report DIR` lays rates.json beside this page.",
        );
    }
    let caption = html! {
        "Each mark is a run at a constant rate. Latency counts from the due time of a message; service time, from its hand-over, is beside it and would "
        "hide the wait. Rates at which the generator itself was late are left out."
    };
    html! {
        @match figure(drawn, "latency_against_rate.svg", "Latency against rate", caption) {
            Some(figure) => (figure),
            None => (absent("No rate counts: the generator itself was late at each of them.")),
        }
        (tables::rates(rows))
        @if !rendered.beside.rates_about.is_empty() {
            ul.quiet { @for line in &rendered.beside.rates_about { li { (line) } } }
        }
    }
}

fn waterfalls(rendered: &Rendered, drawn: &Drawn) -> Markup {
    let breakdowns = &rendered.facts.breakdowns;
    if breakdowns.is_empty() {
        return absent("Not measured in this run: no new order or replace was stamped at every stage.");
    }
    html! {
        @for path in breakdowns {
            @let (file, title) = match path.name.as_str() {
                "median" => ("waterfall_median.svg", "The median order"),
                _ => ("waterfall_slowest.svg", "The slowest tick"),
            };
            h3 { (title) }
            @match figure(drawn, file, title, html! { (path.what) }) {
                Some(figure) => (figure),
                None => (absent("This path has no stage that took any time.")),
            }
        }
    }
}

fn hiccups(rendered: &Rendered, drawn: &Drawn) -> Markup {
    let Some(time) = rendered.facts.machine_time() else {
        return absent(
            "Not measured in this run: no core was watched for what the machine takes from it. `warptick tune jitter` measures it apart.",
        );
    };
    let caption = html! { "What the machine took from a core on which nothing was to be done." };
    html! {
        @if let Some(figure) = figure(drawn, "percentiles_hiccups.svg", "Hiccups by core", caption) { (figure) }
        (tables::hiccups(time))
    }
}
