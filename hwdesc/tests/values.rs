//! What follows from a description: worked values and changes of fields.

mod common;

use common::chips;
use spandrel_hwdesc::*;

fn chip(name: &str) -> Chip {
    let text = chips().into_iter().find(|(known, _)| *known == name).unwrap().1;
    parse(text, name).unwrap_or_else(|e| panic!("{}", render(&e)))
}

#[test]
fn prime_as_published() {
    let prime = chip("prime");
    let c = prime.crossbar().unwrap();
    assert_eq!(
        (c.passes(), c.logical_columns(), c.weight_max(), c.weight_min()),
        (2, Columns::new(128), 255, -255)
    );
    assert_eq!((c.input_max(), c.code_max(), c.full_range_shift(), c.shift_max), (63, 63, 16, 16));
    assert_eq!((c.max_parts(), c.arrays_per_core(), c.weight_bits()), (512, 2, Bits::new(8)));
    assert_eq!((c.input_rows(), c.physical_rows()), (Rows::new(256), Rows::new(264)));
    assert_eq!(prime.weights()[0].range(), (-255, 255));
    assert_eq!(prime.partial_sums(), PartialSums::Adder { bits: Bits::new(16) });
    assert!(prime.fabric().total_cores().get() >= 60);
    assert_eq!(prime.total_arrays().get(), 2 * prime.fabric().total_cores().get());
    assert_eq!(c.rounding, ReadRounding::Floor);
}

#[test]
fn every_value_of_a_built_in_chip_has_a_source() {
    for name in builtin_names() {
        let chip = chip(name);
        let tree: toml::Table = toml::from_str(&chip.to_toml()).unwrap();
        let identity = ["name", "revision", "kind", "about", "reference", "sources"];
        for (table, value) in tree.iter().filter(|(name, _)| !identity.contains(&name.as_str())) {
            let fields: Vec<String> = match value {
                toml::Value::Table(fields) => fields.keys().map(|name| format!("{table}.{name}")).collect(),
                toml::Value::Array(items) => (0..items.len()).map(|i| format!("{table}.{i}")).collect(),
                _ => vec![table.clone()],
            };
            for path in fields {
                assert!(chip.source_of(&path).is_some(), "{name}: {path} has no source");
            }
        }
    }
    let prime = chip("prime");
    assert_eq!(prime.source_of("weights.0.bits").unwrap().mark, Mark::Prime);
    assert_eq!(prime.source_of("name"), None);
}

#[test]
fn the_other_chips_of_the_field() {
    let isaac = chip("isaac");
    let c = isaac.crossbar().unwrap();
    assert_eq!((c.passes(), c.logical_columns().get(), c.weight_max(), c.weight_min()), (8, 32, 127, -128));
    assert_eq!((c.arrays_per_core(), c.input_rows().get(), c.adc_bits), (1, 128, Some(Bits::new(8))));
    // 255 * 255 * (1 + 4 + 16 + 64) = 5,527,125 is above 2^22; 255 / 3 lines can not saturate the converter.
    assert_eq!((c.read_bits(), c.max_parts(), c.lines_without_clipping()), (Bits::new(23), 256, Some(85)));
    assert_eq!(isaac.total_arrays().get(), 8 * 168 * 96);
    let prime = chip("prime");
    let p = prime.crossbar().unwrap();
    assert_eq!((p.read_bits(), p.lines_without_clipping()), (Bits::new(6), None));

    let tianji = chip("tianji");
    assert_eq!((tianji.core_inputs().get(), tianji.core_outputs().get()), (256, 256));
    assert_eq!(tianji.partial_sums(), PartialSums::None);
    assert_eq!(tianji.fan_out().targets.at_most(), Some(1));
    assert_eq!(tianji.fabric().total_cores().get(), 6 * 16_384);
    let s = tianji.spiking().unwrap();
    assert_eq!((s.fire, &s.reset[..], s.delay_max.get()), (Fire::AtThreshold, &[Reset::Zero][..], 1));

    let subtract = chip("tianji-subtract");
    assert_eq!(subtract.spiking().unwrap().reset, [Reset::Subtract]);
    // But for the reset the two are the same.
    let other = subtract.with(&[("spiking.reset", "[\"zero\"]")]).unwrap();
    assert_eq!(other.spiking(), tianji.spiking());

    let tpu = chip("tpu");
    assert_eq!(tpu.partial_sums(), PartialSums::Accumulator { bits: Bits::new(32) });
    assert_eq!((tpu.mac().unwrap().rounding, tpu.weights()[0].range()), (Rounding::Gemmlowp, (-127, 127)));
    assert_eq!(chip("wide").cost().energy_pj, Some(1.5));
    assert_eq!(chip("wide").weights()[1].range(), (-32768, 32767));
    assert!(tpu.fabric().has_room_for(u64::MAX));
    assert!(!tianji.fabric().has_room_for(98_305) && tianji.fabric().has_room_for(98_304));
    assert_eq!(chip("diannao").mac().unwrap().rounding, Rounding::HalfUp);

    let loihi = chip("loihi");
    let decay = loihi.spiking().unwrap().current_decay.unwrap();
    assert_eq!((decay.bits.get(), decay.offset), (12, 1));
    assert_eq!(chip("truenorth").weights()[0].range(), (-256, 255));
    assert_eq!(chip("tianji-ann").source_of("mac.accumulator_bits").unwrap().mark, Mark::Bridge);
}

