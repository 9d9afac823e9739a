//! What a session is made of, fixed for its life.

use std::sync::Arc;

use feeds::units::NS_PER_S;

use crate::fix::identity::SessionIds;
use crate::fix::logon_auth::{LogonAuth, LogonVerifier};
use crate::fix::timestamp::TimePrecision;

/// Longest HeartBtInt(108) that is accepted, s.
pub const HEARTBEAT_S_MAX: u32 = 3_600;

/// Which side of the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// Connects, and sends the first Logon.
    Initiator,
    /// Is connected to, and answers the Logon.
    Acceptor,
}

/// Which logons of a session start both sequences at 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reset {
    /// None: the numbers go on where the store says.
    Never,
    /// The first of this process, and of each session day ([`super::Session::start_over`]); a session that was lost goes on where
    /// it was.
    FirstLogon,
    /// Every one.
    EveryLogon,
}

/// Which messages are held against the version's dictionary before they are processed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Validation {
    /// Those of the session itself; the handler's typed decoder judges the others.
    SessionMessages,
    /// Every one.
    AllMessages,
}

/// Fixed for the life of a session.
#[derive(Clone, Debug)]
pub struct SessionConfig {
    /// Which side.
    pub role: Role,
    /// Who we are and who the peer is.
    pub ids: SessionIds,
    /// HeartBtInt(108) that an initiator asks for, s, 0 for none. An acceptor takes the initiator's.
    pub heartbeat_s: u32,
    /// Which logons start both sequences at 1. An initiator says so (ResetSeqNumFlag=Y); an acceptor also resets when it
    /// is asked to.
    pub reset: Reset,
    /// Whether Logons carry NextExpectedMsgSeqNum(789), FIX 4.4: both sides then send again what the other one misses
    /// without being asked. The venue must support it.
    pub next_expected: bool,
    /// Most messages that one ResendRequest asks for; 0 for all that are missing, EndSeqNo(16)=0.
    pub resend_chunk: u32,
    /// EndSeqNo(16) of a request for all that is missing: 0, or 999999 for venues that keep to FIX 4.1.
    pub end_seq_no_open: u32,
    /// Digits of SendingTime(52) in what the session itself writes.
    pub time_precision: TimePrecision,
    /// Initiator: how its Logon proves who it is.
    pub logon_auth: Arc<LogonAuth>,
    /// Acceptor: what a Logon must prove; none takes every one.
    pub logon_verifier: Option<Arc<LogonVerifier>>,
    /// How long to wait for the peer's Logon after the connection, ns.
    pub logon_timeout_ns: u64,
    /// How long to wait for the answer to our Logout, ns.
    pub logout_timeout_ns: u64,
    /// Acceptor: how long the connection stays for the peer to close it, once its Logout is answered, ns.
    pub logout_linger_ns: u64,
    /// What the dictionary is asked about.
    pub validation: Validation,
    /// Room for messages that come behind a gap, bytes; what finds none is dropped and asked for again.
    pub early_bytes: usize,
}

impl SessionConfig {
    /// An initiator with the given heartbeat interval (at most [`HEARTBEAT_S_MAX`]) that resets at its first logon; ten seconds
    /// for logon and logout.
    #[must_use]
    pub fn initiator(ids: SessionIds, heartbeat_s: u32) -> Self {
        Self {
            role: Role::Initiator,
            ids,
            heartbeat_s: heartbeat_s.min(HEARTBEAT_S_MAX),
            reset: Reset::FirstLogon,
            next_expected: false,
            resend_chunk: 0,
            end_seq_no_open: 0,
            time_precision: TimePrecision::Milliseconds,
            logon_auth: Arc::default(),
            logon_verifier: None,
            logon_timeout_ns: 10 * NS_PER_S,
            logout_timeout_ns: 10 * NS_PER_S,
            logout_linger_ns: 2 * NS_PER_S,
            validation: Validation::SessionMessages,
            early_bytes: 1 << 18,
        }
    }

    /// An acceptor with the same times, which resets when it is asked to.
    #[must_use]
    pub fn acceptor(ids: SessionIds) -> Self {
        Self { role: Role::Acceptor, reset: Reset::Never, ..Self::initiator(ids, 0) }
    }
}
