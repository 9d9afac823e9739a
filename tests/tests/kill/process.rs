//! The engine's process: built with its failpoints, started, killed, asked to stop.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use warptick_tests::warptick::{Finished, build_as};

/// The binary with failpoints, under a name of its own, so that nobody else gets it.
pub fn binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| build_as("warptick-failpoints", &["--features", "failpoints"]))
}

/// One process of the engine.
pub struct Engine {
    child: Child,
    /// Where its journal is.
    pub journal: PathBuf,
}

impl Engine {
    /// Starts it; `place` is where it kills itself, `name:nth`.
    pub fn start(config: &Path, journal: PathBuf, resumed: Option<&Path>, place: Option<&str>) -> Self {
        let mut warptick = Command::new(binary());
        warptick.arg("run").arg("--config").arg(config).arg("--journal").arg(&journal);
        if let Some(former) = resumed {
            warptick.arg("--resume").arg(former);
        }
        if let Some(place) = place {
            warptick.env("WARPTICK_FAILPOINT", place);
        }
        let child = warptick.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary runs");
        Self { child, journal }
    }

    /// Waits for its end by itself; whether it came in time.
    pub fn ends_within(&mut self, patience: Duration) -> bool {
        let start = Instant::now();
        while self.child.try_wait().expect("a child").is_none() {
            if start.elapsed() >= patience {
                return false;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        true
    }

    /// SIGKILL, unless it is gone already.
    pub fn kill(&mut self) -> Finished {
        let _ = self.child.kill();
        self.finish()
    }

    /// A signal by its name, such as `INT`.
    pub fn signal(&self, name: &str) {
        let mut kill = Command::new("kill");
        kill.args([&format!("-{name}"), &self.child.id().to_string()]);
        assert!(kill.status().expect("kill runs").success());
    }

    /// Waits for its end and takes what it has written.
    pub fn finish(&mut self) -> Finished {
        let (mut stdout, mut stderr) = (String::new(), String::new());
        if let Some(mut pipe) = self.child.stdout.take() {
            pipe.read_to_string(&mut stdout).expect("text");
        }
        if let Some(mut pipe) = self.child.stderr.take() {
            pipe.read_to_string(&mut stderr).expect("text");
        }
        Finished { code: self.child.wait().expect("a child").code(), stdout, stderr }
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
