//! The network card: where it is, how long it holds packets back, how many it can keep, whether it stamps them.

use crate::devices::{CardSettings, DeviceReader, network_cards};
use crate::finding::{
    Checked, Finding, Knob, Mending, NOT_MEASURED, Verdict, bad, good, judge, judge_number, unknown,
};
use crate::host::HostFiles;
use crate::topology::Topology;

/// Memory node of the cards.
pub static CARD_NODE: Knob = Knob {
    name: "network card's node",
    wanted: "that of the hot cores",
    otherwise: Verdict::Warn,
    why: "A packet that lies in another socket's memory crosses the link between the sockets before it is read.",
    check: "grep . /sys/class/net/*/device/numa_node",
    set: "isolate cores of the card's node, or put the card into a slot of theirs",
    undo: "isolate the former cores",
    effect: NOT_MEASURED,
};

/// Interrupt coalescing.
pub static COALESCING: Knob = Knob {
    name: "interrupt coalescing",
    wanted: "rx-usecs 0, adaptive-rx off",
    otherwise: Verdict::Warn,
    why: "The card holds its interrupt back for so long to gather packets, and a receive that waits for it waits as long.",
    check: "ethtool -c IFACE",
    set: "ethtool -C IFACE adaptive-rx off rx-usecs 0",
    undo: "ethtool -C IFACE with the former values",
    effect: NOT_MEASURED,
};

/// Receive rings.
pub static RX_RING: Knob = Knob {
    name: "receive ring",
    wanted: "as large as the card can",
    otherwise: Verdict::Warn,
    why: "A burst beyond the ring is lost on this side, and a lost packet costs a gap and a recovery of the book.",
    check: "ethtool -g IFACE",
    set: "ethtool -G IFACE rx MAX (the link goes down for a moment)",
    undo: "ethtool -G IFACE rx with the former number",
    effect: NOT_MEASURED,
};

/// Hardware receive stamps.
pub static RX_STAMPS: Knob = Knob {
    name: "hardware receive stamps",
    wanted: "the card can",
    otherwise: Verdict::Warn,
    why: "Else receive time is the kernel's, taken after the interrupt: what passed on the card and on the way is not in it.",
    check: "ethtool -T IFACE",
    set: "another card or driver; on a virtual machine none is to be had",
    undo: "nothing to undo",
    effect: NOT_MEASURED,
};

/// `net.core.busy_read`.
pub static BUSY_READ: Knob = Knob {
    name: "busy_read",
    wanted: "1 or more (50 is usual)",
    otherwise: Verdict::Warn,
    why: "A receive then asks the card's queue itself and need not wait for the interrupt; each socket can have its own value.",
    check: "sysctl net.core.busy_read",
    set: "sysctl -w net.core.busy_read=50",
    undo: "sysctl -w net.core.busy_read=0",
    effect: NOT_MEASURED,
};

/// `net.core.busy_poll`.
pub static BUSY_POLL: Knob = Knob {
    name: "busy_poll",
    wanted: "1 or more (50 is usual)",
    otherwise: Verdict::Warn,
    why: "As busy_read, for the calls that wait for several sockets at once, as the operator port and the venue do.",
    check: "sysctl net.core.busy_poll",
    set: "sysctl -w net.core.busy_poll=50",
    undo: "sysctl -w net.core.busy_poll=0",
    effect: NOT_MEASURED,
};

/// The knobs of this file.
#[must_use]
pub fn check(host: &HostFiles, topology: Option<&Topology>, devices: &dyn DeviceReader) -> Vec<Finding> {
    let cards: Vec<Card> = network_cards(host)
        .into_iter()
        .map(|card| Card { settings: devices.card(&card.name), name: card.name, node: card.node })
        .collect();
    let busy = |path| judge_number(host, path, |microseconds| microseconds >= 1);
    vec![
        CARD_NODE.finding(card_nodes(&cards, topology)),
        COALESCING.finding_mended(each(&cards, coalescing), mended(&cards, coalescing, coalescing_mending)),
        RX_RING.finding_mended(each(&cards, ring), mended(&cards, ring, ring_mending)),
        RX_STAMPS.finding(each(&cards, stamps)),
        BUSY_READ.sysctl(host, "net.core.busy_read", "50", busy("proc/sys/net/core/busy_read")),
        BUSY_POLL.sysctl(host, "net.core.busy_poll", "50", busy("proc/sys/net/core/busy_poll")),
    ]
}

/// A card with what it said.
struct Card {
    name: String,
    node: Option<usize>,
    settings: Result<CardSettings, String>,
}

const NO_CARD: &str = "no network card is in use";

fn card_nodes(cards: &[Card], topology: Option<&Topology>) -> Checked {
    let hot = topology.map(Topology::hot_nodes).unwrap_or_default();
    let placed: Vec<(&str, usize)> =
        cards.iter().filter_map(|card| Some((card.name.as_str(), card.node?))).collect();
    if cards.is_empty() {
        return unknown(NO_CARD);
    }
    if placed.is_empty() || hot.is_empty() {
        return unknown("the machine does not say: it has one node, or hides them");
    }
    let texts: Vec<String> = placed.iter().map(|(name, node)| format!("{name} on node {node}")).collect();
    let hot_text: Vec<String> = hot.iter().map(usize::to_string).collect();
    let found = format!("{}, hot cores on node {}", texts.join(", "), hot_text.join(" and "));
    // One node for all: hot cores on two of them are far from the card with some of them.
    judge(placed.iter().all(|(_, node)| hot.len() == 1 && hot.contains(node)), found)
}

