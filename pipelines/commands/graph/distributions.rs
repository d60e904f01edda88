//! How many nodes have how many edges, and how many components which size: the files beside Common Crawl's releases.
//!
//! | file | heading | a line |
//! |---|---|---|
//! | `indegree-distrib.txt.gz`, `outdegree-distrib.txt.gz` | `#arcs`, `#nodes` | number of edges, and of the nodes that have so many; ascending |
//! | `connected-components-distrib.txt.gz` (weakly), `strongly-connected-components-distrib.txt.gz` | `#freq`, `#size`, `#perc` | number of components, nodes of each, share of all nodes; by size, descending |

use std::io::Write as _;

use crawlrank_graph::{Components, ComponentsStep, Graph, NodeDegrees};

use super::degrees::Degrees;
use super::export::Folder;
use crate::error::{Error, Exit, Result};
use crate::progress::Progress;

/// Refuses a budget that does not hold the search for components.
pub(super) fn check_memory(nodes: u64, budget: u64) -> Result<()> {
    let weak = crawlrank_graph::weak_components_memory_bytes(nodes);
    let needed = weak.max(crawlrank_graph::strong_components_memory_bytes(nodes));
    if needed <= budget {
        return Ok(());
    }
    let found = format!(
        "components of {nodes} nodes need {} MiB, the budget is {} MiB",
        needed >> 20,
        budget >> 20
    );
    Err(Error::new(Exit::Memory, "E-MEMORY", found)
        .remedy("give more --memory, or leave --distributions out"))
}

pub(super) fn write(graph: &Graph, to: &Folder<'_>) -> Result<()> {
    let write_degrees = |name, edges| {
        let degrees = Degrees::of(&NodeDegrees::Listed(edges), graph.num_nodes(), to.context)?;
        write_degrees(name, &degrees, to)
    };
    write_degrees("indegree", graph.incoming())?;
    write_degrees("outdegree", graph.outgoing())?;
    let interrupt = &to.context.interrupt;
    let find = |stage, find: FindComponents| {
        let progress = Progress::start(to.context.progress, stage, "nodes", graph.num_nodes());
        let found = find(graph, &mut |step| {
            progress.set(step.nodes, String::new());
            interrupt.flow()
        });
        interrupt.or_stopped(found)
    };
    let weak = find("weak components", crawlrank_graph::weak_components)?;
    write_components("connected-components", &weak, to)?;
    drop(weak);
    let strong = find("strong components", crawlrank_graph::strong_components)?;
    write_components("strongly-connected-components", &strong, to)
}

type FindComponents = fn(
    &Graph,
    &mut dyn FnMut(ComponentsStep) -> std::ops::ControlFlow<()>,
) -> std::result::Result<Components, crawlrank_graph::Error>;

fn write_degrees(name: &str, degrees: &Degrees, to: &Folder<'_>) -> Result<()> {
    let mut file = to.create(&format!("{name}-distrib.txt.gz"))?;
    file.text.extend_from_slice(b"#arcs\t#nodes\n");
    for (degree, nodes) in degrees.counts() {
        let _ = write!(file.text, "{degree}\t{nodes}");
        file.end_line()?;
    }
    file.finish()
}

fn write_components(name: &str, components: &Components, to: &Folder<'_>) -> Result<()> {
    let nodes = components.ids().len() as f64;
    let mut file = to.create(&format!("{name}-distrib.txt.gz"))?;
    file.text.extend_from_slice(b"#freq\t#size\t#perc\n");
    for (size, count) in components.sizes()?.distribution.into_iter().rev() {
        let share = (100 * size * count) as f64 / nodes; // at most 100 * 2^32, and exact
        let _ = write!(file.text, "{count}\t{size}\t{share:9.6}%");
        file.end_line()?;
    }
    file.finish()
}
