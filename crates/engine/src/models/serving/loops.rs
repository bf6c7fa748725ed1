//! Loops: TensorFlow's `StatelessWhile`, whose body is a function.
//!
//! What goes from trip to trip, in order: the trip's number, the number of trips, the inputs of the loop (what is carried, what is cut
//! into slices, what stays the same), a list for each result that is stacked, and the lengths that the body asks for.

use super::lengths::Lengths;
use super::walk::{Inputs, Walk, inside, layer};
use crate::export::{Attribute, Element, Function, Nodes, Source};
use crate::graph::{Edge, Graph, Kind, Loop};

/// Number of the loop's first input among what goes from trip to trip.
const FIRST: usize = 2;
/// The trip's number, and the number of trips.
const TRIP: Source = Source::Input(0);
const TRIPS: Source = Source::Input(1);

fn of(element: Element) -> Attribute {
    Attribute::Type(element)
}

impl Walk<'_> {
    /// Exports a loop.
    pub(super) fn repeat(&mut self, number: usize) -> Result<(), String> {
        let graph = self.graph();
        let depends = || {
            format!(
                "{} has a loop that depends on the length of an axis that data decide",
                layer(graph, number)
            )
        };
        let each = self.graphs.iter().map(|g| match &g.nodes[number].kind {
            Kind::Loop(each) => Some(each.as_ref()),
            _ => None,
        });
        let each: Vec<&Loop> = each.collect::<Option<_>>().ok_or_else(depends)?;
        let (made, others) = each.split_first().ok_or_else(depends)?;
        let same = |other: &&Loop| {
            (other.reversed, other.carried, other.scanned) == (made.reversed, made.carried, made.scanned)
                && other.results == made.results
        };
        if !others.iter().all(same) {
            return Err(depends());
        }
        let trips = Lengths::of(each.iter().map(|l| l.trips).collect());
        let count = self.trips(number, &trips).ok_or_else(depends)?;
        let bodies: Vec<&Graph> = each.iter().map(|l| &l.body).collect();
        let body = body(made, &bodies)?;

        let inputs = &graph.nodes[number].inputs;
        let mut given = vec![self.nodes.int(0), count];
        for edge in inputs {
            given.push(self.source(*edge)?);
        }
        let stacks = made.carried..made.results.len();
        let edge = |output| Edge { node: number, output };
        let mut slices = Vec::new();
        for output in stacks.clone() {
            let shape = self.slice_shape(edge(output)).ok_or_else(depends)?;
            slices.push(shape);
            let element = inside(graph.edge_type(edge(output)).dtype);
            let types = vec![("element_dtype", of(element)), ("shape_type", of(Element::I32))];
            given.push(self.nodes.add("TensorListReserve", "handle", &[shape, count], types));
        }
        for length in &body.asked {
            given.push(self.length(number, length).ok_or_else(depends)?);
        }
        let types = Attribute::Types(body.function.arguments.clone());
        let condition = Attribute::Function(condition(&body.function.arguments));
        let attributes =
            vec![("T", types), ("cond", condition), ("body", Attribute::Function(body.function))];
        let Source::Node(node) = self.nodes.add("StatelessWhile", "output", &given, attributes) else {
            return Err(depends());
        };
        for output in 0..made.carried {
            self.made.insert(edge(output), Source::Output(node, FIRST + output));
        }
        for (k, (output, shape)) in stacks.zip(slices).enumerate() {
            let list = Source::Output(node, FIRST + inputs.len() + k);
            let element = of(inside(graph.edge_type(edge(output)).dtype));
            let stacked =
                self.nodes.add("TensorListStack", "tensor", &[list, shape], vec![("element_dtype", element)]);
            self.made.insert(edge(output), stacked);
        }
        Ok(())
    }

    /// Returns the number of trips.
    fn trips(&mut self, number: usize, trips: &Lengths) -> Option<Source> {
        if let Some(trips) = trips.known() {
            return Some(self.nodes.int(i32::try_from(trips).ok()?));
        }
        // Lengths are lists of one.
        let list = self.length(number, trips)?;
        let scalar = self.nodes.ints(&[]);
        let types = vec![("T", of(Element::I32)), ("Tshape", of(Element::I32))];
        Some(self.nodes.add("Reshape", "output", &[list, scalar], types))
    }

    /// Returns the shape of one slice of a value, with -1 for an axis that data decide.
    fn slice_shape(&mut self, edge: Edge) -> Option<Source> {
        let shape = self.shape(edge);
        let known = |n: &Option<usize>| n.map_or(Some(-1), |n| i32::try_from(n).ok());
        let shape = shape.get(1..)?.iter().map(known).collect::<Option<Vec<_>>>()?;
        Some(self.nodes.ints(&shape))
    }
}

