//! Which known answers of an image show a fault, by simulation.

use spandrel_core::image::{CoverageWay, Image};

use super::{
    broken::Broken,
    network, proof,
    vectors::{Question, asked},
};

/// The known answers of an image, put to chips with a fault. The coverage that an image states counts what this says.
pub struct Simulator<'i> {
    image: &'i Image<'i>,
    /// Questions to each configuration, and the answers of a core that works.
    asked: Vec<Vec<(Question, Vec<i32>)>>,
}

impl<'i> Simulator<'i> {
    /// The known answers of `image`.
    #[must_use]
    pub fn new(image: &'i Image<'i>) -> Self {
        Self { image, asked: asked(image) }
    }

    /// Whether the answers of single cores show the fault. One that is proven never to show is not simulated.
    #[must_use]
    pub fn cores_show(&self, broken: &Broken<'_>) -> bool {
        let questions = self.asked.get(broken.fault().config as usize).map_or(&[][..], Vec::as_slice);
        !proof::undetectable(broken, CoverageWay::TestMode)
            && questions
                .iter()
                .any(|(question, answers)| question.shows(broken, |unit| answers[unit as usize]))
    }

    /// Whether those of the whole network do; `ram` is the machine's, `ram_words` long.
    #[must_use]
    pub fn network_shows(&self, broken: &Broken<'_>, ram: &mut [u32]) -> bool {
        !proof::undetectable(broken, CoverageWay::Network) && network::shows(self.image, broken, ram)
    }
}
