//! The text form of an image: its parts, and its program as assembly.

use std::fmt::{self, Write as _};

use spandrel_core::arith::Rounding;
use spandrel_core::crossbar::{Activation, Crossbar, Polarity, Readout};
use spandrel_core::image::{
    Access, Codec, Combine, Config, Image, Instruction, Mapping, NO_REGISTER, NO_TABLE, Reading, ResetTarget,
    Side,
};

use super::listing_mac::mac_line;
use super::listing_spiking::spiking_line;

/// The name of a codec.
pub(super) fn codec(codec: Codec) -> &'static str {
    match codec {
        Codec::Bit => "bit",
        Codec::U8 => "u8",
        Codec::I8 => "i8",
        Codec::I16 => "i16",
        Codec::I32 => "i32",
    }
}

/// The signals that a pattern names: `e2[0..10]` for a run, else every axis with its steps.
struct Pattern<'a>(Option<Access>, &'a Image<'a>);

impl fmt::Display for Pattern<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(access) = &self.0 else { return f.write_str("?") };
        write!(f, "e{}", access.edge)?;
        if access.age > 0 {
            write!(f, "@-{}", access.age)?;
        }
        if let ([axis], [dim], [], NO_TABLE) =
            (access.axes.as_slice(), access.dims.as_slice(), access.terms.as_slice(), access.table)
            && (axis.pitch, dim.step) == (1, 1)
        {
            let end = i64::from(axis.origin) + i64::from(dim.count);
            return write!(f, "[{}..{end}]", axis.origin);
        }
        f.write_char('[')?;
        for (number, axis) in access.axes.iter().enumerate() {
            if number > 0 {
                f.write_str(", ")?;
            }
            write!(f, "{}", axis.origin)?;
            for term in access.terms.iter().filter(|term| usize::from(term.axis) == number) {
                write!(f, " + {}*r{}", term.coefficient, term.register)?;
            }
            for dim in access.dims.iter().filter(|dim| usize::from(dim.axis) == number) {
                write!(f, " + {}*(0..{})", dim.step, dim.count)?;
            }
            write!(f, " of {}", axis.extent)?;
            if axis.pitch != 1 {
                write!(f, " pitch {}", axis.pitch)?;
            }
        }
        f.write_char(']')?;
        if access.table != NO_TABLE {
            write!(f, " + t{}[0..{}]", access.table, self.1.elements(access).unwrap_or(0))?;
        }
        if access.pad != 0 {
            write!(f, " pad {}", access.pad)?;
        }
        Ok(())
    }
}

/// The program, one instruction a line, loops indented.
pub(super) fn program(image: &Image<'_>) -> String {
    let mut text = String::new();
    let mut depth = 0usize;
    for number in 0..image.instruction_count() {
        let Some(instruction) = image.instruction(number) else { continue };
        if matches!(instruction, Instruction::End { .. }) {
            depth = depth.saturating_sub(1);
        }
        let indent = "  ".repeat(depth);
        let _ =
            writeln!(text, "{number:6}  {indent}{:8}{}", instruction.name(), operands(image, &instruction));
        if matches!(instruction, Instruction::Loop { .. }) {
            depth += 1;
        }
    }
    text
}

fn operands(image: &Image<'_>, instruction: &Instruction) -> String {
    let pattern = |access: u32| Pattern(image.access(access), image);
    let count = |access: u32| image.access(access).and_then(|a| image.elements(&a)).unwrap_or(0);
    let run = |bank: &str, first: u32, access: u32| {
        format!("{bank}[{first}..{}]", u64::from(first) + u64::from(count(access)))
    };
    let sign = |combine: Combine| match combine {
        Combine::Set => "<-",
        Combine::Add => "+<-",
        Combine::Max => "max<-",
    };
    match *instruction {
        Instruction::Loop { register, trips } => format!("r{register}, {trips}"),
        Instruction::End { register, start } => format!("r{register}, {start}"),
        Instruction::Gather { access, first } => {
            format!("{} <- {}", run("in", first, access), pattern(access))
        }
        Instruction::Invoke { accumulate, finish, config, state, register, stride } => {
            let mode = if accumulate { "accumulate" } else { "set" };
            let mut text = format!("c{config}, {mode}{}", if finish { ", finish" } else { "" });
            let lent = image.config(config).map_or(0, |config| config.state_words());
            if lent > 0 {
                let _ = write!(text, ", state {state}");
                if register != NO_REGISTER {
                    let _ = write!(text, " + {stride}*r{register}");
                }
            }
            text
        }
        Instruction::Scatter { combine, access, first } => {
            format!("{} {} {}", pattern(access), sign(combine), run("sum", first, access))
        }
        Instruction::Add { combine, access, first } => {
            format!("{} {} {}", run("sum", first, access), sign(combine), pattern(access))
        }
        Instruction::Rate { register, access, first, window } => {
            format!("{} <- {}, tick r{register} of {window}", run("sum", first, access), pattern(access))
        }
        Instruction::Tick => String::new(),
        Instruction::Reset(ResetTarget::Sums) => "sums".into(),
        Instruction::Reset(ResetTarget::Edge(edge)) => format!("e{edge}"),
        Instruction::Reset(ResetTarget::State { first, words, value }) => {
            format!("state[{first}..{}] <- {value}", u64::from(first) + u64::from(words))
        }
        Instruction::Emit { output, access } => format!("o{output} <- {}", pattern(access)),
    }
}

