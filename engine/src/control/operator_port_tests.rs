use super::*;
use crate::control::config::Config;
use crate::control::names::Names;
use crate::control::operator_client::OperatorClient;
use crate::control::secret::Secret;
use crate::pipeline::operator::{LimitRule, Scope};
use rtrb::{Consumer, Producer, RingBuffer};
use serde_json::Value;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::AtomicBool;

/// A port without an engine: a thread that takes what is given to decide and says that it has carried it out.
struct Rig {
    address: SocketAddr,
    decide: Arc<Decide>,
    kill: KillSwitch,
    board: Board,
}

/// What stands for decide.
#[derive(Default)]
struct Decide {
    given: std::sync::Mutex<Vec<Instruction>>,
    /// It takes nothing any more.
    hangs: AtomicBool,
    /// It has no limit on orders' quantities.
    refuses: AtomicBool,
}

impl Decide {
    fn run(
        &self,
        mut commands: Consumer<Instruction>,
        mut answers: Producer<LimitAnswer>,
        board: &Board,
        over: &AtomicBool,
    ) {
        while !over.load(Ordering::Relaxed) {
            std::thread::sleep(Duration::from_micros(200));
            while !self.hangs.load(Ordering::Relaxed)
                && let Ok(instruction) = commands.pop()
            {
                if let Some(Command::SetLimit(change)) = instruction.command {
                    let refuses = self.refuses.load(Ordering::Relaxed);
                    let is_in_force = !refuses || change.rule != LimitRule::OrderQtyMax;
                    answers.push(LimitAnswer { change, is_in_force }).expect("room");
                }
                self.given.lock().expect("whole").push(instruction);
                board.obey_for_tests();
            }
        }
    }
}

fn serve(test: impl FnOnce(&mut Rig)) {
    let text =
        "[limits]\ncollar_bp = 200\n[[venues]]\nname = \"NASDAQ\"\n[[instruments]]\nsymbol = \"AAPL\"\n";
    let config = Config::parse("test", text).expect("a configuration");
    let names = Names::of(&["NASDAQ"], &["AAPL"], &[("AAPL", "market_maker")]);
    let desk = LimitsDesk::new(&config, names).expect("numbers");
    let ((commands, queue), (answering, answers)) = (RingBuffer::new(8), RingBuffer::new(8));
    let (kill, board) = (KillSwitch::new(), Board::new(1, 1));
    let sessions = SessionWatch::new(kill.clone());
    sessions.came_up(0);
    let link = EngineLink {
        commands,
        answers,
        kill: kill.clone(),
        board: board.clone(),
        sessions,
        pulses: vec![("decide", Pulse::default())],
    };
    let token = |name: Option<&str>, token: &str| Token {
        name: name.map(str::to_owned),
        token: Secret::from(token.as_bytes()),
    };
    let tokens = vec![token(None, "common"), token(Some("ann"), "ann's")];
    let any = Some("127.0.0.1:0".parse().expect("an address"));
    let port = OperatorPort::open(any, tokens, link, desk, None).expect("a port");
    let address = port.address().expect("it listens");
    let (over, decide) = (AtomicBool::new(false), Arc::new(Decide::default()));
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| port.serve(|| over.load(Ordering::Relaxed)));
        scope.spawn(|| decide.run(queue, answering, &board, &over));
        let (decide, board) = (Arc::clone(&decide), board.clone());
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            test(&mut Rig { address, decide, kill, board });
        }));
        over.store(true, Ordering::Relaxed);
        thread.join().expect("the port").expect("served");
        if let Err(panic) = result {
            std::panic::resume_unwind(panic);
        }
    });
}

impl Rig {
    fn ask(&self, token: &str, method: &str, path: &str, body: Value) -> Result<Value, String> {
        let client = OperatorClient::with_token(self.address, Secret::from(token.as_bytes()));
        let body = (method == "POST").then_some(body);
        client.ask(method, path, body.as_ref()).map_err(|failure| failure.to_string())
    }

    fn post(&self, path: &str, body: Value) -> Result<Value, String> {
        self.ask("common", "POST", path, body)
    }

    /// Everything that was given since, with who and why.
    #[allow(clippy::type_complexity, reason = "who and why beside what, as they came")]
    fn given(&self) -> Vec<(Option<(String, String)>, Option<Command>)> {
        let given = std::mem::take(&mut *self.decide.given.lock().expect("whole"));
        given
            .into_iter()
            .map(|given| {
                (given.note.map(|note| (note.who().to_owned(), note.why().to_owned())), given.command)
            })
            .collect()
    }

