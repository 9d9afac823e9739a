//! QuickFIX's own acceptance scripts for FIX 4.2 and 4.4 against `warptick venue --acceptance`, over TCP, with real
//! heartbeat timers. The scripts are read from ../shared/data and are not part of the repository.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::Mutex;
use std::time::{Duration, SystemTime};

use warptick_tests::script::{self, Operation, SOH};
use warptick_tests::warptick;

/// Longest wait for an expected message or disconnect: the longest heartbeat of a script is 30 s and never awaited.
const PATIENCE: Duration = Duration::from_secs(20);

/// Acceptors that are used at the same time: most of the time is waiting for heartbeats.
const WORKERS: usize = 4;

/// `warptick venue --acceptance`, and where it listens.
struct Acceptor {
    child: Child,
    /// By version: FIX.4.2, FIX.4.4.
    addresses: [String; 2],
}

impl Acceptor {
    fn start() -> Self {
        let mut command = warptick::command();
        let mut child = command
            .args(["venue", "--acceptance"])
            .stdout(Stdio::piped())
            .spawn()
            .expect("the binary starts");
        let mut lines = BufReader::new(child.stdout.take().expect("its output")).lines();
        let addresses = ["FIX.4.2: echo acceptor on ", "FIX.4.4: echo acceptor on "].map(|label| {
            let line = lines.next().expect("a line").expect("readable");
            let rest =
                line.strip_prefix(label).unwrap_or_else(|| panic!("{line:?} does not start with {label:?}"));
            rest.split(',').next().expect("an address").to_owned()
        });
        Self { child, addresses }
    }
}

impl Drop for Acceptor {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// One connection of a script.
struct Connection {
    stream: TcpStream,
    received: Vec<u8>,
}

impl Connection {
    fn open(address: &str) -> Result<Self, String> {
        let stream = TcpStream::connect(address).map_err(|error| format!("cannot connect: {error}"))?;
        stream.set_nodelay(true).expect("an option of the socket");
        stream.set_read_timeout(Some(PATIENCE)).expect("an option of the socket");
        Ok(Self { stream, received: Vec::new() })
    }

    /// Some more bytes; `false` at the end.
    fn more(&mut self) -> Result<bool, String> {
        let mut buffer = [0; 4096];
        match self.stream.read(&mut buffer) {
            Ok(0) => Ok(false),
            Ok(count) => {
                self.received.extend_from_slice(&buffer[..count]);
                Ok(true)
            }
            Err(error) if error.kind() == ErrorKind::ConnectionReset => Ok(false),
            Err(error) => Err(format!("nothing came for {} s ({error})", PATIENCE.as_secs())),
        }
    }

    /// The next message, up to the end of its CheckSum(10).
    fn message(&mut self) -> Result<String, String> {
        loop {
            let text = String::from_utf8_lossy(&self.received).into_owned();
            if let Some(at) = text.find("\x0110=")
                && let Some(end) = text[at + 1..].find(SOH)
            {
                let length = at + 1 + end + 1;
                self.received.drain(..length);
                return Ok(text[..length].to_owned());
            }
            if !self.more()? {
                return Err(format!("closed, after {:?}", script::shown(&text)));
            }
        }
    }
}

/// Runs one script; what went wrong, with the line.
fn run(path: &Path, address: &str) -> Result<(), String> {
    let text = std::fs::read_to_string(path).map_err(|error| error.to_string())?;
    let mut connections: Vec<Option<Connection>> = Vec::new();
    for step in script::parse(&text) {
        if connections.len() <= step.connection {
            connections.resize_with(step.connection + 1, || None);
        }
        let slot = &mut connections[step.connection];
        let wrong = |what: String| format!("line {}: {what}", step.line);
        match (&step.operation, slot) {
            (Operation::Connect, slot) => *slot = Some(Connection::open(address).map_err(wrong)?),
            (Operation::Disconnect, slot) => *slot = None,
            (_, None) => return Err(wrong("not connected".into())),
            (Operation::Send(message), Some(connection)) => {
                // The peer may have closed already: then what is expected next says so.
                let _ = connection.stream.write_all(script::filled(message, SystemTime::now()).as_bytes());
            }
            (Operation::Expect(message), Some(connection)) => {
                let expected = script::filled(message, SystemTime::now());
                let context = |what| wrong(format!("{what}; expected {}", script::shown(&expected)));
                let came = connection.message().map_err(context)?;
                if let Some(what) = script::difference(&expected, &came) {
                    return Err(context(format!("{what}, in {}", script::shown(&came))));
                }
            }
            (Operation::ExpectConnect | Operation::Action(_) | Operation::ExpectExecution(_), _) => {
                return Err(wrong("a step of an initiator's script".into()));
            }
            (Operation::ExpectDisconnect, Some(connection)) => {
                if connection.more().map_err(wrong)? || !connection.received.is_empty() {
                    let received = String::from_utf8_lossy(&connection.received).into_owned();
                    return Err(wrong(format!(
                        "{} where a disconnect was expected",
                        script::shown(&received)
                    )));
                }
            }
        }
    }
    Ok(())
}

fn scripts(version: &str) -> Vec<PathBuf> {
    let folder =
        concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data/quickfix_acceptance/test/definitions/server");
    let Ok(entries) = std::fs::read_dir(Path::new(folder).join(version)) else { return Vec::new() };
    let mut paths: Vec<_> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.retain(|path| path.extension().is_some_and(|end| end == "def"));
    // The two that wait for heartbeats first, so that the others run beside them.
    paths.sort_by_key(|path| {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        (!name.starts_with("6_"), !name.starts_with("4a"), name)
    });
    paths
}

#[test]
fn quickfix_acceptance_scripts_pass() {
    let by_version = ["fix42", "fix44"].map(scripts);
    if by_version.iter().any(Vec::is_empty) {
        println!("SKIPPED: ../shared/data is absent");
        return;
    }
    assert_eq!(by_version.each_ref().map(Vec::len), [58, 59], "scripts");
    // The slow ones of both versions first.
    let mut queue: Vec<(usize, PathBuf)> = Vec::new();
    for rank in 0..59 {
        queue.extend((0..2).filter_map(|version| Some((version, by_version[version].get(rank)?.clone()))));
    }
    // Built before anything is timed.
    warptick::binary();
    let queue = Mutex::new(VecDeque::from(queue));
    let failures = Mutex::new(Vec::new());
    let only = std::env::var("WARPTICK_SCRIPT").ok();
    std::thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| {
                let acceptor = Acceptor::start();
                loop {
                    let Some((version, path)) = queue.lock().expect("no panic").pop_front() else { return };
                    if only.as_ref().is_some_and(|only| !path.to_string_lossy().contains(only.as_str())) {
                        continue;
                    }
                    if let Err(what) = run(&path, &acceptor.addresses[version]) {
                        let name = path.components().rev().take(2).collect::<Vec<_>>();
                        let name = format!("{:?}/{:?}", name[1].as_os_str(), name[0].as_os_str());
                        failures.lock().expect("no panic").push(format!("{name}: {what}"));
                    }
                }
            });
        }
    });
    let mut failures = failures.into_inner().expect("no panic");
    failures.sort();
    assert!(failures.is_empty(), "{} scripts failed:\n{}", failures.len(), failures.join("\n"));
}
