//! The easy loop.

use std::io::Read;

use crate::error::Error;
use crate::reader::Reader;
use crate::record::Record;

/// Iterator over the records of an input; made by [`Reader::records`].
///
/// Each record has its own memory. Faults and totals are reached through [`Records::reader`].
pub struct Records<R> {
    reader: Reader<R>,
    /// Read into again and again, so that each record handed out is of its own size only.
    record: Record,
    ended: bool,
}

impl<R: Read> Records<R> {
    pub(crate) fn new(reader: Reader<R>) -> Records<R> {
        Records {
            reader,
            record: Record::default(),
            ended: false,
        }
    }

    /// Returns the reader, for its totals.
    pub fn reader(&self) -> &Reader<R> {
        &self.reader
    }

    /// Returns the reader, for its faults.
    pub fn reader_mut(&mut self) -> &mut Reader<R> {
        &mut self.reader
    }
}

impl<R: Read> Iterator for Records<R> {
    type Item = Result<Record, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        match self.reader.read_record(&mut self.record) {
            Ok(true) => Some(Ok(self.record.clone())),
            Ok(false) => {
                self.ended = true;
                None
            }
            Err(error) => {
                self.ended = true;
                Some(Err(error))
            }
        }
    }
}