    /// Raw bytes in, the answer's first line and body out.
    fn raw(&self, request: &str) -> String {
        let mut stream = TcpStream::connect(self.address).expect("it listens");
        stream.set_read_timeout(Some(Duration::from_secs(5))).expect("a time");
        stream.write_all(request.as_bytes()).expect("sent");
        let mut answer = String::new();
        let _ = stream.read_to_string(&mut answer);
        answer
    }
}

#[test]
fn commands_travel_with_who_and_why() {
    serve(|rig| {
        let said = rig.post("/kill", json!({ "scope": "venue:NASDAQ", "who": "bob", "why": "test" }));
        assert_eq!(said, Ok(json!({ "carried_out": true })));
        assert!(!rig.kill.is_set(), "a venue is not everything");
        let said = rig.post("/kill", json!({ "scope": "all", "who": "bob", "why": " everything " }));
        assert_eq!(said, Ok(json!({ "carried_out": true })));
        assert_eq!(rig.kill.cause(), Some(KillCause::Operator));
        // By a token of her own she need not say who she is.
        rig.ask("ann's", "POST", "/reset", json!({ "scope": "strategy:AAPL/market_maker", "why": "fixed" }))
            .expect("hers");
        rig.post("/reconcile", json!({ "symbol": "AAPL", "position": -7, "who": "bob", "why": "drop copy" }))
            .expect("known");
        let note = |who: &str, why: &str| Some((who.to_owned(), why.to_owned()));
        let cause = KillCause::Operator;
        assert_eq!(
            rig.given(),
            [
                (note("bob", "test"), Some(Command::Kill { scope: Scope::Venue(0), cause })),
                (note("bob", "everything"), Some(Command::Kill { scope: Scope::All, cause })),
                (note("ann", "fixed"), Some(Command::Reset { scope: Scope::Strategy(0) })),
                (note("bob", "drop copy"), Some(Command::Reconcile { instrument: 0, position: -7 })),
            ]
        );
        let status = rig.ask("common", "GET", "/status", Value::Null).expect("status");
        assert_eq!(status["killed"], json!(true));
        assert_eq!(status["cause"], json!("operator"));
        assert_eq!(status["sessions"], json!([{ "venue": "NASDAQ", "up": true, "lost": false }]));
        assert_eq!(status["threads"][0]["stage"], json!("decide"));
    });
}

#[test]
fn limits_tighten_at_once_and_loosen_in_two_steps() {
    serve(|rig| {
        let file = |collar_bp: u32, order_qty_max: u32| {
            format!("[limits]\ncollar_bp = {collar_bp}\norder_qty_max = {order_qty_max}\n")
        };
        let send = |rig: &Rig, text: String| {
            rig.post("/limits", json!({ "text": text, "who": "bob", "why": "calm day" }))
        };
        let said = send(rig, file(100, 600)).expect("limits");
        assert_eq!(said["version"], json!(2));
        assert_eq!(said["applied"], json!(["collar_bp of symbol:AAPL: 200 -> 100"]));
        assert_eq!(said["proposed"]["changes"], json!(["order_qty_max of symbol:AAPL: 500 -> 600"]));
        let [(Some((who, _)), Some(Command::SetLimit(change)))] = &rig.given()[..] else {
            panic!("one change")
        };
        assert_eq!(who, "bob");
        assert_eq!((change.version, change.rule, change.value), (2, LimitRule::CollarBp, 100));
        let own = rig
            .post("/limits/confirm", json!({ "id": 1, "who": "Bob", "why": "sure" }))
            .expect_err("his own");
        assert!(own.contains("409") && own.contains("another person"), "{own}");
        assert!(rig.given().is_empty());
        let said =
            rig.ask("ann's", "POST", "/limits/confirm", json!({ "id": 1, "why": "agreed" })).expect("hers");
        assert_eq!(
            (&said["version"], &said["applied"][0]),
            (&json!(3), &json!("order_qty_max of symbol:AAPL: 500 -> 600"))
        );
        let [(Some((who, why)), Some(Command::SetLimit(change)))] = &rig.given()[..] else {
            panic!("one change")
        };
        assert_eq!((who.as_str(), why.as_str()), ("ann", "agreed"));
        assert_eq!((change.version, change.rule, change.value), (3, LimitRule::OrderQtyMax, 600));
        // What only proposes is journalled too; what changes nothing is not.
        send(rig, file(150, 600)).expect("limits");
        assert!(matches!(&rig.given()[..], [(Some(_), None)]));
        send(rig, file(100, 600)).expect("limits");
        assert!(rig.given().is_empty());
        let stale = rig
            .post("/limits", json!({ "text": "", "who": "bob", "why": "x", "version": 1 }))
            .expect_err("stale");
        assert!(stale.contains("version 3"), "{stale}");
    });
}