/// Judges each card and joins: bad where one is, else unknown where one is.
fn each(cards: &[Card], judged: fn(&CardSettings) -> Option<(bool, String)>) -> Checked {
    if cards.is_empty() {
        return unknown(NO_CARD);
    }
    let (mut found, mut all_good, mut any_bad) = (Vec::new(), true, false);
    for card in cards {
        let answer = card.settings.as_ref().map(judged);
        let text = match answer {
            Ok(Some((is_good, text))) => {
                all_good &= is_good;
                any_bad |= !is_good;
                text
            }
            Ok(None) => {
                all_good = false;
                "the driver does not say".to_owned()
            }
            Err(why) => {
                all_good = false;
                why.clone()
            }
        };
        found.push(format!("{}: {text}", card.name));
    }
    let found = found.join(", ");
    match (any_bad, all_good) {
        (true, _) => bad(found),
        (_, true) => good(found),
        _ => unknown(found),
    }
}

/// The commands for the cards that are not as wanted.
fn mended(
    cards: &[Card],
    judged: fn(&CardSettings) -> Option<(bool, String)>,
    mending: fn(&str, &CardSettings) -> Option<Mending>,
) -> Option<Mending> {
    let bad = cards.iter().filter_map(|card| Some((card, card.settings.as_ref().ok()?)));
    let bad = bad.filter(|(_, settings)| judged(settings).is_some_and(|(is_good, _)| !is_good));
    let commands: Vec<Mending> = bad.filter_map(|(card, settings)| mending(&card.name, settings)).collect();
    let join = |part: fn(&Mending) -> &str| commands.iter().map(part).collect::<Vec<_>>().join("; ");
    (!commands.is_empty()).then(|| (join(|command| &command.0), join(|command| &command.1)))
}

fn coalescing(settings: &CardSettings) -> Option<(bool, String)> {
    let usecs = settings.rx_usecs?;
    let adaptive = settings.adaptive_rx == Some(true);
    let text = format!("rx-usecs {usecs}, adaptive-rx {}", if adaptive { "on" } else { "off" });
    Some((usecs == 0 && !adaptive, text))
}

fn coalescing_mending(name: &str, settings: &CardSettings) -> Option<Mending> {
    let adaptive = if settings.adaptive_rx? { "on" } else { "off" };
    let undo = format!("ethtool -C {name} adaptive-rx {adaptive} rx-usecs {}", settings.rx_usecs?);
    Some((format!("ethtool -C {name} adaptive-rx off rx-usecs 0"), undo))
}

fn ring(settings: &CardSettings) -> Option<(bool, String)> {
    let (now, most) = settings.rx_ring?;
    Some((now >= most, format!("{now} of {most}")))
}

fn ring_mending(name: &str, settings: &CardSettings) -> Option<Mending> {
    let (now, most) = settings.rx_ring?;
    let set = format!("ethtool -G {name} rx {most} (the link goes down for a moment)");
    Some((set, format!("ethtool -G {name} rx {now}")))
}

fn stamps(settings: &CardSettings) -> Option<(bool, String)> {
    let can = settings.hardware_rx_stamps?;
    Some((can, if can { "yes" } else { "no, the kernel's" }.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::Standing;

    fn card(name: &str, settings: Result<CardSettings, String>) -> Card {
        Card { name: name.to_owned(), node: None, settings }
    }

    fn holding(rx_usecs: u32) -> Result<CardSettings, String> {
        Ok(CardSettings { rx_usecs: Some(rx_usecs), adaptive_rx: Some(false), ..CardSettings::default() })
    }

    #[test]
    fn one_bad_card_is_enough_and_only_it_is_mended() {
        let cards = [card("eth0", holding(0)), card("eth1", holding(8))];
        let found = "eth0: rx-usecs 0, adaptive-rx off, eth1: rx-usecs 8, adaptive-rx off";
        assert_eq!(each(&cards, coalescing), bad(found));
        let (set, undo) = mended(&cards, coalescing, coalescing_mending).expect("one card to mend");
        assert_eq!(set, "ethtool -C eth1 adaptive-rx off rx-usecs 0");
        assert_eq!(undo, "ethtool -C eth1 adaptive-rx off rx-usecs 8");
    }

    #[test]
    fn a_card_that_does_not_answer_is_unknown() {
        let cards = [card("eth0", holding(0)), card("eth1", Err("no answer".to_owned()))];
        assert_eq!(each(&cards, coalescing).map(|found| found.0), Ok(Standing::Unknown));
        assert_eq!(each(&[], coalescing), unknown(NO_CARD));
        assert_eq!(mended(&cards, coalescing, coalescing_mending), None);
    }
}
