//! Making nodes: a function of a sum of views becomes a dot-like node, its sum taken from the nodes it adds where possible.

use super::field::Field;
use super::linear::Kernel;
use super::lowerer::{Lowerer, Outcome};
use super::pattern::{Along, Pattern};
use super::value::{Addend, Sum, Value};
use super::view::{Form, Piece, Ref, View, of_node, pitches, source};
use super::virtuals::{Inline, Term, Virtual, Weights, Work};
use crate::dots::{Act, Axis, Dim, Read, Source, Step, Taps, Term as Moves, Window};
use crate::numeric::Matrix;

/// Beyond so many positions an offset of each position's own is a node, not a row of weights for each.
const MOST_POSITION_OFFSETS: usize = 64;

/// A node whose sums the elements of a view are.
struct Host {
    node: usize,
    position: Option<usize>,
    channels: Option<Vec<u32>>,
    /// For every element of a node made of those sums the view's.
    order: Vec<u32>,
}

/// How the new node's value is laid out.
struct Layout {
    grid: Vec<usize>,
    groups: usize,
    width: usize,
    /// For every element of the node the value's; `None`: the same.
    order: Option<Vec<u32>>,
}

impl Lowerer<'_> {
    /// `act(sum)` as nodes; there is at least one addend.
    pub(super) fn realise(&mut self, sum: &Sum, act: Act, name: &str) -> Outcome<View> {
        if let Some(parts) = slabs(sum) {
            return self.slabwise(sum, &parts, &act, name);
        }
        if let Some(view) = self.before_maximum(sum, &act, name)? {
            return Ok(view);
        }
        let scattered = |a: &Addend, axis: usize| a.scale.varies(axis);
        let varying = |a: &Addend| (0..sum.shape.len()).filter(|&axis| scattered(a, axis)).count();
        let hosts: Vec<Option<Host>> = sum.addends.iter().map(|a| self.host(&a.view)).collect();
        let chosen = hosts.iter().zip(&sum.addends).position(|(host, a)| {
            host.as_ref().is_some_and(|h| per_channel(&a.scale, &sum.shape, h, self).is_some())
        });
        if let Some(at) = chosen
            && let Some(host) = hosts.into_iter().nth(at).flatten()
        {
            return self.hosted(sum, at, &host, act, name);
        }
        if let Some(at) = sum.addends.iter().position(|a| varying(a) > 1) {
            if let [addend] = sum.addends.as_slice() {
                return self.diagonal(addend, Some(&sum.offset), act, name);
            }
            let view = self.diagonal(&sum.addends[at], None, Act::None, name)?;
            let mut sum = sum.clone();
            sum.addends[at] = Addend { view, scale: Field::uniform(sum.shape.len(), 1.0) };
            return self.realise(&sum, act, name);
        }
        let layout = layout(sum);
        let canonical = canonical(sum, &layout);
        let node = self.assemble(&canonical, &layout, Vec::new(), act, name)?;
        Ok(View::of(sum.shape.clone(), scattered_refs(node, &layout, sum.len())))
    }

    /// A function that never decreases, of a maximum of sums: the maximum of the function of the sums, which their node takes in.
    fn before_maximum(&mut self, sum: &Sum, act: &Act, name: &str) -> Outcome<Option<View>> {
        let ([addend], true) = (sum.addends.as_slice(), rises(act)) else { return Ok(None) };
        let (Some(scale), Some(offset)) = (addend.scale.value(), sum.offset.value()) else { return Ok(None) };
        let Some([piece]) = addend.view.pieces() else { return Ok(None) };
        let Source::Node(node) = source(piece.source) else { return Ok(None) };
        let Work::Max(_, Some(taken)) = &self.nodes[node].work else { return Ok(None) };
        let taken = taken.clone();
        if scale <= 0.0 || piece.size != sum.shape || self.host(&taken.view).is_none() {
            return Ok(None);
        }
        let operand = Value::of(taken.view).affine_by(scale, offset);
        let front = self.realise(&operand.sum, act.clone(), &format!("{name}/operand"))?;
        let own = self.maximum(front, &taken.pattern, name)?;
        let piece = Piece { source: of_node(own), ..piece.clone() };
        Ok(Some(View { shape: sum.shape.clone(), form: Form::Pieces(vec![piece]) }))
    }

    /// Every slab along an axis on its own.
    fn slabwise(&mut self, sum: &Sum, parts: &[(usize, usize)], act: &Act, name: &str) -> Outcome<View> {
        let axis = parts[0].0;
        let mut views = Vec::new();
        for (i, &(_, low)) in parts.iter().enumerate() {
            let high = parts.get(i + 1).map_or(sum.shape[axis], |&(_, low)| low);
            let mut starts = vec![0; sum.shape.len()];
            let mut sizes = sum.shape.clone();
            (starts[axis], sizes[axis]) = (low, high - low);
            let slice = crate::graph::Select::Slice { starts, steps: vec![1; sizes.len()], sizes };
            views.push(self.realise(&Sum::selected(&[sum], &slice), act.clone(), name)?);
        }
        let sums: Vec<Sum> = views.into_iter().map(Sum::of).collect();
        let operands: Vec<&Sum> = sums.iter().collect();
        let mut whole = Sum::selected(&operands, &crate::graph::Select::Concat { axis });
        Ok(whole.addends.swap_remove(0).view)
    }

    /// The node without a function whose sums `view` shows, each exactly once.
    fn host(&self, view: &View) -> Option<Host> {
        if let Some(pieces) = view.pieces() {
            (pieces.len() == 1 && pieces[0].size == view.shape).then_some(())?;
        }
        let refs = view.refs();
        let Source::Node(number) = source(refs[0].source) else { return None };
        let node = self.nodes.get(number).filter(|node| node.is_raw())?;
        refs.iter().all(|r| r.source == refs[0].source).then_some(())?;
        let (channels, positions) = (node.channels(), node.positions());
        let (mut seen, mut at) = (vec![false; channels], vec![false; positions]);
        for r in &refs {
            seen[r.element as usize % channels] = true;
            at[r.element as usize / channels] = true;
        }
        let chosen: Vec<u32> = (0..channels as u32).filter(|&c| seen[c as usize]).collect();
        let places: Vec<usize> = (0..positions).filter(|&p| at[p]).collect();
        let whole = places.len() == positions;
        let fits = (whole || places.len() == 1) && places.len() * chosen.len() == refs.len();
        (fits && (node.groups == 1 || chosen.len() == channels)).then_some(())?;
        let mut rank = vec![0; channels];
        chosen.iter().enumerate().for_each(|(i, &c)| rank[c as usize] = i);
        let mut order = vec![u32::MAX; refs.len()];
        for (i, r) in refs.iter().enumerate() {
            let position = if whole { r.element as usize / channels } else { 0 };
            order[position * chosen.len() + rank[r.element as usize % channels]] = i as u32;
        }
        order.iter().all(|&i| i != u32::MAX).then_some(())?;
        Some(Host {
            node: number,
            position: if whole { None } else { Some(places[0]) },
            channels: (chosen.len() < channels).then_some(chosen),
            order,
        })
    }

    /// A node laid out like the sums of `host`, which it takes over.
    fn hosted(&mut self, sum: &Sum, at: usize, host: &Host, act: Act, name: &str) -> Outcome<View> {
        let node = &self.nodes[host.node];
        let whole = host.position.is_none();
        let (groups, channels) = match &host.channels {
            Some(chosen) => (1, chosen.len()),
            None => (node.groups, node.channels()),
        };
        let identity = host.order.iter().enumerate().all(|(i, &o)| i == o as usize);
        let layout = Layout {
            grid: if whole { node.grid.clone() } else { Vec::new() },
            groups,
            width: channels / groups,
            order: (!identity).then(|| host.order.clone()),
        };
        let mut canonical = canonical(sum, &layout);
        let own = canonical.addends.remove(at);
        let scale = channel_values(&own.scale, channels);
        let inline =
            Inline { node: host.node, position: host.position, channels: host.channels.clone(), scale };
        let taken = self.assemble(&canonical, &layout, vec![Term::Inline(inline)], act, name)?;
        if whole && host.channels.is_none() {
            // The same places of another node.
            let mut view = sum.addends[at].view.clone();
            match &mut view.form {
                Form::Pieces(pieces) => pieces.iter_mut().for_each(|piece| piece.source = of_node(taken)),
                Form::Table(refs) => {
                    let moved = refs.iter().map(|r| Ref { source: of_node(taken), ..*r });
                    *refs = moved.collect();
                }
            }
            return Ok(view);
        }
        Ok(View::of(sum.shape.clone(), scattered_refs(taken, &layout, sum.len())))
    }

    /// The node `act(terms + sum)`; `sum` has the shape grid x channels.
    fn assemble(
        &mut self,
        sum: &Sum,
        layout: &Layout,
        mut terms: Vec<Term>,
        act: Act,
        name: &str,
    ) -> Outcome<usize> {
        let Layout { grid, groups, width, .. } = layout;
        let (rank, channels) = (grid.len(), groups * width);
        let mut axes: Vec<Along> = grid.iter().map(|&n| Along::each(n)).collect();
        axes.push(if *groups == 1 { Along::sum(*width) } else { Along::group(*width) });
        let pattern = Pattern { axes, groups: *groups };
        for addend in &sum.addends {
            match self.inline(addend, layout) {
                Some(inline) => terms.push(Term::Inline(inline)),
                None => terms.extend(self.terms(addend, &pattern, *width, &Kernel::Identity, name)?),
            }
        }
        let apart = (0..rank).any(|axis| sum.offset.varies(axis));
        let positions: usize = grid.iter().product();
        if apart && positions > MOST_POSITION_OFFSETS {
            let bias = vec![0.0; channels];
            let work = Work::Dot { terms, bias, act: Act::None };
            let node = self.push(Virtual {
                name: name.to_owned(),
                grid: grid.clone(),
                groups: *groups,
                width: *width,
                work,
            });
            let view = View::plain(&sum.shape, of_node(node), 0);
            let addend = Addend { view, scale: Field::uniform(sum.shape.len(), 1.0) };
            let view = self.diagonal(&addend, Some(&sum.offset), act, name)?;
            let Source::Node(node) = source(view.refs()[0].source) else { unreachable!("a node's view") };
            return Ok(node);
        }
        let bias = if apart {
            terms.push(position_offsets(&sum.offset.expand(&sum.shape), layout));
            vec![0.0; channels]
        } else {
            channel_values(&sum.offset, channels)
        };
        let work = Work::Dot { terms, bias, act };
        Ok(self.push(Virtual {
            name: name.to_owned(),
            grid: grid.clone(),
            groups: *groups,
            width: *width,
            work,
        }))
    }

    /// `addend` as the sums of a node, where it lies as they do.
    fn inline(&self, addend: &Addend, layout: &Layout) -> Option<Inline> {
        let channels = layout.groups * layout.width;
        let front = addend.scale.shape().len() - 1;
        (0..front).all(|axis| !addend.scale.varies(axis)).then_some(())?;
        let host = self.host(&addend.view)?;
        let node = &self.nodes[host.node];
        let grid: &[usize] = if host.position.is_some() { &[] } else { &node.grid };
        let groups = if host.channels.is_some() { 1 } else { node.groups };
        (grid == layout.grid && groups == layout.groups).then_some(())?;
        // The channels may come in another order, the same at every position.
        let own: Vec<u32> = host.channels.unwrap_or_else(|| (0..channels as u32).collect());
        let mut wanted = vec![0; channels];
        for (rank, &value) in host.order[..channels].iter().enumerate() {
            *wanted.get_mut(value as usize)? = own[rank];
        }
        let moved = host.order.iter().enumerate().all(|(at, &value)| {
            value as usize / channels == at / channels
                && host.order[at % channels] as usize == value as usize % channels
        });
        let plain = wanted.iter().enumerate().all(|(i, &c)| i == c as usize) && own.len() == node.channels();
        (moved && (plain || groups == 1)).then_some(())?;
        let scale = channel_values(&addend.scale, channels);
        Some(Inline { node: host.node, position: host.position, channels: (!plain).then_some(wanted), scale })
    }
}