#[test]
fn who_may_not_speak_is_told_so() {
    serve(|rig| {
        let kill = json!({ "scope": "all", "who": "eve", "why": "mischief" });
        let error = rig.ask("wrong", "POST", "/kill", kill.clone()).expect_err("refused");
        assert!(error.contains("401") && error.contains("wrong token"), "{error}");
        assert!(rig.ask("commo", "GET", "/status", Value::Null).is_err());
        assert!(rig.ask("", "GET", "/status", Value::Null).is_err());
        let error = rig.ask("ann's", "POST", "/kill", kill).expect_err("refused");
        assert!(error.contains("403") && error.contains("ann's"), "{error}");
        let address = rig.address;
        for (headers, said) in [
            (format!("Host: {address}\r\n"), "401"),
            ("Host: evil.example:80\r\nAuthorization: Bearer common\r\n".to_owned(), "403"),
            ("Authorization: Bearer common\r\n".to_owned(), "40"),
            (
                format!("Host: {address}\r\nAuthorization: Bearer common\r\nOrigin: http://evil.example\r\n"),
                "403",
            ),
            (
                format!("Host: {address}\r\nAuthorization: Bearer common\r\nOrigin: http://{address}\r\n"),
                "200",
            ),
            (format!("Host: LOCALHOST:{}\r\nAuthorization: Bearer common\r\n", address.port()), "200"),
        ] {
            let answer = rig.raw(&format!("GET /status HTTP/1.1\r\n{headers}Connection: close\r\n\r\n"));
            assert!(answer.starts_with(&format!("HTTP/1.1 {said}")), "{headers}: {answer}");
        }
        assert!(rig.given().is_empty() && !rig.kill.is_set());
    });
}

#[test]
fn bad_requests_are_answered_with_what_is_wrong() {
    serve(|rig| {
        for (path, body, said) in [
            ("/kill", json!({ "scope": "all", "who": "bob" }), "why"),
            ("/kill", json!({ "scope": "all", "why": "x" }), "who is missing"),
            ("/kill", json!({ "scope": "all", "who": "bob", "why": " " }), "why is missing"),
            ("/kill", json!({ "scope": "venue:ARCA", "who": "bob", "why": "x" }), "NASDAQ"),
            ("/kill", json!({ "scope": "all", "who": "bob", "why": "x", "now": true }), "now"),
            ("/kill", json!(3), "the body"),
            ("/reset", json!({ "scope": "none", "who": "bob", "why": "x" }), "is none of"),
            ("/reconcile", json!({ "symbol": "IBM", "position": 1, "who": "bob", "why": "x" }), "IBM"),
            (
                "/reconcile",
                json!({ "symbol": "AAPL", "position": 1.5, "who": "bob", "why": "x" }),
                "expected i64",
            ),
            ("/limits", json!({ "text": "[limits", "who": "bob", "why": "x" }), "limits"),
            (
                "/limits",
                json!({ "text": "[limits]\nprice_tick_e9 = 1", "who": "bob", "why": "x" }),
                "cannot change",
            ),
            ("/limits/confirm", json!({ "id": 9, "who": "bob", "why": "x" }), "not open"),
            ("/nothing", json!({}), "GET /status"),
        ] {
            let error = rig.post(path, body.clone()).expect_err(path);
            assert!(error.contains("refused (4") && error.contains(said), "{path} {body}: {error}");
        }
        assert!(rig.ask("common", "GET", "/kill", Value::Null).expect_err("a GET").contains("405"));
        let address = rig.address;
        let answer = rig.raw(&format!("POST /kill HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer common\r\nContent-Length: 4\r\nConnection: close\r\n\r\n\u{0}{{}}}}"));
        assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
        assert!(rig.given().is_empty() && !rig.kill.is_set());
    });
}

