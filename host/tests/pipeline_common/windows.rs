//! Random networks of windows: convolutions, depthwise ones and groups, pooling, residual sums, values brought together, irregular
//! reads. Built as dot graphs, so that they need no model file and reach what no importer makes.

use spandrel::dots::{
    Act, Axis, Body, Dim, Dot, DotGraph, DotNode, InputPort, OutputPort, Read, Source, Taps, Term, Window,
};
use spandrel::graph::Function;
use spandrel::numeric::Matrix;

use super::cases::Draw;

/// A value that later nodes can read: a picture, channels fastest.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Picture {
    source: Source,
    height: usize,
    width: usize,
    channels: usize,
}

impl Picture {
    fn len(&self) -> usize {
        self.height * self.width * self.channels
    }
}

/// How a window lies on a picture: kernel, stride, padding, step between taps.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    kernel: usize,
    stride: usize,
    pad: usize,
    step: usize,
}

impl Shape {
    /// Positions along an axis of `extent`; none when the window does not fit.
    fn positions(&self, extent: usize) -> Option<usize> {
        let reach = (self.kernel - 1) * self.step + 1;
        Some((extent + 2 * self.pad).checked_sub(reach)? / self.stride + 1)
    }

    fn window(&self, from: &Picture, channels: usize) -> Window {
        let origin = -(self.pad as i64);
        let dim = |axis| Dim { count: self.kernel, step: self.step as i64, axis };
        let term = |grid| Term { grid, coefficient: self.stride as i64, axis: grid };
        Window {
            first: 0,
            axes: vec![
                Axis { extent: from.height, pitch: from.width * from.channels, origin },
                Axis { extent: from.width, pitch: from.channels, origin },
                // Groups move on behind its end.
                Axis { extent: channels, pitch: 1, origin: 0 },
            ],
            dims: vec![dim(0), dim(1), Dim { count: channels, step: 1, axis: 2 }],
            terms: vec![term(0), term(1)],
        }
    }
}

/// A network that grows.
pub(crate) struct Grown<'d> {
    draw: &'d mut Draw,
    pub(crate) dot: DotGraph,
    pub(crate) text: String,
}

