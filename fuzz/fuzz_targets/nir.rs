//! Bytes, or HDF5 files made field by field, as NIR networks: read and simulated.
#![no_main]

libfuzzer_sys::fuzz_target!(
    init: {
        // The reader catches what the HDF5 library's own panics unwind, and refuses the file. libFuzzer's hook would end the
        // process before that; every other panic still does.
        let abort = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            let library = info.location().is_some_and(|at| at.file().contains("hdf5-pure"));
            if !library {
                abort(info);
            }
        }));
    },
    |data: &[u8]| spandrel_tests::fuzzing::nir(data)
);
