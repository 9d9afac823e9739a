//! The fields of FIX 4.4 that warptick writes or reads, as typed constants.
//!
//! Names, numbers and types are those of the standard's dictionary; a test compares them with QuickFIX's `FIX44.xml`.

use super::field::{Boolean, Char, Data, Field, Int, Length, Price, Qty, SeqNum, Text, UtcTimestamp};

/// Defines the constants and, for the test, the table of what they say.
macro_rules! fields {
    ($($constant:ident = $tag:literal $name:literal $kind:ident, $says:literal;)*) => {
        $(
            #[doc = concat!($name, "(", stringify!($tag), "): ", $says)]
            pub const $constant: Field<$kind> = Field::new($tag, $name);
        )*

        #[cfg(test)]
        const TABLE: &[(u32, &str, &str)] =
            &[$(($tag, $name, <$kind as super::field::FieldType>::NAME)),*];
    };
}

fields! {
    ACCOUNT = 1 "Account" Text, "the client's account.";
    AVG_PX = 6 "AvgPx" Price, "average fill price.";
    BEGIN_SEQ_NO = 7 "BeginSeqNo" SeqNum, "first message that is asked for again.";
    BEGIN_STRING = 8 "BeginString" Text, "protocol version.";
    BODY_LENGTH = 9 "BodyLength" Length, "bytes between it and CheckSum.";
    CHECK_SUM = 10 "CheckSum" Text, "sum of all bytes before it, modulo 256.";
    CL_ORD_ID = 11 "ClOrdID" Text, "the client's id of this request.";
    CUM_QTY = 14 "CumQty" Qty, "quantity filled so far.";
    END_SEQ_NO = 16 "EndSeqNo" SeqNum, "last message that is asked for again, 0 for all.";
    EXEC_ID = 17 "ExecID" Text, "the venue's id of this report.";
    HANDL_INST = 21 "HandlInst" Char, "handling instruction.";
    LAST_PX = 31 "LastPx" Price, "price of this fill.";
    LAST_QTY = 32 "LastQty" Qty, "quantity of this fill.";
    MSG_SEQ_NUM = 34 "MsgSeqNum" SeqNum, "the sender's message number.";
    MSG_TYPE = 35 "MsgType" Text, "kind of message.";
    NEW_SEQ_NO = 36 "NewSeqNo" SeqNum, "the number that the next message will have.";
    ORDER_ID = 37 "OrderID" Text, "the venue's id of the order.";
    ORDER_QTY = 38 "OrderQty" Qty, "total quantity of the order.";
    ORD_STATUS = 39 "OrdStatus" Char, "state of the order after this report.";
    ORD_TYPE = 40 "OrdType" Char, "1 market, 2 limit.";
    ORIG_CL_ORD_ID = 41 "OrigClOrdID" Text, "the request that this one is about.";
    POSS_DUP_FLAG = 43 "PossDupFlag" Boolean, "Y: sent before under this number.";
    PRICE = 44 "Price" Price, "limit price.";
    REF_SEQ_NUM = 45 "RefSeqNum" SeqNum, "number of the message that is refused.";
    SENDER_COMP_ID = 49 "SenderCompID" Text, "who sends.";
    SENDER_SUB_ID = 50 "SenderSubID" Text, "who at the sender.";
    SENDING_TIME = 52 "SendingTime" UtcTimestamp, "when it was sent.";
    SIDE = 54 "Side" Char, "1 buy, 2 sell.";
    SYMBOL = 55 "Symbol" Text, "the instrument.";
    TARGET_COMP_ID = 56 "TargetCompID" Text, "who receives.";
    TARGET_SUB_ID = 57 "TargetSubID" Text, "who at the receiver.";
    TEXT = 58 "Text" Text, "free text.";
    TIME_IN_FORCE = 59 "TimeInForce" Char, "0 day, 3 immediate or cancel.";
    TRANSACT_TIME = 60 "TransactTime" UtcTimestamp, "when the event happened.";
    RAW_DATA_LENGTH = 95 "RawDataLength" Length, "bytes of RawData.";
    RAW_DATA = 96 "RawData" Data, "opaque bytes, of a logon for example.";
    POSS_RESEND = 97 "PossResend" Boolean, "Y: maybe sent before, under another number.";
    ENCRYPT_METHOD = 98 "EncryptMethod" Int, "0: none, the only one supported.";
    CXL_REJ_REASON = 102 "CxlRejReason" Int, "why a cancel or replace was refused.";
    ORD_REJ_REASON = 103 "OrdRejReason" Int, "why an order was refused.";
    HEART_BT_INT = 108 "HeartBtInt" Int, "seconds between heartbeats.";
    TEST_REQ_ID = 112 "TestReqID" Text, "echoed by the heartbeat that answers.";
    ON_BEHALF_OF_COMP_ID = 115 "OnBehalfOfCompID" Text, "third party that sends.";
    ORIG_SENDING_TIME = 122 "OrigSendingTime" UtcTimestamp, "when a repeated message was first sent.";
    GAP_FILL_FLAG = 123 "GapFillFlag" Boolean, "Y: stands for messages that are not repeated.";
    DELIVER_TO_COMP_ID = 128 "DeliverToCompID" Text, "third party that receives.";
    RESET_SEQ_NUM_FLAG = 141 "ResetSeqNumFlag" Boolean, "Y: both sides start again at 1.";
    EXEC_TYPE = 150 "ExecType" Char, "what this report is about.";
    LEAVES_QTY = 151 "LeavesQty" Qty, "quantity still open.";
    SECONDARY_ORDER_ID = 198 "SecondaryOrderID" Text, "a second id of the venue.";
    ENCODED_TEXT_LEN = 354 "EncodedTextLen" Length, "bytes of EncodedText.";
    ENCODED_TEXT = 355 "EncodedText" Data, "text in another character set.";
    LAST_MSG_SEQ_NUM_PROCESSED = 369 "LastMsgSeqNumProcessed" SeqNum, "last number that the sender has processed.";
    REF_TAG_ID = 371 "RefTagID" Int, "the tag that is at fault.";
    REF_MSG_TYPE = 372 "RefMsgType" Text, "kind of message that is refused.";
    SESSION_REJECT_REASON = 373 "SessionRejectReason" Int, "why it is refused.";
    BUSINESS_REJECT_REF_ID = 379 "BusinessRejectRefID" Text, "id in the message that is refused.";
    BUSINESS_REJECT_REASON = 380 "BusinessRejectReason" Int, "why an application message is refused.";
    CXL_REJ_RESPONSE_TO = 434 "CxlRejResponseTo" Char, "1: a cancel was refused, 2: a replace.";
    ORDER_CAPACITY = 528 "OrderCapacity" Char, "agency, principal.";
    USERNAME = 553 "Username" Text, "user.";
    PASSWORD = 554 "Password" Text, "password; never logged.";
    NEXT_EXPECTED_MSG_SEQ_NUM = 789 "NextExpectedMsgSeqNum" SeqNum, "number that the sender expects next.";
    LAST_LIQUIDITY_IND = 851 "LastLiquidityInd" Int, "1: added liquidity, 2: took it.";
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fix::cursor::{data_tag_of, length_tag_of};

    /// (number, name, type) of every `<field number=..>` of a QuickFIX dictionary.
    fn dictionary(xml: &str) -> Vec<(u32, &str, &str)> {
        let attribute = |line: &'_ str, name: &str| -> Option<(usize, usize)> {
            let start = line.find(&format!("{name}='"))? + name.len() + 2;
            Some((start, start + line[start..].find('\'')?))
        };
        xml.lines()
            .filter(|line| line.trim_start().starts_with("<field number="))
            .filter_map(|line| {
                let [number, name, kind] = ["number", "name", "type"].map(|wanted| attribute(line, wanted));
                let ((a, b), (c, d), (e, f)) = (number?, name?, kind?);
                Some((line[a..b].parse().ok()?, &line[c..d], &line[e..f]))
            })
            .collect()
    }

    #[test]
    fn constants_are_those_of_the_standard() {
        let path =
            concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data/quickfix_acceptance/spec/FIX44.xml");
        let Ok(xml) = std::fs::read_to_string(path) else {
            println!("SKIPPED: ../shared/data is absent");
            return;
        };
        let standard = dictionary(&xml);
        assert!(standard.len() > 900, "only {} fields read", standard.len());
        for row in TABLE {
            assert!(standard.contains(row), "{row:?} is not in the dictionary");
        }
        for &(number, name, kind) in &standard {
            assert_eq!(length_tag_of(number) != 0, kind == "DATA", "{name}({number}) {kind}");
            let announces_data = kind == "LENGTH" && name != "BodyLength" && name != "MaxMessageSize";
            assert_eq!(data_tag_of(number) != 0, announces_data, "{name}({number}) {kind}");
        }
    }
}
