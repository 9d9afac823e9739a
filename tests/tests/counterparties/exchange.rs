//! What the Rust counterparty does with orders; `tests/peer/quickfix_acceptor.cpp` does the same. The symbol says it:
//! `REFUSE` is rejected, `FILL` filled in two halves at once, `HALF` filled by half, `RACE` filled when its cancel comes, and
//! everything else rests.

/// Tags and values of a message, MsgType(35) first.
pub type Fields = Vec<(u32, String)>;

struct Order {
    /// Every ClOrdID that it has had, the present one last.
    ids: Vec<String>,
    order_id: String,
    symbol: String,
    side: String,
    price: String,
    quantity: String,
    filled: u64,
    /// OrdStatus(39) of one that is done.
    done: Option<char>,
}

impl Order {
    fn total(&self) -> u64 {
        self.quantity.parse().expect("an OrderQty of ours")
    }

    fn leaves(&self) -> u64 {
        if self.done.is_some() { 0 } else { self.total() - self.filled }
    }

    fn status(&self) -> char {
        self.done.unwrap_or(if self.filled > 0 { '1' } else { '0' })
    }

    fn id(&self) -> &str {
        self.ids.last().expect("an order has an id")
    }
}

/// See the module's text.
pub struct Exchange {
    is_42: bool,
    orders: Vec<Order>,
    executions: u64,
}

impl Exchange {
    pub fn new(begin_string: &str) -> Self {
        Self { is_42: begin_string == "FIX.4.2", orders: Vec::new(), executions: 0 }
    }

    /// Answers a request, of which `get` gives the fields; `None` where it is none.
    pub fn on_request(&mut self, get: &dyn Fn(u32) -> String) -> Option<Vec<Fields>> {
        match get(35).as_str() {
            "D" => Some(self.enter(get)),
            "G" | "F" => Some(self.change(get)),
            "H" => Some(vec![self.status(get)]),
            _ => None,
        }
    }

    fn find(&self, id: &str) -> Option<usize> {
        self.orders.iter().position(|order| order.ids.iter().any(|known| known == id))
    }

    /// An ExecutionReport on an order as it is now; `kind` as in FIX 4.4, I for the answer about a status.
    fn report(&mut self, order: &Order, kind: char, more: &[(u32, &str)]) -> Fields {
        self.executions += 1;
        let mut fields = vec![(35, "8".to_owned())];
        let mut exec_type = kind;
        if self.is_42 {
            fields.push((20, if kind == 'I' { "3" } else { "0" }.to_owned()));
            if matches!(kind, 'I' | 'F') {
                exec_type = order.status();
            }
        }
        fields.extend([
            (37, order.order_id.clone()),
            (17, format!("X{}", self.executions)),
            (150, exec_type.to_string()),
            (39, order.status().to_string()),
            (11, order.id().to_owned()),
            (55, order.symbol.clone()),
            (54, order.side.clone()),
            (38, order.quantity.clone()),
            (44, order.price.clone()),
            (14, order.filled.to_string()),
            (151, order.leaves().to_string()),
            (6, "0".to_owned()),
        ]);
        fields.extend(more.iter().map(|&(tag, value)| (tag, value.to_owned())));
        fields
    }

    fn fill(&mut self, order: &mut Order, quantity: u64) -> Fields {
        order.filled += quantity;
        if order.filled == order.total() {
            order.done = Some('2');
        }
        let price = order.price.clone();
        self.report(order, 'F', &[(32, &quantity.to_string()), (31, &price)])
    }

    fn enter(&mut self, get: &dyn Fn(u32) -> String) -> Vec<Fields> {
        let mut order = Order {
            ids: vec![get(11)],
            order_id: format!("O{}", self.orders.len() + 1),
            symbol: get(55),
            side: get(54),
            price: get(44),
            quantity: get(38),
            filled: 0,
            done: None,
        };
        let mut reports = Vec::new();
        if order.symbol == "REFUSE" {
            order.done = Some('8');
            reports.push(self.report(&order, '8', &[(103, "3"), (58, "order exceeds limit")]));
        } else {
            reports.push(self.report(&order, '0', &[]));
            if matches!(order.symbol.as_str(), "FILL" | "HALF") {
                let half = order.total() / 2;
                reports.push(self.fill(&mut order, half));
            }
            if order.symbol == "FILL" {
                let leaves = order.leaves();
                reports.push(self.fill(&mut order, leaves));
            }
        }
        self.orders.push(order);
        reports
    }

    fn change(&mut self, get: &dyn Fn(u32) -> String) -> Vec<Fields> {
        let (is_cancel, id, original) = (get(35) == "F", get(11), get(41));
        let mut reports = Vec::new();
        let Some(at) = self.find(&original) else {
            return vec![cancel_reject("NONE", '8', is_cancel, &id, &original)];
        };
        let mut order = self.orders.remove(at);
        if order.done.is_none() && order.symbol == "RACE" && is_cancel {
            let leaves = order.leaves();
            reports.push(self.fill(&mut order, leaves));
        }
        if let Some(done) = order.done {
            reports.push(cancel_reject(&order.order_id, done, is_cancel, &id, &original));
        } else {
            order.ids.push(id);
            if is_cancel {
                order.done = Some('4');
            } else {
                (order.quantity, order.price) = (get(38), get(44));
            }
            reports.push(self.report(&order, if is_cancel { '4' } else { '5' }, &[(41, &original)]));
        }
        self.orders.insert(at, order);
        reports
    }

    fn status(&mut self, get: &dyn Fn(u32) -> String) -> Fields {
        let id = get(11);
        let number = get(790);
        let number: &[(u32, &str)] = if self.is_42 { &[] } else { &[(790, &number)] };
        if let Some(at) = self.find(&id) {
            let order = self.orders.remove(at);
            let report = self.report(&order, 'I', number);
            self.orders.insert(at, order);
            return report;
        }
        let zero = || "0".to_owned();
        let unknown = Order {
            ids: vec![id],
            order_id: "NONE".to_owned(),
            symbol: get(55),
            side: get(54),
            price: zero(),
            quantity: zero(),
            filled: 0,
            done: Some('8'),
        };
        self.report(&unknown, 'I', &[number, &[(103, "5")]].concat())
    }
}

fn cancel_reject(order_id: &str, status: char, is_cancel: bool, id: &str, original: &str) -> Fields {
    let reason = if order_id == "NONE" { "1" } else { "0" };
    let response_to = if is_cancel { "1" } else { "2" };
    let status = status.to_string();
    [(35, "9"), (37, order_id), (11, id), (41, original), (39, &status), (434, response_to), (102, reason)]
        .map(|(tag, value)| (tag, value.to_owned()))
        .to_vec()
}
