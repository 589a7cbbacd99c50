//! Requests as SQS bills them: each call is one, and each started 64 KB of its payload beyond the first is one more.

/// Messages of one call at most (SQS-3).
pub const BATCH_MAX: usize = 10;
/// Payload that one billed request covers (`sqs.std`).
const REQUEST_BYTES: u64 = 64 * 1_024;

/// How a sender's or a receiver's messages are spread over calls: at most ten messages and `payload_max` bytes each. Gives the
/// calls and the requests billed for them.
pub fn calls(sizes: impl Iterator<Item = u64>, payload_max: u64) -> Calls {
    let mut all = Calls::default();
    let (mut messages, mut payload) = (0, 0);
    for size in sizes {
        if messages == BATCH_MAX || (messages > 0 && payload + size > payload_max) {
            all.close(payload);
            (messages, payload) = (0, 0);
        }
        messages += 1;
        payload += size;
    }
    if messages > 0 {
        all.close(payload);
    }
    all
}

/// Requests that one call is billed as: one for each started 64 KB of payload, at least one (SQS-4). A batch is one call; an
/// empty receive has no payload and is one request.
pub fn requests(payload_bytes: u64) -> u64 {
    payload_bytes.div_ceil(REQUEST_BYTES).max(1)
}

/// Calls with messages, and what is billed for them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Calls {
    /// Calls.
    pub calls: u64,
    /// Requests billed.
    pub requests: u64,
}

impl Calls {
    fn close(&mut self, payload: u64) {
        self.calls += 1;
        self.requests += requests(payload);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_started_64_kb_is_a_request_and_so_is_an_empty_receive() {
        assert_eq!([0, 1, 65_536, 65_537, 256 * 1_024].map(requests), [1, 1, 1, 2, 4]);
    }

    /// The examples of AWS's price page: a call with 64 KB is one request, one with 256 KB four; ten small messages in one
    /// call are one.
    #[test]
    fn sqs_4_each_64_kb_are_one_request_and_ten_small_messages_one() {
        let of = |sizes: &[u64]| calls(sizes.iter().copied(), 1 << 20);
        assert_eq!(of(&[64 * 1_024]), Calls { calls: 1, requests: 1 });
        assert_eq!(of(&[256 * 1_024]), Calls { calls: 1, requests: 4 });
        assert_eq!(of(&[700; 10]), Calls { calls: 1, requests: 1 });
        assert_eq!(of(&[700; 11]), Calls { calls: 2, requests: 2 });
        // A call carries as much as one message may have.
        assert_eq!(of(&[600_000; 3]), Calls { calls: 3, requests: 30 });
        assert_eq!(of(&[]), Calls::default());
    }
}
