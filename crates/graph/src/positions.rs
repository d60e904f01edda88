//! Scores to places.

use rayon::prelude::*;

/// Returns each node's place when scores descend: 1 is the highest, equal scores go by id.
///
/// *Memory*: 4 bytes per node beside the 8 of the result.
///
/// # Examples
/// ```
/// assert_eq!(crawlrank_graph::positions(&[0.2, 0.5, 0.2, 0.1]), [2, 1, 3, 4]);
/// ```
///
/// # Panics
/// With more than 2^32 scores; a graph has fewer nodes.
pub fn positions(scores: &[f64]) -> Vec<u64> {
    let len = u32::try_from(scores.len()).expect("a graph has fewer than 2^32 nodes");
    let mut order: Vec<u32> = (0..len).collect();
    // No two entries are equal, so an unstable sort has one result.
    order.par_sort_unstable_by(|&a, &b| {
        scores[b as usize]
            .total_cmp(&scores[a as usize])
            .then(a.cmp(&b))
    });
    let mut positions = vec![0; scores.len()];
    for (place, node) in (1..).zip(order) {
        positions[node as usize] = place;
    }
    positions
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ties_go_by_id() {
        assert_eq!(
            positions(&[1.0; 70_000]),
            (1..=70_000).collect::<Vec<u64>>()
        );
        assert_eq!(positions(&[0.0, 3.0, 3.0, 7.0]), [4, 2, 3, 1]);
        assert!(positions(&[]).is_empty());
    }
}