/// Whether a function is one (not the sum itself) and never decreases.
fn rises(act: &Act) -> bool {
    match act {
        Act::None => false,
        Act::Relu => true,
        Act::Curve(steps) => steps.iter().all(|step| match step {
            Step::Map(function) => function.monotone() == Some(true),
            Step::Affine { scale, .. } => *scale >= 0.0,
            _ => false,
        }),
    }
}

/// The factors of a host's channels, when they are the same at all of its positions.
fn per_channel(scale: &Field, shape: &[usize], host: &Host, lowerer: &Lowerer<'_>) -> Option<()> {
    if scale.value().is_some() {
        return Some(());
    }
    let channels = host.channels.as_ref().map_or(lowerer.nodes[host.node].channels(), Vec::len);
    let data = scale.expand(shape);
    let of = |at: usize| data[host.order[at] as usize];
    (0..host.order.len()).all(|at| of(at) == of(at % channels)).then_some(())
}

/// A field over grid x channels that only varies along the channels, as a list.
fn channel_values(field: &Field, channels: usize) -> Vec<f64> {
    let rank = field.shape().len();
    let mut index = vec![0; rank];
    (0..channels)
        .map(|c| {
            index[rank - 1] = c;
            field.at(&index)
        })
        .collect()
}

/// Where value element i lies in the node.
fn scattered_refs(node: usize, layout: &Layout, len: usize) -> Vec<Ref> {
    let source = of_node(node);
    match &layout.order {
        None => (0..len as u32).map(|element| Ref { source, element }).collect(),
        Some(order) => {
            let mut out = vec![Ref::NONE; len];
            for (element, &at) in order.iter().enumerate() {
                out[at as usize] = Ref { source, element: element as u32 };
            }
            out
        }
    }
}

