//! Cases in child processes: a case that hangs, overflows its stack or takes all memory ends its process, not the run.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::case::Case;
use crate::judge::{Verdict, first_panic, judge};

/// The longest a case may take.
pub(crate) const LIMIT: Duration = Duration::from_secs(120);

/// The address space of a child in KiB.
const MEMORY_KIB: usize = 4 << 20;

/// A child: judges every number that it reads from its standard input.
pub(crate) fn serve(cases: &[Case]) -> std::io::Result<()> {
    // The panic's message is part of the verdict.
    std::panic::set_hook(Box::new(|panic| {
        first_panic().get_or_insert_with(|| panic.to_string().replace('\n', " "));
    }));
    for line in std::io::stdin().lock().lines() {
        let verdict = match line?.parse().ok().and_then(|i: usize| cases.get(i)) {
            Some(case) => judge(case),
            None => Verdict::wrong("no such case"),
        };
        let mut out = std::io::stdout().lock();
        writeln!(out, "{}", serde_json::to_string(&verdict)?)?;
        out.flush()?;
    }
    Ok(())
}

/// Judges the cases `wanted` by `jobs` children; the verdicts in the order of `wanted`, and each to `told` as soon as it is
/// there.
///
/// # Errors
/// A child can not be started.
pub(crate) fn run(
    wanted: &[usize],
    jobs: usize,
    arguments: &[String],
    told: &(dyn Fn(usize, &Verdict) + Sync),
) -> Result<Vec<Verdict>, String> {
    let next = AtomicUsize::new(0);
    let done: Mutex<Vec<Option<Verdict>>> = Mutex::new(vec![None; wanted.len()]);
    let fault: Mutex<Option<String>> = Mutex::new(None);
    std::thread::scope(|scope| {
        for _ in 0..jobs.max(1) {
            scope.spawn(|| {
                let mut child = None;
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    let Some(&case) = wanted.get(at) else { break };
                    match ask(&mut child, case, arguments) {
                        Ok(verdict) => {
                            told(case, &verdict);
                            done.lock().unwrap_or_else(PoisonError::into_inner)[at] = Some(verdict);
                        }
                        Err(text) => {
                            *fault.lock().unwrap_or_else(PoisonError::into_inner) = Some(text);
                            break;
                        }
                    }
                }
                if let Some(Handle { mut child, input, .. }) = child {
                    // The end of its input ends a child.
                    drop(input);
                    child.wait().ok();
                }
            });
        }
    });
    if let Some(text) = fault.into_inner().unwrap_or_else(PoisonError::into_inner) {
        return Err(text);
    }
    let done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    Ok(done.into_iter().map(|v| v.unwrap_or_else(|| Verdict::wrong("not run"))).collect())
}

/// A running child.
struct Handle {
    child: Child,
    input: ChildStdin,
    lines: Receiver<String>,
}

/// The verdict of one case, from the running child or a new one.
fn ask(slot: &mut Option<Handle>, case: usize, arguments: &[String]) -> Result<Verdict, String> {
    let mut handle = match slot.take() {
        Some(handle) => handle,
        None => start(arguments).map_err(|error| format!("a child can not be started: {error}"))?,
    };
    let sent = writeln!(handle.input, "{case}").and_then(|()| handle.input.flush());
    let answer = match sent {
        Ok(()) => handle.lines.recv_timeout(LIMIT),
        Err(_) => Err(RecvTimeoutError::Disconnected),
    };
    match answer {
        Ok(line) => {
            *slot = Some(handle);
            serde_json::from_str(&line).map_err(|error| format!("a child answers {line:?}: {error}"))
        }
        Err(RecvTimeoutError::Timeout) => {
            handle.child.kill().ok();
            handle.child.wait().ok();
            Ok(Verdict::wrong(&format!("no end within {} seconds", LIMIT.as_secs())))
        }
        Err(RecvTimeoutError::Disconnected) => {
            let status = handle.child.wait().map_or_else(|e| e.to_string(), |s| s.to_string());
            Ok(Verdict::wrong(&format!("the process ended: {status}")))
        }
    }
}

fn start(arguments: &[String]) -> std::io::Result<Handle> {
    let program = std::env::current_exe()?;
    // The shell sets the limit of memory, then becomes the child.
    let script = format!("ulimit -v {MEMORY_KIB} 2>/dev/null; exec \"$0\" \"$@\"");
    let mut child = Command::new("sh")
        .args(["-c", &script])
        .arg(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let missing = || std::io::Error::other("no pipe");
    let input = child.stdin.take().ok_or_else(missing)?;
    let output = child.stdout.take().ok_or_else(missing)?;
    let (sender, lines) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(output).lines() {
            if !line.is_ok_and(|line| sender.send(line).is_ok()) {
                break;
            }
        }
    });
    Ok(Handle { child, input, lines })
}
