//! The counterparty whose session is quickfix-tokio's, on a thread of this process.

use std::fmt::Write;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use ::quickfix_tokio as qf;
use tokio::sync::{mpsc, oneshot};

use crate::exchange::{Exchange, Fields};
use crate::record::Message;
use crate::{Counterparty, dictionary, free_port};

type Lines = Arc<Mutex<Vec<Message>>>;

fn write_down(lines: &Lines, what: char, raw: &[u8]) {
    let text = String::from_utf8_lossy(raw).replace('\x01', "|");
    lines.lock().expect("no panic under it").extend(Message::parse(&format!("{what} {text}")));
}

/// Both the log and the maker of it.
struct Recorder(Lines);

impl qf::Log for Recorder {
    fn on_incoming(&mut self, raw: &[u8]) {
        write_down(&self.0, '<', raw);
    }

    fn on_outgoing(&mut self, raw: &[u8]) {
        write_down(&self.0, '>', raw);
    }

    fn on_event(&mut self, _: &str) {}
}

impl qf::LogFactory for Recorder {
    fn create(&self, _: &qf::SessionId) -> qf::Result<Box<dyn qf::Log>> {
        Ok(Box::new(Self(Arc::clone(&self.0))))
    }
}

/// A callback may not wait for its own session: what is to be sent goes through a channel.
struct Desk {
    exchange: Mutex<Exchange>,
    answers: mpsc::UnboundedSender<Fields>,
    lines: Lines,
}

#[async_trait::async_trait]
impl qf::Application for Desk {
    async fn from_app(&self, message: &qf::Message, _: &qf::SessionId) -> Result<(), qf::ApplicationError> {
        write_down(&self.lines, '=', &message.to_bytes());
        let get = |tag: u32| {
            let map = if tag == 35 { &message.header } else { &message.body };
            map.get_string(tag as qf::Tag).unwrap_or_default()
        };
        let answers = self.exchange.lock().expect("no panic under it").on_request(&get);
        for answer in answers.ok_or(qf::ApplicationError::UnsupportedMessageType)? {
            let _ = self.answers.send(answer);
        }
        Ok(())
    }
}

/// See the module's text.
pub struct RustPeer {
    lines: Lines,
    port: u16,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl RustPeer {
    pub fn start(begin_string: &'static str) -> Self {
        let lines = Lines::default();
        // Another process may take the port between the question for a free one and its use.
        for _ in 0..5 {
            let port = free_port();
            let (stop, stopped) = oneshot::channel();
            let (ready, is_ready) = std::sync::mpsc::channel();
            let recorder = Arc::clone(&lines);
            let thread = std::thread::spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
                let runtime = runtime.expect("a runtime");
                runtime.block_on(serve(begin_string, port, recorder, stopped, ready));
            });
            match is_ready.recv().expect("the thread says how it went") {
                Ok(()) => return Self { lines, port, stop: Some(stop), thread: Some(thread) },
                Err(what) => println!("quickfix-tokio on port {port}: {what}"),
            }
        }
        panic!("quickfix-tokio does not listen");
    }
}

async fn serve(
    begin_string: &str,
    port: u16,
    lines: Lines,
    stopped: oneshot::Receiver<()>,
    ready: std::sync::mpsc::Sender<Result<(), String>>,
) {
    let mut text = format!(
        "[SESSION]\nConnectionType=acceptor\nBeginString={begin_string}\nSenderCompID=VENUE\nTargetCompID=WARPTICK\n\
         SocketAcceptPort={port}\nHeartBtInt=30\n"
    );
    let _ = match dictionary(begin_string) {
        Some(path) => writeln!(text, "DataDictionary={path}"),
        None => writeln!(text, "UseDataDictionary=N"),
    };
    let settings = qf::Settings::parse(&text).expect("valid settings");
    let (answers, mut to_send) = mpsc::unbounded_channel();
    let exchange = Mutex::new(Exchange::new(begin_string));
    let engine = qf::Engine::start(
        &settings,
        Arc::new(Desk { exchange, answers, lines: Arc::clone(&lines) }),
        Arc::new(qf::MemoryStoreFactory::new()),
        Arc::new(Recorder(lines)),
    );
    let engine = match engine.await {
        Ok(engine) => engine,
        Err(error) => return drop(ready.send(Err(error.to_string()))),
    };
    let _ = ready.send(Ok(()));
    let session = engine.session(begin_string, "VENUE", "WARPTICK").expect("the one that was configured");
    let sending = async {
        while let Some(fields) = to_send.recv().await {
            let mut message = qf::Message::with_type(&fields[0].1);
            for (tag, value) in &fields[1..] {
                message.set(*tag as qf::Tag, value.as_str());
            }
            session.send(message).await.expect("the session takes what is sent");
        }
    };
    tokio::select! {
        () = sending => {}
        _ = stopped => {}
    }
}

impl Counterparty for RustPeer {
    fn port(&self) -> u16 {
        self.port
    }

    fn record(&self) -> Vec<Message> {
        self.lines.lock().expect("no panic under it").clone()
    }
}

impl Drop for RustPeer {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
