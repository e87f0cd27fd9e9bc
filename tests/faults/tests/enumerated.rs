//! Every fault of every class of small networks, one by one, on a board whose chip has models of its own: the coverage that the compiler
//! wrote into the image is met to the fault.

use spandrel::faults::{Broken, Options, Sites, equip, ratio, undetectable};
use spandrel_core::{
    image::{CoverageWay, FaultClass, Image},
    verify::KnownAnswers,
};
use spandrel_faults::{chip::loaded, judge::judge};
use spandrel_tests::images::{ImageBuilder, digital, mlp, spiking};

/// Runs all faults; returns how many there were.
fn enumerate(name: &str, builder: &ImageBuilder, samples: &[Vec<i32>]) -> u64 {
    let options = Options { faults: u64::MAX, ..Options::default() };
    let bytes = equip(&builder.build(), samples, &options).expect("an image");
    let image = Image::parse(&bytes).expect("an image");
    let mut ram = vec![0; image.header().ram_words as usize];
    let known = KnownAnswers::new(&image, image.weights()).check(&mut ram).expect("the models' own answers");
    assert_eq!((known.networks + known.configs, known.networks), (image.vector_count(), 2), "{name}");
    let sites = Sites::new(&image);
    let mut chip = loaded(&bytes);
    let healthy = judge(&image, &mut chip, None);
    assert!(healthy.test.is_none() && !healthy.network, "{name}: {healthy:?}");
    let mut faults = 0;
    for class in FaultClass::ALL {
        let (mut counted, mut wrong_core) = ([0; 3], 0);
        for number in 0..sites.count(class) {
            let fault = sites.fault(class, number).expect("a fault");
            let shown = judge(&image, &mut chip, Some(fault));
            let tested = shown.test.is_some();
            for (count, hit) in counted.iter_mut().zip([tested, shown.network, tested || shown.network]) {
                *count += u64::from(hit);
            }
            let broken = Broken::new(&image, fault).expect("a fault of this image");
            let never = |way| undetectable(&broken, way);
            assert!(!tested || !never(CoverageWay::TestMode), "{name}: {fault} shows, though proven not to");
            assert!(
                !shown.network || !never(CoverageWay::Network),
                "{name}: {fault} shows, though proven not to"
            );
            wrong_core += u32::from(tested && shown.config() != Some(fault.config));
            if let (Some(column), Some(unit)) = (fault.column(), shown.unit()) {
                assert_eq!(unit, column, "{name}: {fault}");
            }
            faults += 1;
        }
        assert_eq!(wrong_core, 0, "{name}: {class:?}");
        for (way, count) in CoverageWay::ALL.into_iter().zip(counted) {
            let own = (0..image.coverage_count())
                .filter_map(|number| image.coverage(number))
                .find(|own| (own.class, own.way) == (class, way));
            let Some(own) = own else {
                assert_eq!(sites.count(class), 0, "{name}: {class:?} {way:?} is not stated");
                continue;
            };
            println!(
                "{name:8} {:20} {:12} {:>5} faults, {:>4} never show, {:>5} shown: {:?}",
                class.name(),
                way.name(),
                own.all,
                own.undetectable,
                own.detected,
                ratio(&own)
            );
            assert_eq!((own.all, own.simulated), (sites.count(class), sites.count(class)));
            assert_eq!(own.detected, count, "{name}: {class:?} {way:?}");
        }
    }
    faults
}

#[test]
fn coverage_of_small_networks_is_met_to_the_fault() {
    let samples = |all: &[&[i32]]| all.iter().map(|sample| sample.to_vec()).collect::<Vec<_>>();
    let crossbar = enumerate("crossbar", &mlp::image(), &samples(&[&mlp::SAMPLES[0], &mlp::SAMPLES[1]]));
    let digital =
        enumerate("digital", &digital::image(), &samples(&[&digital::SAMPLES[0], &digital::SAMPLES[1]]));
    let spiking =
        enumerate("spiking", &spiking::image(), &samples(&[&spiking::SAMPLES[0], &spiking::SAMPLES[1]]));
    assert!(crossbar > 700 && digital > 300 && spiking > 100, "{crossbar} {digital} {spiking}");
}
