//! The translators: one function per ONNX operator, in files by family, each listed in the `OPERATORS` of its file.

mod arithmetic;
mod attention;
mod beyond;
mod blocks;
mod cast;
mod control;
mod conv;
mod einsum;
mod fixed;
mod fused;
mod gather;
mod matrix;
mod moves;
mod norm;
mod normalise;
mod orders;
mod pool;
mod powers;
mod qlinear;
mod qonnx;
mod quantise;
mod recurrent;
mod reduce;
mod resize;
mod scan;
mod shapes;
mod signal;
mod taps;
mod top;
mod transposed;
mod unary;
mod views;
mod window;

pub(crate) use beyond::beyond;

use super::context::Context;
use crate::diagnostic::Result;

/// Translates one node: makes every wanted output known, or returns all that is wrong with it.
pub(crate) type Translate = fn(&mut Context<'_, '_>) -> Result<()>;

/// One operator.
pub(crate) struct Operator {
    /// Empty for `ai.onnx`.
    pub(crate) domain: &'static str,
    pub(crate) name: &'static str,
    pub(crate) translate: Translate,
}

/// An operator of the domain `ai.onnx`.
const fn onnx(name: &'static str, translate: Translate) -> Operator {
    Operator { domain: "", name, translate }
}

const FAMILIES: &[&[Operator]] = &[
    arithmetic::OPERATORS,
    attention::OPERATORS,
    blocks::OPERATORS,
    cast::OPERATORS,
    control::OPERATORS,
    conv::OPERATORS,
    einsum::OPERATORS,
    fixed::OPERATORS,
    fused::OPERATORS,
    gather::OPERATORS,
    matrix::OPERATORS,
    moves::OPERATORS,
    norm::OPERATORS,
    normalise::OPERATORS,
    pool::OPERATORS,
    powers::OPERATORS,
    qlinear::OPERATORS,
    qonnx::OPERATORS,
    quantise::OPERATORS,
    recurrent::OPERATORS,
    reduce::OPERATORS,
    resize::OPERATORS,
    scan::OPERATORS,
    shapes::OPERATORS,
    signal::OPERATORS,
    top::OPERATORS,
    transposed::OPERATORS,
    unary::OPERATORS,
    views::OPERATORS,
];

/// The translator of an operator.
pub(crate) fn find(domain: &str, name: &str) -> Option<Translate> {
    let mut all = FAMILIES.iter().flat_map(|family| family.iter());
    all.find(|o| o.domain == domain && o.name == name).map(|o| o.translate)
}

/// The names of all operators, sorted, those outside `ai.onnx` with their domain.
pub(crate) fn names() -> Vec<String> {
    let all = FAMILIES.iter().flat_map(|family| family.iter());
    let mut names: Vec<String> = all
        .map(|o| if o.domain.is_empty() { o.name.to_owned() } else { format!("{}.{}", o.domain, o.name) })
        .collect();
    names.sort();
    names
}

#[cfg(test)]
mod tests {
    #[test]
    fn no_operator_is_listed_twice() {
        let names = super::names();
        assert!(names.windows(2).all(|w| w[0] < w[1]), "{names:?}");
    }
}
