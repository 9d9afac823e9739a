//! Our own acceptance scripts for the initiator, in the language of QuickFIX's, in virtual time: order entry against a
//! venue that is played by the script. The cases are those of the FIX session test cases and the traps that good engines
//! test; each script names its case.
//!
//! To keep the scripts short, a message that starts with `35=` gets BeginString before it, `|` stands for the separator,
//! `~` for SenderCompID, SendingTime and TargetCompID, and `{NEW 1}`, `{REPLACE 2 1}`, `{CANCEL 2 1}` for the body of an
//! order message of ours with that ClOrdID (and OrigClOrdID) counter.

use std::path::PathBuf;
use std::time::{Duration, UNIX_EPOCH};

use engine::fix::identity::SessionIds;
use engine::fix::session::{Reset, SessionConfig};
use engine::fix::templates::TemplateFormat;
use engine::order::{ClOrdId, Execution, Intent, Order, OrderAction, TimeInForce};
use engine::pipeline::order_entry::OrderEntry;
use engine::pipeline::risk::{EngineLimits, InstrumentLimits, Reference, Risk, RiskApproved, Stamp, Target};
use feeds::event::Side;
use feeds::symbol::Symbol;
use warptick_tests::script::{self, Operation, SOH, Step};

/// Monday, 2026-01-05 12:00:00 UTC.
const START_NS: u64 = 1_767_614_400_000_000_000;
const SECOND_NS: u64 = 1_000_000_000;
/// Virtual time that an expected message or disconnect may take.
const PATIENCE_NS: u64 = 200 * SECOND_NS;
/// ClOrdIDs are this and a counter.
const FIRST_CL_ORD_ID: ClOrdId = 2_026_010_500_000_000;
const PRICE: i64 = 10_000_000_000;

/// Order entry, its clock, and what it gave the application.
struct Gateway {
    entry: OrderEntry,
    risk: Risk,
    now_ns: u64,
    /// UTC minus our clock, s: the system's clock was stepped.
    step_s: i64,
    connected: bool,
    begin_string: &'static str,
    last_id: u64,
    executions: Vec<Execution>,
    out: Vec<u8>,
}

/// What a script says before anything happens.
struct Setup {
    config: SessionConfig,
    next: Option<(u32, u32)>,
    begin_string: &'static str,
}

impl Setup {
    fn of(steps: &[Step]) -> Self {
        let actions: Vec<&str> = steps
            .iter()
            .filter_map(|step| match &step.operation {
                Operation::Action(action) => action.strip_prefix("SET "),
                _ => None,
            })
            .collect();
        let begin_string = if actions.contains(&"FIX.4.2") { "FIX.4.2" } else { "FIX.4.4" };
        let ids = SessionIds::new(begin_string, "WARPTICK", "VENUE").expect("an identity");
        let mut config = SessionConfig::initiator(ids, 30);
        let mut next = None;
        for action in actions {
            let (key, value) = action.split_once('=').unwrap_or((action, ""));
            let number = value.parse().unwrap_or(0);
            match key {
                "FIX.4.2" | "FIX.4.4" => {}
                "reset" => config.reset = if value == "every" { Reset::EveryLogon } else { Reset::Never },
                "heartbeat" => config.heartbeat_s = number,
                "next_out" => next.get_or_insert((1, 1)).0 = number,
                "next_in" => next.get_or_insert((1, 1)).1 = number,
                "next_expected" => config.next_expected = true,
                "chunk" => config.resend_chunk = number,
                "end" => config.end_seq_no_open = number,
                _ => panic!("no such setting: {action}"),
            }
        }
        Self { config, next, begin_string }
    }
}

fn limits() -> InstrumentLimits {
    InstrumentLimits {
        order_qty_max: 1_000_000,
        order_notional_max: i128::MAX,
        position_max: 1 << 40,
        collar_bp: 10_000,
        price_tick: 100_000,
        ..InstrumentLimits::default()
    }
}

impl Gateway {
    fn new(setup: Setup) -> Self {
        let ids = setup.config.ids.clone();
        let symbols = [Symbol::new("A").expect("a symbol")];
        let mut entry = OrderEntry::new(vec![(setup.config, ids)], &symbols, TemplateFormat::default(), None)
            .expect("valid");
        if let Some((outgoing, incoming)) = setup.next {
            entry.resume(0, outgoing, incoming);
        }
        let engine =
            EngineLimits { messages_per_s: 1_000_000, messages_burst: 1_000_000, ..EngineLimits::default() };
        Self {
            entry,
            risk: Risk::new(engine, vec![limits()]),
            now_ns: START_NS,
            step_s: 0,
            connected: false,
            begin_string: setup.begin_string,
            last_id: 0,
            executions: Vec::new(),
            out: Vec::new(),
        }
    }

    fn utc(&self) -> std::time::SystemTime {
        let utc_s = (self.now_ns / SECOND_NS).saturating_add_signed(self.step_s);
        UNIX_EPOCH + Duration::from_secs(utc_s)
    }

