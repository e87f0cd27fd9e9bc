//! The text form of a graph: one line for the input, one per node, one for the output; stable.

use std::fmt;

use super::Graph;
use super::shape::text;

/// One line per node: handle, operator with attributes, node name, operands with shapes, result with shape.
/// Constants are marked with `const`; `N` stands for the batch.
impl fmt::Display for Graph {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let input = self.value(self.input());
        writeln!(f, "input {:?} {}", input.name, text(input))?;
        for (id, node) in self.iter() {
            let operands: Vec<String> = node
                .inputs
                .iter()
                .map(|&i| {
                    let v = self.value(i);
                    let mark = if v.is_batched() { "" } else { "const " };
                    format!("{mark}{:?} {}", v.name, text(v))
                })
                .collect();
            let output = self.value(node.output);
            let operands = operands.join(", ");
            let (index, name) = (id.index(), &node.name);
            writeln!(f, "n{index} {} {name:?} ({operands}) -> {:?} {}", node.op, output.name, text(output))?;
        }
        let output = self.value(self.output());
        writeln!(f, "output {:?} {}", output.name, text(output))
    }
}
