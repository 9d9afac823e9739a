//! The counterparty whose session is QuickFIX C++'s: `tests/peer/quickfix_acceptor.cpp`, built here where the library is, and
//! run as a child process.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Mutex, OnceLock};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::record::Message;
use crate::{Counterparty, dictionary, free_port};

/// The acceptor's binary; an error where there is no QuickFIX C++ to build it with.
///
/// # Panics
/// Where there is one and the acceptor does not build.
fn binary() -> Result<PathBuf, &'static str> {
    static BINARY: OnceLock<Result<PathBuf, &'static str>> = OnceLock::new();
    BINARY.get_or_init(build).clone()
}

fn build() -> Result<PathBuf, &'static str> {
    let source = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/peer/quickfix_acceptor.cpp"));
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let compile = |arguments: &[&str]| {
        // C++17 refuses the exception specifications in the library's headers.
        let mut command = Command::new("g++");
        command.args(["-std=c++14", "-Wno-deprecated"]).args(arguments);
        command.stdin(Stdio::null()).output()
    };
    let probe = folder.join(format!("quickfix_probe_{}.cpp", std::process::id()));
    std::fs::write(&probe, "#include <quickfix/Message.h>\nint main() { FIX::Message message; }\n")
        .expect("a target directory that can be written");
    let found = compile(&[&probe.display().to_string(), "-o", "/dev/null", "-lquickfix"]);
    let _ = std::fs::remove_file(&probe);
    match found {
        Err(_) => return Err("g++, for QuickFIX C++ (libquickfix-dev), is absent"),
        Ok(output) if !output.status.success() => return Err("QuickFIX C++ (libquickfix-dev) is absent"),
        Ok(_) => {}
    }
    let binary = folder.join("quickfix_acceptor");
    let time = |path: &Path| path.metadata().and_then(|metadata| metadata.modified()).ok();
    if time(&binary).is_some_and(|built| Some(built) > time(source)) {
        return Ok(binary);
    }
    // Another test process may be at the same: the name is taken once the file is whole.
    let built = folder.join(format!("quickfix_acceptor_{}", std::process::id()));
    let (from, to) = (source.display().to_string(), built.display().to_string());
    let output = compile(&[&from, "-o", &to, "-lquickfix", "-lpthread"]).expect("it ran a moment ago");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    std::fs::rename(&built, &binary).expect("one directory");
    Ok(binary)
}

/// What the child has written so far.
#[derive(Default)]
struct Written {
    messages: Vec<Message>,
    /// Number of the last question that it has answered.
    answered: u64,
}

/// See the module's text.
pub struct CppPeer {
    child: Child,
    port: u16,
    /// Where questions go, and how many there were.
    questions: Mutex<(ChildStdin, u64)>,
    written: Arc<Mutex<Written>>,
    reader: Option<JoinHandle<()>>,
}

impl CppPeer {
    /// Starts one, or says what is absent.
    pub fn start(begin_string: &'static str) -> Result<Self, &'static str> {
        let binary = binary()?;
        // Another process may take the port between the question for a free one and its use.
        for _ in 0..5 {
            let port = free_port();
            let mut child = Command::new(&binary)
                .args([&port.to_string(), begin_string])
                .arg(dictionary(begin_string).unwrap_or("-".into()))
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .spawn()
                .expect("what was built runs");
            let mut output = BufReader::new(child.stdout.take().expect("piped"));
            let mut line = String::new();
            while output.read_line(&mut line).is_ok_and(|length| length > 0) && !line.starts_with('!') {
                line.clear();
            }
            let written = Arc::new(Mutex::new(Written::default()));
            let reading = Arc::clone(&written);
            let reader = std::thread::spawn(move || {
                for line in output.lines().map_while(Result::ok) {
                    let mut written = reading.lock().expect("no panic under it");
                    written.messages.extend(Message::parse(&line));
                    if let Some(number) = line.strip_prefix("! ") {
                        written.answered = number.parse().unwrap_or(0);
                    }
                }
            });
            let questions = Mutex::new((child.stdin.take().expect("piped"), 0));
            let peer = Self { child, port, questions, written, reader: Some(reader) };
            if line.trim_end() == "! listens" {
                return Ok(peer);
            }
            println!("QuickFIX C++ on port {port}: {line}");
        }
        panic!("QuickFIX C++ does not listen");
    }
}

impl Counterparty for CppPeer {
    fn port(&self) -> u16 {
        self.port
    }

    /// Its output may lag behind what it has sent: a question that it answers there has all before it.
    fn record(&self) -> Vec<Message> {
        let number = {
            let mut questions = self.questions.lock().expect("no panic under it");
            questions.1 += 1;
            let number = questions.1;
            writeln!(questions.0, "{number}").expect("the child runs");
            number
        };
        let end = Instant::now() + Duration::from_secs(10);
        loop {
            let written = self.written.lock().expect("no panic under it");
            if written.answered >= number {
                return written.messages.clone();
            }
            drop(written);
            assert!(Instant::now() < end, "QuickFIX C++ does not answer");
            std::thread::sleep(Duration::from_micros(100));
        }
    }
}

impl Drop for CppPeer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if let Some(reader) = self.reader.take() {
            let _ = reader.join();
        }
    }
}
