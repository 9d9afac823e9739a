//! The other end of [`super::rounds::serve`]: a binary that serves rounds, as a child process.
//!
//! A child that ends, or says what is no answer, is an error with what it wrote to standard error. Dropping ends the
//! process.

use std::ffi::OsString;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use super::rounds::{Greeting, PROTOCOL, ROUND, Round};
use crate::control::failure::Failure;

/// A binary that serves rounds.
pub struct Served {
    name: String,
    child: Child,
    questions: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
    greeting: Greeting,
}

impl Served {
    /// Starts `binary bench path --serve` with further arguments, and waits until it is ready.
    ///
    /// # Errors
    /// A file that does not start, or that does not serve rounds.
    pub fn start(binary: &Path, arguments: &[OsString]) -> Result<Self, Failure> {
        let name = binary.display().to_string();
        let mut command = Command::new(binary);
        // One name for both: where the stack begins depends on how long the arguments are.
        command.arg0("warptick").args(["bench", "path", "--serve"]).args(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child =
            command.spawn().map_err(|error| Failure::Input(format!("{name}: cannot be started: {error}")))?;
        let (Some(questions), Some(answers)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(Failure::Input(format!("{name}: started without pipes")));
        };
        let greeting = Greeting { protocol: 0, version: String::new(), session: String::new() };
        let mut served =
            Self { name, child, questions: Some(questions), answers: BufReader::new(answers), greeting };
        served.greeting = served.answer()?;
        if served.greeting.protocol != PROTOCOL {
            let found = served.greeting.protocol;
            return Err(Failure::Input(format!(
                "{}: serves rounds by protocol {found}, this is {PROTOCOL}; compare with --by replay",
                served.name
            )));
        }
        Ok(served)
    }

    /// What it said of itself.
    #[must_use]
    pub fn greeting(&self) -> &Greeting {
        &self.greeting
    }

    /// Asks for a round and waits for it.
    ///
    /// # Errors
    /// The process ended, or its answer is none.
    pub fn round(&mut self) -> Result<Round, Failure> {
        // A process that has ended shows in the answer, with its reason.
        if let Some(questions) = &mut self.questions {
            let _ = writeln!(questions, "{ROUND}").and_then(|()| questions.flush());
        }
        self.answer()
    }

    fn answer<T: serde::de::DeserializeOwned>(&mut self) -> Result<T, Failure> {
        let mut line = String::new();
        let read = self.answers.read_line(&mut line);
        match read {
            Ok(bytes) if bytes > 0 => serde_json::from_str(&line).map_err(|error| {
                Failure::Input(format!(
                    "{}: '{}' is no answer ({error}); is it a warptick? An older one is compared with --by replay",
                    self.name,
                    line.trim_end()
                ))
            }),
            _ => Err(self.ended()),
        }
    }

    fn ended(&mut self) -> Failure {
        self.questions = None;
        let mut said = String::new();
        if let Some(mut errors) = self.child.stderr.take() {
            let _ = errors.read_to_string(&mut said);
        }
        let status = self.child.wait().map_or_else(|error| error.to_string(), |status| status.to_string());
        let said = said.lines().next().unwrap_or("it said nothing").to_owned();
        Failure::Input(format!(
            "{}: does not serve rounds ({status}): {said}. A warptick without `bench path --serve` is compared with --by replay",
            self.name
        ))
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // It ends by itself when there is no question left to come.
        self.questions = None;
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
