//! Networks that lava-dl exported (`.net`, HDF5): integer weights and the parameters of Loihi's current-based neurons.
//!
//! Layers stand in groups `layer/0`, `layer/1`, ... Every layer has a type, weights, and a group `neuron` whose decays are of
//! 4096 and whose threshold is a mantissa: the threshold is `vThMant` times 2^6, as weights count 2^6 each.

use std::path::Path;

use super::fields::{Fault, Fields};
use super::hdf::{Item, Tree};
use crate::diagnostic::{Diagnostic, Diagnostics, Result};

/// A layer of neurons behind dense weights.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LavaLayer {
    /// Its name in the file: `layer/0`.
    pub name: String,
    /// Axons.
    pub inputs: usize,
    /// Neurons.
    pub outputs: usize,
    /// \[outputs, inputs\], row-major.
    pub weight: Vec<i32>,
    /// Decay of the current, 0..=4096: U := U (4096 - decay) / 4096.
    pub current_decay: i32,
    /// Decay of the potential, 0..=4096.
    pub voltage_decay: i32,
    /// The threshold's mantissa: fires where V > 64 times this.
    pub threshold: i32,
}

/// A network of layers, one behind the other; at least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LavaNetwork {
    /// From the input to the output.
    pub layers: Vec<LavaLayer>,
}

/// Reads a lava-dl network.
///
/// # Errors
/// Everything that is wrong with it: SP0001 and SP0003 for the file, SP0130 where it is no such file, SP0131 for fields, SP0133
/// for layers and neurons that are not supported, SP0108 where layers do not fit together.
pub fn read_lava(path: &Path) -> Result<LavaNetwork> {
    let tree = Tree::read(path)?;
    parse(&tree).map_err(|found| found.within(&path.display().to_string()))
}

fn parse(tree: &Tree) -> Result<LavaNetwork> {
    let mut found = Diagnostics::default();
    let Some(group) = tree.group("layer") else {
        let way_out = "export the network with lava-dl's export_hdf5";
        found.push(Diagnostic::error("SP0130", "file", "there is no group `layer`", way_out));
        return Err(found);
    };
    // By number, not by name: 10 comes after 9.
    let mut numbered: Vec<(usize, &Tree)> = Vec::new();
    for (name, item) in &group.0 {
        match (name.parse(), item) {
            (Ok(number), Item::Group(layer)) => numbered.push((number, layer)),
            _ => found.push(Diagnostic::error(
                "SP0131",
                format!("layer/{name}"),
                "layers are groups with a number for a name",
                "export the network again",
            )),
        }
    }
    numbered.sort_by_key(|(number, _)| *number);
    let mut layers: Vec<LavaLayer> = Vec::new();
    for (number, tree) in numbered {
        let name = format!("layer/{number}");
        match layer(&name, tree) {
            Ok(Some(layer)) => {
                if let Some(before) = layers.last().filter(|before| before.outputs != layer.inputs) {
                    let rule = format!(
                        "{} axons behind {} neurons of {}",
                        layer.inputs, before.outputs, before.name
                    );
                    found.push(Diagnostic::error("SP0108", name, rule, "export the network again"));
                }
                layers.push(layer);
            }
            Ok(None) => {}
            Err(fault) => found.push(*fault),
        }
    }
    if layers.is_empty() && !found.has_errors() {
        found.push(Diagnostic::error(
            "SP0130",
            "file",
            "there is no layer with weights",
            "export the network again",
        ));
    }
    found.into_result(LavaNetwork { layers })
}