#[test]
fn a_decide_that_takes_nothing_is_killed_all_the_same() {
    serve(|rig| {
        rig.decide.hangs.store(true, Ordering::Relaxed);
        // As if it had carried them out, so that nobody waits.
        (0..9).for_each(|_| rig.board.obey_for_tests());
        for _ in 0..8 {
            rig.post("/reset", json!({ "scope": "venue:NASDAQ", "who": "bob", "why": "x" })).expect("room");
        }
        let full =
            rig.post("/reset", json!({ "scope": "all", "who": "bob", "why": "x" })).expect_err("no room");
        assert!(full.contains("503"), "{full}");
        let said =
            rig.post("/kill", json!({ "scope": "all", "who": "bob", "why": "hung" })).expect("accepted");
        assert_eq!(said["carried_out"], json!(false));
        assert!(rig.kill.is_set());
    });
}

#[test]
fn limits_that_decide_did_not_get_are_not_in_force() {
    serve(|rig| {
        let send = |text: &str| rig.post("/limits", json!({ "text": text, "who": "bob", "why": "calm day" }));
        rig.decide.hangs.store(true, Ordering::Relaxed);
        (0..8).for_each(|_| rig.board.obey_for_tests());
        for _ in 0..8 {
            rig.post("/reset", json!({ "scope": "venue:NASDAQ", "who": "bob", "why": "x" })).expect("room");
        }
        let full = send("[limits]\ncollar_bp = 100\n").expect_err("no room");
        assert!(full.contains("503") && full.contains("nothing was changed"), "{full}");
        rig.decide.hangs.store(false, Ordering::Relaxed);
        while rig.given().is_empty() {
            std::thread::sleep(Duration::from_millis(1));
        }
        // The same again is a change again, from the number that is in force.
        let said = loop {
            match send("[limits]\ncollar_bp = 100\n") {
                Err(full) if full.contains("503") => {}
                said => break said.expect("room"),
            }
        };
        // What was obeyed beforehand is counted too: the answer may come before decide's word.
        let change = json!(["collar_bp of symbol:AAPL: 200 -> 100"]);
        assert!(said["applied"] == change || said["waiting"] == change, "{said}");
        let again = loop {
            match send("[limits]\ncollar_bp = 100\n") {
                Err(unsettled) if unsettled.contains("409") => {}
                said => break said.expect("settled"),
            }
        };
        assert_eq!((&again["applied"], &again["version"]), (&json!([]), &json!(2)), "{again}");
    });
}

#[test]
fn limits_that_decide_refuses_or_has_not_answered_are_said_so() {
    serve(|rig| {
        let send = |collar_bp: u32, order_qty_max: u32| {
            let text = format!("[limits]\ncollar_bp = {collar_bp}\norder_qty_max = {order_qty_max}\n");
            rig.post("/limits", json!({ "text": text, "who": "bob", "why": "calm day" }))
        };
        rig.decide.refuses.store(true, Ordering::Relaxed);
        let said = send(100, 300).expect("limits");
        assert_eq!(said["applied"], json!(["collar_bp of symbol:AAPL: 200 -> 100"]), "{said}");
        assert_eq!(said["refused"], json!(["order_qty_max of symbol:AAPL: 500 -> 300"]), "{said}");
        rig.decide.refuses.store(false, Ordering::Relaxed);
        rig.decide.hangs.store(true, Ordering::Relaxed);
        let said = send(100, 300).expect("limits");
        assert_eq!(said["carried_out"], json!(false), "{said}");
        assert_eq!(said["waiting"], json!(["order_qty_max of symbol:AAPL: 500 -> 300"]), "{said}");
        let unsettled = send(50, 300).expect_err("decide has not answered");
        assert!(unsettled.contains("409") && unsettled.contains("has not said"), "{unsettled}");
        rig.decide.hangs.store(false, Ordering::Relaxed);
        let said = loop {
            match send(50, 300) {
                Err(unsettled) if unsettled.contains("409") => {}
                said => break said.expect("settled"),
            }
        };
        assert_eq!(said["applied"], json!(["collar_bp of symbol:AAPL: 100 -> 50"]), "{said}");
        assert_eq!(said["version"], json!(4), "{said}");
    });
}