/// Edges, one a line.
pub(super) fn edges(image: &Image<'_>) -> String {
    let mut text = String::new();
    for number in 0..image.edge_count() {
        let Some(edge) = image.edge(number) else { continue };
        let _ = write!(text, "{:>6}  {} signals of {}", format!("e{number}"), edge.length, codec(edge.codec));
        if edge.slots > 1 {
            let _ = write!(text, ", {} slots", edge.slots);
        }
        if edge.clear_on_tick {
            text.push_str(", cleared by each tick");
        }
        if edge.reset != 0 {
            let _ = write!(text, ", reset to {}", edge.reset);
        }
        text.push('\n');
    }
    text
}

/// Configurations, one a line, with the nodes they come from when the image tells.
pub(super) fn configs(image: &Image<'_>) -> String {
    let mut text = String::new();
    let reaches = crate::spiking::reach(image);
    for number in 0..image.config_count() {
        let Some(config) = image.config(number) else { continue };
        let what = match &config {
            Config::Crossbar(crossbar) => crossbar_line(crossbar),
            Config::Mac(mac) => mac_line(mac, image.blob(mac.blob).as_ref()),
            Config::Spiking(spiking) => spiking_line(spiking, image.blob(spiking.blob).as_ref()),
            _ => "of a kind unknown to this version".to_owned(),
        };
        let _ = write!(text, "{:>6}  {what}", format!("c{number}"));
        if let Some(Some(reach)) = reaches.get(number as usize) {
            let _ = write!(text, "; {reach}");
        }
        if let Some((node, source)) = image.origins().nodes(number) {
            let _ = write!(text, "; {node:?} of {source:?}");
            if let Some((element, signal)) = image.origins().element(number, Side::Column, 0) {
                let _ = write!(text, " from element {element} signal {signal}");
            }
        }
        text.push('\n');
    }
    text
}

fn crossbar_line(c: &Crossbar) -> String {
    let mut text = format!("crossbar {}", c.rows);
    if c.bias_rows > 0 {
        let _ = write!(text, "+{} rows (bias code {})", c.bias_rows, c.bias_code);
    } else {
        text.push_str(" rows");
    }
    let _ = write!(text, " x {} columns", c.columns);
    if c.rows > 0 || c.bias_rows > 0 {
        let polarity = match c.polarity {
            Polarity::Differential => "differential",
            Polarity::Offset => "offset",
        };
        let _ = write!(text, ", b{}, {polarity}", c.blob);
        match c.readout {
            Readout::Composed { shift, rounding } => {
                let rounding = match rounding {
                    Rounding::Floor => "floor",
                    _ => "toward zero",
                };
                let _ = write!(text, ", shift {shift} ({rounding}) to {} bits", c.output_bits);
            }
            Readout::Exact { adc_bits } => {
                let _ = write!(text, ", exact at {adc_bits} bits");
            }
        }
    }
    if c.sum_shift > 0 {
        let _ = write!(text, ", sum shift {}", c.sum_shift);
    }
    match c.activation {
        Activation::None => {}
        Activation::Relu => text.push_str(", relu"),
        Activation::Table { table, lo } => {
            let _ = write!(text, ", table t{table} from {lo}");
        }
    }
    if c.pool > 1 {
        let _ = write!(text, ", maximum of {}", c.pool);
    }
    let _ = write!(text, ", clip {}..={}", c.out_lo, c.out_hi);
    text
}

/// Encoders and decoders, one a line.
pub(super) fn ends(image: &Image<'_>) -> String {
    let mut text = String::new();
    for number in 0..image.input_count() {
        let Some(e) = image.encoder(number) else { continue };
        let how = match e.mapping {
            Mapping::Table { lo } => format!("table t{} from {lo}", e.params),
            Mapping::Affine { shift } => format!("multiply-add t{}, shift {shift}", e.params),
        };
        let _ = writeln!(
            text,
            "{:>6}  {} raw values of {} -> e{}, {} signals each, {} channels, {how}, clip {}..={}",
            format!("i{number}"),
            e.length,
            codec(e.raw),
            e.edge,
            e.signals,
            e.channels,
            e.lo,
            e.hi
        );
    }
    for number in 0..image.decoder_count() {
        let Some(d) = image.decoder(number) else { continue };
        let reading = match d.reading {
            Reading::Values => "values",
            Reading::Class => "class",
        };
        let _ = writeln!(
            text,
            "{:>6}  {reading} of {} values, {} signals each, unit {}",
            format!("o{}", d.output),
            d.values,
            d.signals,
            d.scale
        );
    }
    text
}