impl Grown<'_> {
    fn push(&mut self, node: DotNode, height: usize, width: usize, what: &str) -> Picture {
        let act = match &node.body {
            Body::Dot(dot) => format!("-{}", dot.act),
            Body::Max(_) => String::new(),
        };
        self.text.push_str(&format!(" {what}{act}:{height}x{width}x{}", node.channels));
        let channels = node.channels;
        self.dot.nodes.push(node);
        Picture { source: Source::Node(self.dot.nodes.len() - 1), height, width, channels }
    }

    fn matrix(&mut self, rows: usize, cols: usize) -> Matrix {
        let spread = 1.7 / (cols as f32).sqrt();
        Matrix::from_fn(rows, cols, |_, _| f64::from(spread * self.draw.signed()))
    }

    fn dot(
        &mut self,
        grid: Vec<usize>,
        channels: usize,
        reads: Vec<Read>,
        groups: usize,
        act: Act,
    ) -> DotNode {
        let taps = reads.iter().map(|read| read.taps.len()).sum();
        let weights = (0..groups).map(|_| self.matrix(channels / groups, taps).into()).collect();
        let bias = (0..channels).map(|_| f64::from(0.3 * self.draw.signed())).collect();
        let name = format!("n{}", self.dot.nodes.len());
        DotNode { name, grid, channels, body: Body::Dot(Dot { reads, weights, bias, act }) }
    }

    fn act(&mut self) -> Act {
        match self.draw.below(8) {
            0 => Act::of(Function::Sigmoid),
            1 => Act::of(Function::Tanh),
            2 | 3 => Act::None,
            _ => Act::Relu,
        }
    }

    fn shape(&mut self) -> Shape {
        Shape {
            kernel: self.draw.pick(&[1, 2, 3, 3, 3, 5]),
            stride: self.draw.pick(&[1, 1, 2]),
            pad: self.draw.pick(&[0, 0, 1, 1, 2]),
            step: self.draw.pick(&[1, 1, 1, 2]),
        }
    }

    /// A convolution, in groups now and then, or with a group for each channel.
    fn convolution(&mut self, from: Picture) -> Option<Picture> {
        let shape = self.shape();
        let (height, width) = (shape.positions(from.height)?, shape.positions(from.width)?);
        let (groups, what) = match self.draw.below(5) {
            0 => (from.channels, "depthwise"),
            1 if from.channels.is_multiple_of(2) => (2, "groups"),
            _ => (1, "conv"),
        };
        let own = from.channels / groups;
        let channels = groups * (1 + self.draw.below(if groups == 1 { 12 } else { 3 }));
        let taps = Taps::Window(shape.window(&from, own));
        let act = self.act();
        let reads = vec![Read { source: from.source, taps, group_step: own }];
        let node = self.dot(vec![height, width], channels, reads, groups, act);
        Some(self.push(node, height, width, what))
    }

    fn pooling(&mut self, from: Picture) -> Option<Picture> {
        let (kernel, pad) = self.draw.pick(&[(2, 0), (3, 1), (3, 0), (2, 1)]);
        let shape = Shape { kernel, stride: 1 + self.draw.below(2), pad, step: 1 };
        let (height, width) = (shape.positions(from.height)?, shape.positions(from.width)?);
        // Taps of one channel; channel c reads c further on.
        let taps = Taps::Window(shape.window(&from, 1));
        let reads = vec![Read { source: from.source, taps, group_step: 1 }];
        let name = format!("n{}", self.dot.nodes.len());
        let node =
            DotNode { name, grid: vec![height, width], channels: from.channels, body: Body::Max(reads) };
        Some(self.push(node, height, width, "max"))
    }

    fn same(from: &Picture) -> Read {
        let shape = Shape { kernel: 1, stride: 1, pad: 0, step: 1 };
        Read { source: from.source, taps: Taps::Window(shape.window(from, 1)), group_step: 1 }
    }

    /// The sum of two values of the same shape, channel by channel.
    fn residual(&mut self, a: Picture, b: Picture) -> Picture {
        let act = self.act();
        let reads = vec![Self::same(&a), Self::same(&b)];
        let mut node = self.dot(vec![a.height, a.width], a.channels, reads, a.channels, act);
        if let Body::Dot(dot) = &mut node.body {
            dot.weights.iter_mut().for_each(|w| *w = Matrix::from_fn(1, 2, |_, _| 1.0).into());
        }
        self.push(node, a.height, a.width, "add")
    }

    /// A pointwise map of two values side by side.
    fn together(&mut self, a: Picture, b: Picture) -> Picture {
        let shape = Shape { kernel: 1, stride: 1, pad: 0, step: 1 };
        let read = |from: &Picture| Read {
            source: from.source,
            taps: Taps::Window(shape.window(from, from.channels)),
            group_step: 0,
        };
        let act = self.act();
        let channels = 1 + self.draw.below(10);
        let node = self.dot(vec![a.height, a.width], channels, vec![read(&a), read(&b)], 1, act);
        self.push(node, a.height, a.width, "concat")
    }

    /// Elements in no order, some of them outside.
    fn irregular(&mut self, from: Picture) -> Picture {
        let (height, width, taps) = (1 + self.draw.below(4), 1 + self.draw.below(3), 1 + self.draw.below(9));
        // A tap stays in its channel, as everywhere.
        let channels: Vec<usize> = (0..taps).map(|_| self.draw.below(from.channels)).collect();
        let pixels = from.height * from.width;
        let elements: Vec<u32> = (0..height * width * taps)
            .map(|at| match self.draw.below(9) {
                0 => spandrel::dots::PAD,
                _ => (self.draw.below(pixels) * from.channels + channels[at % taps]) as u32,
            })
            .collect();
        let reads = vec![Read {
            source: from.source,
            taps: Taps::Table { taps, elements: elements.into() },
            group_step: 0,
        }];
        let act = self.act();
        let channels = 1 + self.draw.below(6);
        let node = self.dot(vec![height, width], channels, reads, 1, act);
        self.push(node, height, width, "table")
    }

    fn dense(&mut self, from: &[Picture], channels: usize, act: Act, what: &str) -> Picture {
        let reads = from
            .iter()
            .map(|from| Read {
                source: from.source,
                taps: Taps::Window(Window::run(from.len(), 0, from.len())),
                group_step: 0,
            })
            .collect();
        let node = self.dot(vec![], channels, reads, 1, act);
        self.push(node, 1, 1, what)
    }
}

