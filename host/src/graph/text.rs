//! The text form of a graph: one line per input, one per node, one per output; stable.

use std::fmt;

use super::{Graph, ValueId};

/// One line per node: handle, primitive with attributes, in brackets the ONNX operator it was made from where that has
/// another name, node name, operands with shapes, result with shape. Constants are marked with `const`. The body of a loop
/// stands indented under the first node that has it.
impl fmt::Display for Graph {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = |id: ValueId| {
            let value = self.value(id);
            let mark = if value.is_computed() { "" } else { "const " };
            format!("{mark}{:?} {:?}", value.name, value.shape)
        };
        for &input in self.inputs() {
            writeln!(f, "input {}", text(input))?;
        }
        for (id, node) in self.iter() {
            let operands: Vec<String> = node.inputs.iter().map(|&i| text(i)).collect();
            let from =
                if node.origin == node.op.name() { String::new() } else { format!(" [{}]", node.origin) };
            let (index, name, operands) = (id.index(), &node.name, operands.join(", "));
            writeln!(f, "n{index} {}{from} {name:?} ({operands}) -> {}", node.op, text(node.output))?;
            if let super::Op::Scan(scan) = &node.op {
                let earlier = self.nodes()[..index].iter().any(
                    |n| matches!(&n.op, super::Op::Scan(other) if std::sync::Arc::ptr_eq(&other.body, &scan.body)),
                );
                if !earlier {
                    for line in scan.body.to_string().lines() {
                        writeln!(f, "  {line}")?;
                    }
                }
            }
        }
        for &output in self.outputs() {
            writeln!(f, "output {}", text(output))?;
        }
        Ok(())
    }
}
