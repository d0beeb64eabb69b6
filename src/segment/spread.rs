//! Numbers that are packed without the slots that have none, one a slot again.

/// One number a slot from one number for each slot that is not left out; those repeat the one
/// before.
pub(super) fn spread<T: Copy + Default>(slots: usize, left_out: &[u16], numbers: &[T]) -> Vec<T> {
    let mut out = Vec::with_capacity(slots);
    let mut numbers = numbers.iter();
    let mut left_out = left_out.iter().peekable();
    let mut last = T::default();
    for slot in 0..slots {
        if left_out.next_if(|position| usize::from(**position) == slot).is_none() {
            last = numbers.next().copied().unwrap_or(last);
        }
        out.push(last);
    }
    out
}

/// The same for mantissas, over what `out` has; the slots that are left out ascend, and the first slot
/// is `from`.
pub(super) fn spread_over(out: &mut [i64], (left_out, from): (&[u32], u32), mantissas: &[i64]) {
    let (mut next, mut at, mut last) = (0, 0, 0);
    let ends = left_out.iter().map(|slot| (slot.saturating_sub(from)) as usize);
    for end in ends.chain([out.len()]) {
        // Those between two that are left out are neighbours in both lists.
        let count = end.saturating_sub(at).min(mantissas.len() - next);
        if let Some(run) = out.get_mut(at..at + count).filter(|run| !run.is_empty()) {
            run.copy_from_slice(&mantissas[next..next + count]);
            last = mantissas[next + count - 1];
            next += count;
        }
        if let Some(slot) = out.get_mut(end) {
            *slot = last;
        }
        at = end + 1;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn mantissas_are_spread_alike_anew_and_over_others(
            absent in prop::collection::vec(prop::bool::weighted(0.6), 0..40),
            from in 0_u32..1_000,
        ) {
            let left_out: Vec<u16> =
                (0..).zip(&absent).filter(|(_, is_absent)| **is_absent).map(|(at, _)| at).collect();
            let count = absent.len() - left_out.len();
            let mantissas: Vec<i64> = (1..).take(count).collect();
            let slots: Vec<u32> = left_out.iter().map(|at| from + u32::from(*at)).collect();
            let mut found = vec![-1; absent.len()];
            spread_over(&mut found, (&slots, from), &mantissas);
            prop_assert_eq!(found, spread(absent.len(), &left_out, &mantissas));
        }
    }
}