/// Returns whether there is a further trip.
fn condition(arguments: &[Element]) -> Function {
    let mut nodes = Nodes::default();
    let more = nodes.add("Less", "z", &[TRIP, TRIPS], vec![("T", of(Element::I32))]);
    Function { arguments: arguments.to_vec(), results: vec![(more, Element::Bool)], nodes: nodes.into_list() }
}

/// A body as a function.
struct Body {
    function: Function,
    /// Lengths that it asks for.
    asked: Vec<Lengths>,
}

fn body(made: &Loop, graphs: &[&Graph]) -> Result<Body, String> {
    let graph = graphs[0];
    let stacks = made.results.len() - made.carried;
    // What no node of the body reads has no type there: it is an f32.
    let inputs =
        graph.nodes.iter().filter_map(|n| if let Kind::Input(k) = n.kind { Some(k + 1) } else { None });
    let count = inputs.max().unwrap_or(0).max(made.carried + made.scanned);
    let mut arguments = vec![Element::F32; FIRST + count + stacks];
    arguments[..FIRST].fill(Element::I32);
    for node in &graph.nodes {
        if let Kind::Input(k) = node.kind {
            arguments[FIRST + k] = inside(node.types[0].dtype);
        }
    }
    arguments[FIRST + count..].fill(Element::Variant);
    let body = Inputs::Body { inputs: vec![], asked_at: arguments.len() };
    let mut walk = Walk::new(graphs, body);
    let place = walk.slice_number(made.reversed);
    let given = (0..count).map(|k| {
        let argument = Source::Input(FIRST + k);
        if made.is_slice(k) { walk.slice(argument, place, arguments[FIRST + k]) } else { argument }
    });
    let inputs = given.collect();
    walk.inputs = Inputs::Body { inputs, asked_at: arguments.len() };
    walk.all(&made.results)?;

    let one = walk.nodes.int(1);
    let int =
        |nodes: &mut Nodes, op, inputs: &[Source]| nodes.add(op, "z", inputs, vec![("T", of(Element::I32))]);
    let next = int(&mut walk.nodes, "AddV2", &[TRIP, one]);
    let mut results = vec![next, TRIPS];
    for edge in &made.results[..made.carried] {
        results.push(walk.source(*edge)?);
    }
    results.extend((made.carried..count).map(|k| Source::Input(FIRST + k)));
    for (k, edge) in made.results[made.carried..].iter().enumerate() {
        let (list, slice) = (Source::Input(FIRST + count + k), walk.source(*edge)?);
        let element = inside(graph.edge_type(*edge).dtype);
        let types = vec![("element_dtype", of(element))];
        results.push(walk.nodes.add("TensorListSetItem", "output_handle", &[list, place, slice], types));
    }
    results.extend((arguments.len()..).take(walk.asked.len()).map(Source::Input));
    arguments.extend(walk.asked.iter().map(|_| Element::I32));
    let results = results.into_iter().zip(arguments.iter().copied()).collect();
    Ok(Body { function: Function { arguments, results, nodes: walk.nodes.into_list() }, asked: walk.asked })
}

impl Walk<'_> {
    /// Returns the number of the slice that the trip reads and writes.
    fn slice_number(&mut self, reversed: bool) -> Source {
        if !reversed {
            return TRIP;
        }
        let types = || vec![("T", of(Element::I32))];
        let one = self.nodes.int(1);
        let last = self.nodes.add("Sub", "z", &[TRIPS, one], types());
        self.nodes.add("Sub", "z", &[last, TRIP], types())
    }

    /// Returns one slice of an argument along its first axis.
    fn slice(&mut self, argument: Source, place: Source, element: Element) -> Source {
        let axis = self.nodes.int(0);
        let types =
            vec![("Tparams", of(element)), ("Tindices", of(Element::I32)), ("Taxis", of(Element::I32))];
        self.nodes.add("GatherV2", "output", &[argument, place, axis], types)
    }
}