    /// A script's message as bytes.
    fn text(&self, message: &str, from_us: bool) -> String {
        let parties =
            if from_us { "49=WARPTICK|52=<TIME>|56=VENUE|" } else { "49=VENUE|52=<TIME>|56=WARPTICK|" };
        let mut text = message.replace('~', parties);
        while let Some(start) = text.find('{') {
            let end = start + text[start..].find('}').expect("a closing brace");
            let body = body(&text[start + 1..end]);
            text.replace_range(start..=end, &body);
        }
        if text.starts_with("35=") {
            text.insert_str(0, &format!("8={}|", self.begin_string));
        }
        script::filled(&text.replace('|', &SOH.to_string()), self.utc())
    }

    fn approved(&mut self, action: OrderAction) -> RiskApproved<Order> {
        let order = Order {
            decision: 1,
            time_ns: self.now_ns,
            cl_ord_id: FIRST_CL_ORD_ID + self.last_id,
            orig_cl_ord_id: 0,
            price: PRICE,
            quantity: 100,
            instrument: 0,
            venue: 0,
            action,
            side: Side::Buy,
            time_in_force: TimeInForce::Day,
            strategy: 0,
            sells_short: false,
            reserved: [0; 5],
        };
        if action == OrderAction::Status {
            return self.risk.pass_status_request(order);
        }
        let target = (action != OrderAction::New).then_some(order.cl_ord_id);
        self.last_id += 1;
        let Order { price, quantity, instrument, venue, side, time_in_force, .. } = order;
        let intent = Intent {
            action,
            target: target.unwrap_or(0),
            price,
            quantity,
            instrument,
            venue,
            side,
            time_in_force,
        };
        let reference = Reference::of(price, price);
        let held =
            target.map(|_| Target { quantity, cumulative: 0, reserved: quantity, price, sells_short: false });
        let cl_ord_id = FIRST_CL_ORD_ID + self.last_id;
        let stamp = Stamp { decision: 1, time_ns: self.now_ns, cl_ord_id, strategy: 0 };
        self.risk.approve(&intent, &reference, held, &stamp).expect("within the limits").order
    }

    fn act(&mut self, action: &str) {
        let (what, argument) = action.split_once(' ').unwrap_or((action, ""));
        let number: i64 = argument.parse().unwrap_or(1);
        match what {
            "SET" => {}
            "ORDER" | "REPLACE" | "CANCEL" | "STATUS" => {
                let action = match what {
                    "ORDER" => OrderAction::New,
                    "REPLACE" => OrderAction::Replace,
                    "CANCEL" => OrderAction::Cancel,
                    _ => OrderAction::Status,
                };
                for _ in 0..number {
                    let order = self.approved(action);
                    self.entry.encode(&order, self.now_ns).expect("an order that can be sent");
                }
            }
            // What we have sent is lost on the way.
            "LOSE" => {
                self.take();
                self.out.clear();
            }
            "LOGOUT" => self.entry.logout(self.now_ns),
            "WAIT" => self.wait(number.unsigned_abs() * SECOND_NS),
            "STEP" => {
                self.step_s += number;
                self.entry.set_utc_offset(self.step_s * SECOND_NS as i64);
            }
            "DISCONNECTED" => {
                self.connected = false;
                self.entry.disconnected(0);
            }
            _ => panic!("no such action: {action}"),
        }
        self.take();
    }

    fn take(&mut self) {
        let pending = self.entry.pending(0).to_vec();
        self.entry.consume(0, pending.len());
        self.out.extend(pending);
    }

    /// Lets time go on, timers and all.
    fn wait(&mut self, ns: u64) {
        let until = self.now_ns + ns;
        while self.now_ns < until {
            self.now_ns = self.entry.next_timer_ns().clamp(self.now_ns + 1, until);
            self.entry.on_timer(self.now_ns);
            self.take();
        }
    }

    /// The next timer, within the patience that began at `since_ns`.
    fn next_timer(&mut self, since_ns: u64) -> Result<(), String> {
        let next = self.entry.next_timer_ns().max(self.now_ns);
        if next > since_ns + PATIENCE_NS {
            return Err(format!("nothing for {} s", PATIENCE_NS / SECOND_NS));
        }
        self.now_ns = next;
        self.entry.on_timer(next);
        self.take();
        Ok(())
    }

    fn message(&mut self) -> Result<String, String> {
        let since_ns = self.now_ns;
        loop {
            let text = String::from_utf8_lossy(&self.out).into_owned();
            if let Some(at) = text.find("\x0110=")
                && let Some(end) = text[at + 1..].find(SOH)
            {
                self.out.drain(..at + 1 + end + 1);
                return Ok(text[..at + 1 + end + 1].to_owned());
            }
            if self.entry.wants_close(0) {
                return Err("closed".into());
            }
            self.next_timer(since_ns)?;
        }
    }