/// `sum` with the shape grid x channels, in the node's order.
fn canonical(sum: &Sum, layout: &Layout) -> Sum {
    let shape = [layout.grid.as_slice(), &[layout.groups * layout.width]].concat();
    match &layout.order {
        None => sum.reshaped(&shape),
        Some(order) => sum.ordered(order, &shape),
    }
}

/// A layout for sums that no node has yet: one axis are the channels, each a group of its own.
fn layout(sum: &Sum) -> Layout {
    let rank = sum.shape.len();
    let spans = |axis: usize| {
        sum.addends.iter().all(|a| {
            a.view.pieces().is_some_and(|pieces| {
                pieces.iter().all(|p| p.spans(&sum.shape, axis) && p.stride(axis).is_some_and(|s| s >= 0))
            })
        })
    };
    let varies = |axis: usize| sum.offset.varies(axis) || sum.addends.iter().any(|a| a.scale.varies(axis));
    let stride = |axis: usize| {
        let first = sum.addends.iter().find_map(|a| a.view.pieces().and_then(<[_]>::first));
        first.and_then(|p| p.stride(axis)).filter(|&s| s > 0).unwrap_or(i64::MAX)
    };
    let usable = |axis: &usize| sum.shape[*axis] > 1 && (spans(*axis) || varies(*axis));
    let axis = (0..rank).rev().filter(usable).min_by_key(|&axis| (!varies(axis), stride(axis)));
    let grid = |but: Option<usize>| {
        (0..rank).filter(|&a| Some(a) != but && sum.shape[a] > 1).map(|a| sum.shape[a]).collect::<Vec<_>>()
    };
    let Some(axis) = axis else { return Layout { grid: grid(None), groups: 1, width: 1, order: None } };
    let perm: Vec<usize> = (0..rank).filter(|&a| a != axis).chain([axis]).collect();
    let order = (axis + 1 < rank).then(|| crate::graph::transpose_order(&sum.shape, &perm)).flatten();
    let order = order.filter(|order| !order.iter().enumerate().all(|(i, &o)| i == o as usize));
    Layout { grid: grid(Some(axis)), groups: sum.shape[axis], width: 1, order }
}

