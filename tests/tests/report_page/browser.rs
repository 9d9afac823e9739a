//! Headless Chromium opens the page: no error on the console, nothing asked for, every figure drawn within the window, no text
//! outside of its figure or on another one.
//!
//! What is measured is a copy of the page in which the content policy makes room for a script of the test's. The page itself
//! is opened too, as it is: whatever it asked for in vain would be on the console. `WARPTICK_SCREENSHOTS=DIR` keeps pictures.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use super::{Report, generated, reports};

const PROBE: &str = include_str!("probe.js");

/// The browser, if there is one.
fn chromium() -> Option<PathBuf> {
    let named = std::env::var_os("WARPTICK_CHROMIUM").map(PathBuf::from);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let names = ["chromium", "chromium-browser", "google-chrome"];
    let found = std::env::split_paths(&path)
        .flat_map(|dir| names.map(|name| dir.join(name)))
        .find(|file| file.is_file());
    let browser = named.or(found);
    if browser.is_none() {
        eprintln!("SKIPPED: no chromium on this machine: nobody looked at the page");
    }
    browser
}

/// Opens a file as a window of a size; returns the document as it stands afterwards, and the console.
fn open(browser: &Path, file: &Path, (width, height): (u32, u32), more: &[String]) -> (String, String) {
    let profile = tempfile::tempdir().expect("a directory");
    let output = Command::new("timeout")
        .args(["-k", "5", "300"])
        .arg(browser)
        // No sandbox: tests run as root in containers. No name resolves: what is asked for outside fails here.
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars"])
        .args(["--host-resolver-rules=MAP * ~NOTFOUND", "--enable-logging=stderr", "--log-level=0"])
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .arg(format!("--window-size={width},{height}"))
        .args(more)
        .arg("--dump-dom")
        .arg(format!("file://{}", file.display()))
        .output()
        .expect("timeout(1) runs");
    let console = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "the browser failed: {console}");
    (String::from_utf8_lossy(&output.stdout).into_owned(), console)
}

/// The lines that scripts, styles and refused loads write.
fn complaints(console: &str) -> Vec<&str> {
    console.lines().filter(|line| line.contains("CONSOLE")).collect()
}

/// What the probe found on a page in a window of a width, and the console.
fn probed(browser: &Path, page: &str, width: u32, is_dark: bool) -> (Value, String) {
    let policy = page.find("<meta http-equiv=\"Content-Security-Policy\"").expect("a content policy");
    let end = policy + page[policy..].find('>').expect("an end") + 1;
    let watched = format!("{}{}", &page[..policy], &page[end..]);
    let watched = watched.replace("</body>", &format!("<script>{PROBE}</script></body>"));
    let dir = tempfile::tempdir().expect("a directory");
    let copy = dir.path().join("page.html");
    fs::write(&copy, watched).expect("writable");
    let scheme = if is_dark { "0" } else { "1" };
    let (document, console) =
        open(browser, &copy, (width, 1_000), &[format!("--blink-settings=preferredColorScheme={scheme}")]);
    let found = document.split("<pre id=\"measured\">").nth(1).and_then(|rest| rest.split("</pre>").next());
    let found = found.unwrap_or_else(|| panic!("the probe did not run:\n{console}"));
    let json = found.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&");
    (serde_json::from_str(&json).expect("the probe's JSON"), console)
}

/// The same of a report's page, which has no complaint.
fn measured(browser: &Path, report: &Report, width: u32, is_dark: bool) -> Value {
    let (found, console) = probed(browser, &report.page(), width, is_dark);
    assert!(complaints(&console).is_empty(), "{console}");
    found
}

fn check(found: &Value, width: u32, figures: usize) {
    let number = |value: &Value| value.as_f64().expect("a number");
    assert_eq!(found["errors"], serde_json::json!([]), "script errors");
    assert_eq!(found["resources"], serde_json::json!([]), "the page asked for something");
    assert_eq!(number(&found["width"]), f64::from(width), "the window has another width");
    assert!(
        number(&found["page_width"]) <= f64::from(width),
        "the page is wider than {width}: {}",
        found["widest"]
    );
    let drawn = found["figures"].as_array().expect("figures");
    assert_eq!(drawn.len(), figures, "figures");
    for figure in drawn {
        let of = |key: &str| number(&figure[key]);
        assert!(of("width") > 300.0 && of("height") > 60.0, "{figure}");
        assert!(of("left") >= 0.0 && of("right") <= f64::from(width), "{figure}");
        assert!(of("shapes") > 5.0 && of("texts") > 3.0, "{figure}");
        assert_eq!(figure["outside"], serde_json::json!([]), "text outside of its figure: {figure}");
        assert_eq!(figure["on_each_other"], serde_json::json!([]), "text on text: {figure}");
    }
}

