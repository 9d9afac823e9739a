//! A FIX reader of its own, as small as it can be: the monitor must not share a mistake with the engine's.

/// The messages in a stream of bytes.
#[derive(Default)]
pub struct Stream {
    bytes: Vec<u8>,
}

impl Stream {
    pub fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// The connection is gone, and what of a message had come with it.
    pub fn clear(&mut self) {
        self.bytes.clear();
    }

    /// The next whole message.
    ///
    /// # Errors
    /// What is wrong with the bytes at the front: nobody damages any on the way.
    pub fn next(&mut self) -> Result<Option<Message>, String> {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).replace('\x01', "|");
        if self.bytes.len() < 20 {
            return Ok(None);
        }
        if !self.bytes.starts_with(b"8=FIX") {
            return Err(format!("no BeginString: {}", text(&self.bytes)));
        }
        let mut fields = self.bytes.split(|&byte| byte == 1);
        let (Some(begin), Some(length)) = (fields.next(), fields.next()) else { return Ok(None) };
        let front = begin.len() + 1 + length.len() + 1;
        let length = std::str::from_utf8(length).ok().and_then(|text| text.strip_prefix("9="));
        let length = length.and_then(|text| text.parse::<usize>().ok());
        let Some(length) = length else { return Err(format!("no BodyLength: {}", text(&self.bytes))) };
        let end = front + length + 7;
        if self.bytes.len() < end {
            return Ok(None);
        }
        let message: Vec<u8> = self.bytes.drain(..end).collect();
        let sum: u32 = message[..front + length].iter().map(|&byte| u32::from(byte)).sum();
        if message[front + length..] != *format!("10={:03}\x01", sum % 256).as_bytes() {
            return Err(format!("BodyLength or CheckSum is wrong: {}", text(&message)));
        }
        Ok(Some(Message { bytes: message }))
    }
}

/// One message.
pub struct Message {
    bytes: Vec<u8>,
}

impl Message {
    pub fn fields(&self) -> impl Iterator<Item = (&str, &str)> {
        let text = std::str::from_utf8(&self.bytes).unwrap_or("");
        text.split('\x01').filter_map(|field| field.split_once('='))
    }

    pub fn get(&self, tag: &str) -> Option<&str> {
        self.fields().find(|field| field.0 == tag).map(|field| field.1)
    }

    pub fn kind(&self) -> &str {
        self.get("35").unwrap_or("")
    }

    /// A whole number; `None` where the field is absent or is none.
    pub fn number(&self, tag: &str) -> Option<u64> {
        self.get(tag)?.parse().ok()
    }

    /// A decimal number in 1e-9.
    pub fn price(&self, tag: &str) -> Option<i64> {
        let text = self.get(tag)?;
        let (sign, text) = text.strip_prefix('-').map_or((1, text), |text| (-1, text));
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        let digits = format!("{whole}{fraction:0<9}");
        (fraction.len() <= 9).then_some(sign * digits.parse::<i64>().ok()?)
    }

    /// The time of day of a UTCTimestamp, ns.
    pub fn time_of_day_ns(&self, tag: &str) -> Option<u64> {
        let (_, time) = self.get(tag)?.split_once('-')?;
        let (seconds, fraction) = time.split_once('.').unwrap_or((time, ""));
        let mut parts = seconds.split(':').map(str::parse::<u64>);
        let (hours, minutes, seconds) = (parts.next()?.ok()?, parts.next()?.ok()?, parts.next()?.ok()?);
        let fraction: u64 = format!("{fraction:0<9}").parse().ok()?;
        Some((hours * 3_600 + minutes * 60 + seconds) * 1_000_000_000 + fraction)
    }

    /// What must not change when a message is sent again: all but the header's marks of it, lengths and sums.
    pub fn body(&self) -> String {
        let changes = ["8", "9", "10", "43", "52", "97", "122"];
        let body = self.fields().filter(|field| !changes.contains(&field.0));
        body.map(|(tag, value)| format!("{tag}={value}|")).collect()
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).replace('\x01', "|")
    }
}

/// Builds a message of these fields, for tests.
#[cfg(test)]
pub fn message(body: &str) -> Vec<u8> {
    let body = body.replace('|', "\x01");
    let front = format!("8=FIX.4.4\x019={}\x01{body}", body.len());
    let sum: u32 = front.bytes().map(u32::from).sum();
    format!("{front}10={:03}\x01", sum % 256).into_bytes()
}

#[test]
fn messages_come_out_of_any_pieces() {
    let bytes = [message("35=D|34=2|44=12.5|"), message("35=0|34=3|60=20260105-09:30:01.250|")].concat();
    for size in 1..bytes.len() {
        let (mut stream, mut found) = (Stream::default(), Vec::new());
        for piece in bytes.chunks(size) {
            stream.push(piece);
            while let Some(message) = stream.next().expect("undamaged") {
                found.push(message);
            }
        }
        assert_eq!(found.len(), 2);
        assert_eq!((found[0].kind(), found[0].price("44")), ("D", Some(12_500_000_000)));
        assert_eq!(found[1].time_of_day_ns("60"), Some(34_201_250_000_000));
    }
    let mut stream = Stream::default();
    stream.push(&bytes[..bytes.len() / 2 - 9]);
    stream.push(&[b'x'; 60]);
    assert!(stream.next().is_err());
}