/// A layer with weights; `None` for one that only changes the shape.
fn layer(name: &str, tree: &Tree) -> std::result::Result<Option<LavaLayer>, Fault> {
    let fields = Fields { tree, place: name.to_owned() };
    let refuse =
        |what: String, way_out: &str| Box::new(Diagnostic::error("SP0133", name.to_owned(), what, way_out));
    match tree.text("type") {
        Some("dense") => {}
        Some("flatten") => return Ok(None),
        Some(other) => {
            return Err(refuse(
                format!("layers of the type `{other}` are not supported"),
                "dense and flatten are",
            ));
        }
        None => return Err(fields.fault("there is no text `type`", "export the network again")),
    }
    if let Ok((_, delays)) = fields.array("delay")
        && delays.iter().any(|&d| d != 0.0)
    {
        return Err(refuse("axon delays are not supported".into(), "train without delays"));
    }
    let (outputs, inputs, weight) = fields.matrix("weight")?;
    let weight = whole(&fields, "weight", &weight, -256.0, 255.0)?;
    let Some(neuron) = tree.group("neuron") else {
        return Err(fields.fault("there is no group `neuron`", "export the network again"));
    };
    let neuron = Fields { tree: neuron, place: format!("{name}/neuron") };
    if neuron.tree.text("type") != Some("CUBA") {
        let kind = neuron.tree.text("type").unwrap_or("without a type");
        return Err(refuse(format!("neurons `{kind}` are not supported"), "CUBA neurons are"));
    }
    for (field, only) in [("gradedSpike", 0.0), ("refDelay", 1.0)] {
        if neuron.has(field) && neuron.array(field)?.1.iter().any(|&x| x != only) {
            return Err(refuse(format!("neurons with `{field}` other than {only}"), "train without it"));
        }
    }
    if fields.has("bias") && fields.array("bias")?.1.iter().any(|&x| x != 0.0) {
        return Err(refuse("biases are not supported".into(), "train without biases"));
    }
    let one = |field: &str, least: f64, most: f64| -> std::result::Result<i32, Fault> {
        let (_, data) = neuron.array(field)?;
        let values = whole(&neuron, field, data, least, most)?;
        match values.as_slice() {
            [first, rest @ ..] if rest.iter().all(|x| x == first) => Ok(*first),
            _ => Err(neuron
                .fault(format!("field `{field}` differs between neurons"), "one value for a layer is read")),
        }
    };
    let current_decay = one("iDecay", 0.0, 4096.0)?;
    let voltage_decay = one("vDecay", 0.0, 4096.0)?;
    let threshold = one("vThMant", 0.0, 131_071.0)?;
    Ok(Some(LavaLayer {
        name: name.to_owned(),
        inputs,
        outputs,
        weight,
        current_decay,
        voltage_decay,
        threshold,
    }))
}

fn whole(
    fields: &Fields<'_>,
    name: &str,
    data: &[f64],
    least: f64,
    most: f64,
) -> std::result::Result<Vec<i32>, Fault> {
    let fits = |x: &f64| x.fract() == 0.0 && *x >= least && *x <= most;
    match data.iter().find(|x| !fits(x)) {
        Some(value) => {
            let rule =
                format!("field `{name}` holds {value}; whole numbers from {least} to {most} are wanted");
            Err(fields.fault(rule, "export the quantised network"))
        }
        None => Ok(data.iter().map(|&x| x as i32).collect()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn net(kind: &str, weight: &[f32]) -> Tree {
        let mut builder = hdf5_pure::FileBuilder::new();
        let mut layers = builder.create_group("layer");
        let mut layer = layers.create_group("0");
        layer.create_dataset("type").with_vlen_strings(&[kind]);
        layer.create_dataset("weight").with_f32_data(weight).with_shape(&[1, weight.len() as u64]);
        let mut neuron = layer.create_group("neuron");
        neuron.create_dataset("type").with_vlen_strings(&["CUBA"]);
        for (name, value) in [("iDecay", 410), ("vDecay", 4096), ("vThMant", 64)] {
            neuron.create_dataset(name).with_i64_data(&[value]);
        }
        layer.add_group(neuron.finish());
        layers.add_group(layer.finish());
        builder.add_group(layers.finish());
        Tree::parse(builder.finish().unwrap()).unwrap()
    }

    #[test]
    fn a_dense_layer() {
        let network = parse(&net("dense", &[3.0, -256.0])).unwrap();
        let layer = &network.layers[0];
        assert_eq!((layer.inputs, layer.outputs, layer.weight.as_slice()), (2, 1, &[3, -256][..]));
        assert_eq!((layer.current_decay, layer.voltage_decay, layer.threshold), (410, 4096, 64));
    }

    #[test]
    fn refusals_name_layer_and_reason() {
        let text = |tree| parse(&tree).unwrap_err().to_string();
        let conv = text(net("conv", &[1.0]));
        assert!(conv.contains("SP0133") && conv.contains("layer/0") && conv.contains("`conv`"), "{conv}");
        let half = text(net("dense", &[0.5]));
        assert!(half.contains("SP0131") && half.contains("`weight` holds 0.5"), "{half}");
    }
}
