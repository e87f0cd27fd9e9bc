//! The names of the rules an image can break.

/// All of them, in the order of the format's document.
pub const RULES: [&str; 23] = [
    "too-short",
    "bad-magic",
    "unsupported-version",
    "length-mismatch",
    "header-checksum",
    "section-checksum",
    "digest-mismatch",
    "signature-not-built",
    "unknown-critical-section",
    "duplicate-section",
    "missing-section",
    "section-order",
    "not-zero",
    "out-of-range",
    "unknown-code",
    "dangling-reference",
    "loop-register",
    "loop-nesting",
    "too-long",
    "ram-mismatch",
    "accumulator-overflow",
    "beyond-edge",
    "not-text",
];
