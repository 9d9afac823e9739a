//! What a message says that the rules of sequence numbers ask about, read without any code of the session.

/// What a frame says, read without the session's decoders: first byte of a type of one byte, MsgSeqNum(34), the largest
/// NewSeqNo(36), whether ResetSeqNumFlag(141) is set, whether PossDupFlag(43) is.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Said {
    pub(super) message_type: u8,
    /// `None` where it is absent, no positive number, or there twice.
    pub(super) sequence: Option<u32>,
    /// The first one that is a number, 0 for none.
    pub(super) first_sequence: u32,
    pub(super) new_sequence: u32,
    pub(super) resets: bool,
    pub(super) is_duplicate: bool,
}

impl Said {
    /// The number that is expected behind this message, where its own is `sequence`.
    pub(super) fn next(&self, sequence: u32) -> u32 {
        let next = sequence.saturating_add(1);
        if self.message_type == b'4' { next.max(self.new_sequence) } else { next }
    }

    pub(super) fn read(frame: &[u8]) -> Self {
        let mut said = Self::default();
        let mut sequences = 0;
        let number = |value: &[u8]| {
            let text = std::str::from_utf8(value).ok()?;
            text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse::<u32>().ok())?
        };
        for (at, field) in frame.split(|&byte| byte == 1).enumerate() {
            if let (2, Some(&[one])) = (at, field.strip_prefix(b"35=")) {
                said.message_type = one;
            } else if let Some(value) = field.strip_prefix(b"34=") {
                sequences += 1;
                if said.first_sequence == 0 {
                    said.first_sequence = number(value).unwrap_or(0);
                }
                said.sequence = number(value).filter(|&sequence| sequence > 0 && sequences == 1);
            } else if let Some(value) = field.strip_prefix(b"36=") {
                said.new_sequence = said.new_sequence.max(number(value).unwrap_or(u32::MAX));
            }
            said.resets |= field == b"141=Y";
            said.is_duplicate |= field == b"43=Y";
        }
        said
    }
}