#[test]
fn every_figure_is_drawn_in_windows_of_all_widths() {
    let Some(browser) = chromium() else { return };
    for report in reports() {
        let figures = report.page().matches("<svg ").count();
        assert!(figures >= 4);
        for width in [800, 1_280, 1_600] {
            check(&measured(&browser, report, width, false), width, figures);
        }
    }
}

#[test]
fn dark_is_dark_and_can_be_read() {
    let Some(browser) = chromium() else { return };
    for report in reports() {
        let brightness = |is_dark, key: &str| {
            let found = measured(&browser, report, 1_280, is_dark);
            found["brightness"][key].as_f64().unwrap_or_else(|| panic!("no {key}: {found}"))
        };
        for ground in ["page", "figure"] {
            assert!(brightness(false, ground) > 0.9 && brightness(true, ground) < 0.1, "{ground}");
        }
        for ink in ["text", "figure_text"] {
            assert!(brightness(false, ink) < 0.2 && brightness(true, ink) > 0.7, "{ink}");
        }
    }
}

#[test]
fn the_page_as_it_is_loads_nothing_and_complains_of_nothing() {
    let Some(browser) = chromium() else { return };
    let pictures = std::env::var_os("WARPTICK_SCREENSHOTS").map(PathBuf::from);
    for (number, report) in reports().enumerate() {
        let page = report.page();
        for text in ["<script", "<link", "<img", "<iframe", "@import", "url(", " src=", "http://", "https://"]
        {
            // The name of SVG's own XML namespace is no address.
            let found = page.replace("http://www.w3.org/2000/svg", "").contains(text);
            assert!(!found, "the page has {text}");
        }
        let dir = tempfile::tempdir().expect("a directory");
        for (width, scheme) in [(1_280, 1), (1_280, 0), (800, 1)] {
            let name = format!("{number}_{width}_{}.png", ["dark", "light"][scheme]);
            let picture = pictures.as_deref().unwrap_or(dir.path()).join(name);
            let more = [
                format!("--blink-settings=preferredColorScheme={scheme}"),
                format!("--screenshot={}", picture.display()),
            ];
            let (_, console) = open(&browser, &report.dir.join("index.html"), (width, 7_000), &more);
            assert!(complaints(&console).is_empty(), "{console}");
            let bytes = fs::metadata(&picture).map(|file| file.len()).unwrap_or(0);
            assert!(bytes > 50_000, "{}: {bytes} bytes: a blank page", picture.display());
        }
    }
}

/// What the other tests look for would be found if it were there.
#[test]
fn the_probe_sees_what_is_wrong() {
    let Some(browser) = chromium() else { return };
    let text =
        |x: u32, y: u32, what: &str| format!("<text x=\"{x}\" y=\"{y}\" font-size=\"14\">{what}</text>");
    let texts =
        [text(100, 100, "one text"), text(104, 101, "another"), text(940, 50, "over the edge")].concat();
    let page = generated().page().replacen("</svg>", &format!("{texts}</svg>"), 1);
    let wrong = "<div style=\"width:3000px\">wide</div><img src=\"http://127.0.0.1:9/a.png\"><script>nothingOfThisName()</script>";
    let (found, console) =
        probed(&browser, &page.replace("</main>", &format!("{wrong}</main>")), 1_280, false);
    let complaints = complaints(&console);
    assert!(complaints.iter().any(|line| line.contains("nothingOfThisName")), "{console}");
    assert_eq!(found["resources"], serde_json::json!(["http://127.0.0.1:9/a.png"]));
    assert!(found["page_width"].as_f64() > Some(1_280.0), "{}", found["page_width"]);
    let figure = &found["figures"][0];
    assert_eq!(figure["outside"][0]["what"], "over the edge");
    assert_eq!(figure["on_each_other"], serde_json::json!([["one text", "another"]]));
}
