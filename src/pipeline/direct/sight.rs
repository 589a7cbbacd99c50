//! What whoever follows a record sees of its direct producer.

use super::{Direct, UserRecord};
use crate::systems::kinesis::lineage::Lineage;
use crate::systems::kinesis::producer::record::Parcel;
use crate::workload::key_name::KeyBuffer;
use crate::workload::put_records::Made;

impl Direct {
    /// The record that it makes next.
    pub fn next_record(&self) -> Option<Made> {
        self.flow.next_made()
    }

    /// How many records of a key it has made.
    pub fn made_of(&self, key: u32) -> u32 {
        self.keys.get(key as usize).map_or(0, |key| key.made)
    }

    /// The partition key of this number, as it is written.
    pub fn key_name(&self, key: u32) -> String {
        let mut buffer = KeyBuffer::default();
        String::from_utf8_lossy(self.plan.names.write(key, &mut buffer)).into_owned()
    }

    /// A record that its client has not heard the last of: the so-manieth of its key, with its handle.
    pub fn record_of(&self, key: u32, version: u32) -> Option<(u32, UserRecord)> {
        let found = self.records.find(|record| (record.key, record.version) == (key, version));
        found.first().map(|handle| (*handle, self.records.get(*handle)))
    }

    /// The Kinesis records of the call in a slot, each with its shard and its users' records.
    pub fn parcels(&self, slot: u32, lineage: &Lineage) -> Vec<(Parcel, usize, Vec<u32>)> {
        let shard =
            |parcel: &Parcel| usize::from(lineage.shard_of(self.hash(&self.records.get(parcel.first))));
        let parcels = self.calls.parcels(slot).iter();
        parcels.map(|it| (*it, shard(it), it.members(&self.records).collect())).collect()
    }

    /// Bytes of the data of these records.
    pub fn data_of(&self, members: &[u32]) -> u32 {
        members.iter().map(|member| self.records.get(*member).data).sum()
    }
}
