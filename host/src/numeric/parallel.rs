//! Sharing work among threads without letting the result depend on how it was shared.

use std::num::NonZero;
use std::sync::Mutex;
use std::thread;

/// Worker threads: the processors at hand, or what `SPANDREL_THREADS` says. Results never depend on it.
fn threads() -> usize {
    let asked = std::env::var("SPANDREL_THREADS").ok().and_then(|text| text.parse::<usize>().ok());
    asked.filter(|&n| n > 0).unwrap_or_else(|| thread::available_parallelism().map_or(1, NonZero::get))
}

/// Splits `data` (rows of `width`) into runs of whole rows and lets threads work on them: `work(first row, rows)`.
/// The result must not depend on how the rows are split.
pub fn parallel_rows<T: Send>(data: &mut [T], width: usize, work: impl Fn(usize, &mut [T]) + Sync) {
    if data.is_empty() || width == 0 {
        return;
    }
    let threads = threads();
    let rows = data.len() / width;
    // Several runs per thread even out rows of unequal work.
    let run = rows.div_ceil(threads * 4).max(1);
    if threads == 1 || rows == 1 {
        work(0, data);
        return;
    }
    let queue = Mutex::new(data.chunks_mut(run * width).enumerate());
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let next = queue.lock().map(|mut queue| queue.next());
                    let Ok(Some((index, rows))) = next else { break };
                    work(index * run, rows);
                }
            });
        }
    });
}

/// `f(0)`, `f(1)`, ... `f(count - 1)` in that order, computed by all threads.
pub fn parallel_map<T: Send>(count: usize, f: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let mut slots: Vec<Option<T>> = (0..count).map(|_| None).collect();
    parallel_rows(&mut slots, 1, |first, slots| {
        for (at, slot) in slots.iter_mut().enumerate() {
            *slot = Some(f(first + at));
        }
    });
    slots.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::parallel_map;

    #[test]
    fn order_is_kept() {
        assert_eq!(parallel_map(100, |i| i * i), (0..100).map(|i| i * i).collect::<Vec<_>>());
        assert!(parallel_map(0, |i| i).is_empty());
    }
}