/// A random network over a small picture.
pub(crate) fn network(draw: &mut Draw) -> (DotGraph, String) {
    let (height, width) = (3 + draw.below(8), 3 + draw.below(8));
    let channels = 1 + draw.below(4);
    let input = Picture { source: Source::Input, height, width, channels };
    let dot = DotGraph {
        inputs: vec![InputPort { name: "x".into(), len: input.len() }],
        decision: draw.once_in(2),
        ..DotGraph::default()
    };
    let mut grown = Grown { draw, dot, text: format!("{height}x{width}x{channels}") };
    let mut values = vec![input];
    for _ in 0..1 + grown.draw.below(4) {
        let last = values[values.len() - 1];
        let twin = |values: &[Picture]| {
            let alike = |p: &&Picture| (p.height, p.width) == (last.height, last.width);
            values[..values.len() - 1].iter().rev().find(alike).copied()
        };
        let made = match grown.draw.below(10) {
            0 | 1 if last.source != Source::Input => grown.pooling(last),
            2 | 3 => match twin(&values) {
                Some(other) if other.channels == last.channels => Some(grown.residual(last, other)),
                Some(other) => Some(grown.together(last, other)),
                None => grown.convolution(last),
            },
            4 => Some(grown.irregular(last)),
            _ => grown.convolution(last),
        };
        values.extend(made);
    }
    let last = values[values.len() - 1];
    let early = values[grown.draw.below(values.len())];
    let outputs = 2 + grown.draw.below(9);
    let from =
        if grown.draw.once_in(3) && early.source != last.source { vec![last, early] } else { vec![last] };
    let end = grown.dense(&from, outputs, Act::None, "dense");
    let mut ends = vec![end];
    if let (Source::Node(_), true) = (last.source, grown.draw.once_in(3)) {
        ends.push(last);
    }
    for (number, end) in ends.iter().enumerate() {
        let Source::Node(node) = end.source else { continue };
        let order = grown.draw.once_in(2).then(|| {
            let mut order: Vec<u32> = (0..end.len() as u32).collect();
            for at in (1..order.len()).rev() {
                order.swap(at, grown.draw.below(at + 1));
            }
            order
        });
        grown.dot.outputs.push(OutputPort { name: format!("y{number}"), node, order });
    }
    (grown.dot, grown.text)
}

/// A small network with a node of every kind: `conv` (padded), `pool`, `deep` (depthwise), `add`, `dense`.
pub(crate) fn residual(draw: &mut Draw) -> DotGraph {
    let input = Picture { source: Source::Input, height: 9, width: 8, channels: 3 };
    let dot =
        DotGraph { inputs: vec![InputPort { name: "x".into(), len: input.len() }], ..DotGraph::default() };
    let mut grown = Grown { draw, dot, text: String::new() };
    let shape = |kernel, stride, pad| Shape { kernel, stride, pad, step: 1 };
    let read = |from: &Picture, shape: Shape, channels: usize, step: usize| {
        let taps = Taps::Window(shape.window(from, channels));
        vec![Read { source: from.source, taps, group_step: step }]
    };
    let node = grown.dot(vec![9, 8], 6, read(&input, shape(5, 1, 2), 3, 0), 1, Act::Relu);
    let conv = grown.push(DotNode { name: "conv".into(), ..node }, 9, 8, "");
    let body = Body::Max(read(&conv, shape(3, 1, 1), 1, 1));
    let node = DotNode { name: "pool".into(), grid: vec![9, 8], channels: 6, body };
    let pool = grown.push(node, 9, 8, "");
    let node = grown.dot(vec![9, 8], 6, read(&pool, shape(3, 1, 1), 1, 1), 6, Act::None);
    let deep = grown.push(DotNode { name: "deep".into(), ..node }, 9, 8, "");
    let add = grown.residual(deep, conv);
    let end = grown.dense(&[add], 4, Act::None, "");
    let names = ["conv", "pool", "deep", "add", "dense"];
    grown.dot.nodes.iter_mut().zip(names).for_each(|(node, name)| node.name = name.into());
    if let Source::Node(node) = end.source {
        grown.dot.outputs.push(OutputPort { name: "y".into(), node, order: None });
    }
    grown.dot
}
