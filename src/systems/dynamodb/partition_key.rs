//! The Kinesis partition key that DynamoDB gives to the changes of an item.

use md5::{Digest, Md5};

/// Length of the partition key; these bytes count towards a shard's byte limit (`KDC-P1`).
pub const PARTITION_KEY_BYTES: u32 = 32;

/// Keeps the hash apart from the plain MD5 of the key values, which is known not to be the rule (`KDC-P3`).
const SALT: &[u8] = b"streamgauge/replication-partition-key/";

/// The partition key of an item: 32 upper-case hex digits, the same for every change of the item (`KDC-P1`,
/// `KDC-P2`). AWS does not publish its hash; any good stable one will do in a model (`KDC-P3`).
///
/// `item_key` is the item's full primary key in any encoding that keeps different keys apart (`KDC-P4`).
pub fn replication_partition_key(item_key: &[u8]) -> [u8; PARTITION_KEY_BYTES as usize] {
    let digest: [u8; 16] = Md5::new().chain_update(SALT).chain_update(item_key).finalize().into();
    let mut digits = [0; PARTITION_KEY_BYTES as usize];
    for (pair, byte) in digits.chunks_exact_mut(2).zip(digest) {
        pair.copy_from_slice(&[hex_digit(byte >> 4), hex_digit(byte & 15)]);
    }
    digits
}

const fn hex_digit(nibble: u8) -> u8 {
    if nibble < 10 { b'0' + nibble } else { b'A' + nibble - 10 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn kdc_p1_p3_the_key_is_the_upper_case_hex_of_a_salted_md5() {
        let salted: [u8; 16] = Md5::digest(b"streamgauge/replication-partition-key/user#1").into();
        let expected: String = salted.iter().map(|byte| format!("{byte:02X}")).collect();
        assert_eq!(replication_partition_key(b"user#1"), expected.as_bytes());
    }

    #[test]
    fn kdc_p2_different_items_have_different_keys() {
        let keys: BTreeSet<_> =
            (0_u64..10_000).map(|id| replication_partition_key(&id.to_be_bytes())).collect();
        assert_eq!(keys.len(), 10_000);
    }
}