    fn step(&mut self, operation: &Operation) -> Result<(), String> {
        match operation {
            Operation::Action(action) => self.act(action),
            Operation::ExpectConnect => {
                if self.connected {
                    return Err("connected already".into());
                }
                self.connected = true;
                self.entry.connected(0, self.now_ns);
                self.take();
            }
            Operation::Disconnect => {
                self.connected = false;
                self.out.clear();
                self.entry.disconnected(0);
            }
            Operation::Send(message) => {
                let bytes = self.text(message, false);
                let Self { entry, executions, now_ns, .. } = self;
                entry.receive(0, *now_ns, bytes.as_bytes(), &mut |execution| executions.push(execution));
                entry.on_timer(*now_ns);
                self.take();
            }
            Operation::Expect(message) => {
                let expected = self.text(message, true);
                let context = |what| format!("{what}; expected {}", script::shown(&expected));
                let came = self.message().map_err(context)?;
                if let Some(what) = script::difference(&expected, &came) {
                    return Err(context(format!("{what}, in {}", script::shown(&came))));
                }
            }
            Operation::ExpectDisconnect => {
                let since_ns = self.now_ns;
                while !self.entry.wants_close(0) && self.out.is_empty() {
                    self.next_timer(since_ns)?;
                }
                if !self.out.is_empty() {
                    return Err(format!("{} where a disconnect was expected", shown(&self.out)));
                }
                self.connected = false;
                self.entry.disconnected(0);
            }
            Operation::ExpectExecution(kind) if kind == "Nothing" => {
                if let Some(execution) = self.executions.first() {
                    return Err(format!("{execution:?} where nothing was expected"));
                }
            }
            Operation::ExpectExecution(kind) => {
                if self.executions.is_empty() {
                    return Err(format!("no execution where {kind} was expected"));
                }
                let execution = self.executions.remove(0);
                let found = format!("{:?}", execution.kind);
                if found != *kind {
                    return Err(format!("{found} where {kind} was expected"));
                }
            }
            Operation::Connect => return Err("a step of an acceptor's script".into()),
        }
        Ok(())
    }
}

fn shown(bytes: &[u8]) -> String {
    script::shown(&String::from_utf8_lossy(bytes))
}

/// The body of an order message of ours.
fn body(shorthand: &str) -> String {
    let words: Vec<&str> = shorthand.split(' ').collect();
    let id =
        |at: usize| words.get(at).map_or(0, |text| FIRST_CL_ORD_ID + text.parse::<u64>().expect("a counter"));
    match words[0] {
        "NEW" => format!("11={}|38=00000100|40=2|44=00000010.0000|54=1|59=0|60=<TIME>|55=A|", id(1)),
        "REPLACE" => {
            format!("11={}|38=00000100|40=2|41={}|44=00000010.0000|54=1|59=0|60=<TIME>|55=A|", id(1), id(2))
        }
        "CANCEL" => format!("11={}|38=00000100|41={}|54=1|60=<TIME>|55=A|", id(1), id(2)),
        // An ExecutionReport: kind, order, LastQty, LeavesQty, CumQty.
        "REPORT" => {
            let fill = if words[1] == "F" { format!("31=10|32={}|", words[3]) } else { String::new() };
            let status = match (words[1], words[4]) {
                ("F", "0") => '2',
                ("F", _) => '1',
                ("4", _) => '4',
                ("8", _) => '8',
                _ => '0',
            };
            format!(
                "6=10|11={}|14={}|17=X{}|{fill}37=O1|39={status}|54=1|55=A|150={}|151={}|",
                id(2),
                words[5],
                words[5],
                words[1],
                words[4]
            )
        }
        _ => panic!("no such shorthand: {shorthand}"),
    }
}

fn run(text: &str) -> Result<(), String> {
    let steps = script::parse(text);
    let mut gateway = Gateway::new(Setup::of(&steps));
    for step in &steps {
        gateway.step(&step.operation).map_err(|what| format!("line {}: {what}", step.line))?;
    }
    if gateway.out.is_empty() {
        Ok(())
    } else {
        Err(format!("at the end, unexpected: {}", shown(&gateway.out)))
    }
}

#[test]
fn initiator_scripts_pass() {
    let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/initiator/scripts"));
    let mut paths: Vec<_> = std::fs::read_dir(folder)
        .expect("the scripts")
        .map(|entry| entry.expect("an entry").path())
        .collect();
    paths.sort();
    assert!(paths.len() >= 45, "{} scripts", paths.len());
    let mut failures = Vec::new();
    for path in &paths {
        let text = std::fs::read_to_string(path).expect("a script");
        if let Err(what) = run(&text) {
            failures.push(format!("{}: {what}", path.file_name().expect("a name").to_string_lossy()));
        }
    }
    assert!(failures.is_empty(), "{} of {} failed:\n{}", failures.len(), paths.len(), failures.join("\n"));
}
