//! Numbers that are the same on every machine.

/// A xorshift generator; the seed must not be 0.
pub struct Random(pub u64);

impl Random {
    pub fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        ((self.0 >> 33) as usize) % bound
    }

    /// `len` octets, each one of `alphabet`.
    pub fn text(&mut self, alphabet: &[u8], len: usize) -> String {
        let octets = (0..len).map(|_| char::from(alphabet[self.below(alphabet.len())]));
        octets.collect()
    }
}