#[test]
fn fields_change_together_and_are_checked_together() {
    let prime = chip("prime");
    let changed =
        prime.with(&[("crossbar.input_bits", "4"), ("crossbar.dac_bits", "2"), ("crossbar.bias_code", "15")]);
    let changed = changed.unwrap_or_else(|e| panic!("{}", render(&e)));
    assert_eq!(changed.crossbar().unwrap().passes(), 2);
    assert_eq!(changed.crossbar().unwrap().full_range_shift(), 14);
    assert_eq!(changed.source_of("crossbar.input_bits").unwrap().mark, Mark::Other);
    assert_eq!(parse(&changed.to_toml(), "changed"), Ok(changed));
    assert_eq!(prime.source_of("crossbar.input_bits").unwrap().mark, Mark::Prime);
    assert_eq!(prime.with(&[("cost.latency_ns", "9")]).unwrap().cost().latency_ns, Some(9.0));

    let alone = prime.with(&[("crossbar.input_bits", "4")]).unwrap_err();
    assert!(alone.iter().all(|e| e.place.is_none()), "nobody has seen the changed text");
    let paths: Vec<_> = alone.iter().map(|e| e.path.as_str()).collect();
    assert_eq!(paths, ["crossbar.bias_code", "crossbar.dac_bits"]);

    // A table's length follows the width of the codes in front of it.
    let ann = chip("tianji-ann").with(&[("mac.input_bits", "5"), ("mac.output_bits", "5")]).unwrap();
    assert_eq!(ann.activations(), [Activation::Table { entries: 32 }]);
    let ann = ann.with(&[("weights.1.index_bits", "8"), ("weights.1.per", "\"neuron\"")]).unwrap();
    assert!(
        matches!(ann.weights()[1], Encoding::Shared { index_bits, per: Per::Neuron, .. } if index_bits.get() == 8)
    );

    let wider = prime.with(&[("weights.0.bits", "4"), ("crossbar.rounding", "\"toward_zero\"")]).unwrap();
    assert_eq!(wider.weights()[0].range(), (-15, 15));
    assert_eq!(wider.crossbar().unwrap().rounding, ReadRounding::TowardZero);

    for (path, value) in
        [("crossbar.rows", "="), ("weights.7.bits", "1"), ("a.b", "1"), ("crossbar.rows", "1\nx = 2")]
    {
        assert_eq!(prime.with(&[(path, value)]).unwrap_err()[0].path, path);
    }
    assert_eq!(prime.with(&[("crossbar.rowz", "1")]).unwrap_err()[0].rule, Rule::UnknownField);
}

#[test]
fn the_full_range_shift_of_other_sizes() {
    let prime = chip("prime");
    for (rows, shift) in [("1", 8), ("2", 9), ("128", 15), ("129", 16), ("256", 16), ("257", 17)] {
        assert_eq!(
            prime.with(&[("crossbar.rows", rows)]).unwrap().crossbar().unwrap().full_range_shift(),
            shift
        );
    }
}