/// The axis and the first indices of slabs that come from different places, where the only addend consists of such.
fn slabs(sum: &Sum) -> Option<Vec<(usize, usize)>> {
    let [addend] = sum.addends.as_slice() else { return None };
    let pieces = addend.view.pieces().filter(|pieces| pieces.len() > 1)?;
    let whole = |axis: usize| pieces.iter().all(|p| p.spans(&sum.shape, axis));
    let mut apart = (0..sum.shape.len()).filter(|&axis| !whole(axis));
    let axis = apart.next()?;
    let covered: usize = pieces.iter().map(|p| p.size[axis]).sum();
    (apart.next().is_none() && covered == sum.shape[axis]).then_some(())?;
    let mut lows: Vec<(usize, usize)> = pieces.iter().map(|p| (axis, p.low[axis])).collect();
    lows.sort_unstable();
    Some(lows)
}

/// An offset that differs from position to position: reads of one that tell the position.
fn position_offsets(data: &[f64], layout: &Layout) -> Term {
    let (positions, channels) = (layout.grid.iter().product::<usize>(), layout.groups * layout.width);
    let terms = pitches(&layout.grid).into_iter().enumerate();
    let window = Window {
        first: 0,
        axes: vec![Axis { extent: 1, pitch: 0, origin: 0 }],
        dims: vec![Dim { count: positions, step: 1, axis: 0 }],
        terms: terms.map(|(grid, pitch)| Moves { grid, coefficient: -(pitch as i64), axis: 0 }).collect(),
    };
    let matrix = |group: usize| {
        Matrix::from_fn(layout.width, positions, |row, p| data[p * channels + group * layout.width + row])
    };
    let read = Read { source: Source::One, taps: Taps::Window(window), group_step: 0 };
    Term::Own { reads: vec![read], weights: Weights::Dense((0..layout.groups).map(matrix).collect()) }
}
