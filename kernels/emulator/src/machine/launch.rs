//! A launch: the grid's shape, the memory of its CTAs, and the state that its warps share.

use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::ops::Range;
use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use super::address::{AddressSpace, Checker};
use super::barrier::{BARRIERS_PER_CTA, Cluster, CtaBarrier};
use super::hooks::Hooks;
use super::lanes::{LANES, Lanes};
use super::memory::Commit;
use super::step::Vectors;
use super::warp::Warp;
use super::weak::Weak;
use crate::program::{Clock, Code, Instruction, Program, Special};

/// The shape of a grid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// CTAs along x, y, z.
    pub grid: [u32; 3],
    /// Threads of a CTA along x, y, z; at most 1024.
    pub block: [u32; 3],
    /// CTAs of a cluster along x, y, z.
    pub cluster: [u32; 3],
    /// Bytes of dynamic shared memory of a CTA.
    pub dynamic_shared_bytes: u32,
}

impl Shape {
    /// A grid of `ctas` times `threads` along x, without clusters.
    pub fn linear(ctas: u32, threads: u32) -> Self {
        Self { grid: [ctas, 1, 1], block: [threads, 1, 1], cluster: [1; 3], dynamic_shared_bytes: 0 }
    }

    pub(crate) fn threads(&self) -> u32 {
        self.block.iter().fold(1, |product, &count| product.saturating_mul(count))
    }

    pub(crate) fn ctas(&self) -> u64 {
        self.grid.iter().map(|&count| u64::from(count)).product()
    }

    pub(crate) fn cluster_ctas(&self) -> u32 {
        self.cluster.iter().fold(1, |product, &count| product.saturating_mul(count))
    }
}

/// Weak memory by seed: stores are late and out of order, loads may be stale, lanes drift apart, as far as PTX allows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WeakMemory {
    /// The same seed gives the same run, as far as no other thread takes part.
    pub seed: u64,
}

/// What the `cudaGraphSetConditional` of a kernel calls: handle and value.
pub(crate) type SetConditional = Arc<dyn Fn(u64, u32) + Send + Sync>;

#[derive(Clone, Default)]
pub(crate) struct LaunchSettings {
    /// Checks addresses against it where there is one.
    pub(crate) space: Option<Arc<AddressSpace>>,
    pub(crate) hooks: Option<Arc<Hooks>>,
    pub(crate) weak: Option<WeakMemory>,
    pub(crate) multiprocessors: u32,
    /// CTAs that are resident at once; the rest starts as those end.
    pub(crate) resident_ctas: u64,
    pub(crate) conditional: Option<SetConditional>,
    /// How the inner loop is compiled; None for the best that the processor has.
    pub(crate) vectors: Option<Vectors>,
}

/// A resident CTA.
#[derive(Clone, Debug)]
pub(super) struct Cta {
    pub(super) linear: u32,
    pub(super) rank: u32,
    /// Index of its cluster, and of the cluster's first CTA.
    pub(super) cluster: usize,
    pub(super) cluster_first: usize,
    /// Host addresses of its shared memory and of its threads' local memory.
    pub(super) shared: u64,
    pub(super) local: u64,
    pub(super) live: u32,
    pub(super) barriers: [CtaBarrier; BARRIERS_PER_CTA],
}

/// What the warps of a launch share.
pub(super) struct Context {
    pub(super) program: Arc<Program>,
    pub(super) ctas: Vec<Cta>,
    pub(super) clusters: Vec<Cluster>,
    pub(super) cluster_size: u32,
    pub(super) shared_bytes: u64,
    pub(super) checker: Checker,
    pub(super) commit: Commit,
    pub(super) weak: Option<Weak>,
    /// The launch's own memory: shared and local.
    pub(super) own: Range<u64>,
    pub(super) executed: u64,
    /// Address of the parameter block: in the launch's own memory, since a kernel may have its address.
    parameters: u64,
    conditional: Option<SetConditional>,
    start: Instant,
    start_utc_ns: u64,
}

/// The block of memory behind a launch's shared and local memory.
struct Arena {
    base: *mut u8,
    layout: Layout,
}

// SAFETY: the block belongs to the launch alone.
unsafe impl Send for Arena {}

impl Drop for Arena {
    fn drop(&mut self) {
        // SAFETY: allocated with this layout.
        unsafe { dealloc(self.base, self.layout) };
    }
}

/// A grid that is ready to run.
pub(crate) struct Launch {
    pub(super) context: Context,
    pub(super) warps: Vec<Warp>,
    pub(super) shape: Shape,
    pub(super) settings: LaunchSettings,
    pub(super) warps_per_cta: u32,
    /// The next cluster of the grid that has not started.
    pub(super) next_cluster: u64,
    arena: Arena,
}

/// Bounds of what is resident at once, whatever the device is said to hold.
const RESIDENT_CTAS_MAX: u64 = 4096;
const ARENA_BYTES_MAX: u64 = 4 << 30;
/// Room between two CTAs' shared memory.
const SHARED_GAP_BYTES: u64 = 256;
/// The grid barrier's word lies at the arena's start.
const GRID_BARRIER_BYTES: u64 = 256;

impl Launch {
    /// `parameters` is the parameter block, as the program's slots lay it out.
    pub(crate) fn new(
        program: Arc<Program>,
        shape: Shape,
        parameters: &[u8],
        settings: LaunchSettings,
    ) -> Self {
        let cluster_size = shape.cluster_ctas().max(1);
        let shared_bytes = u64::from(program.shared_bytes) + u64::from(shape.dynamic_shared_bytes);
        let shared_stride = (shared_bytes + SHARED_GAP_BYTES).next_multiple_of(256);
        let warps_per_cta = shape.threads().div_ceil(LANES as u32);
        let local_stride = u64::from(program.local_bytes) * u64::from(warps_per_cta) * LANES as u64;
        let block = parameter_block(&program, parameters);
        let parameter_stride = (block.len() as u64).next_multiple_of(256);
        let resident_max = (ARENA_BYTES_MAX / (shared_stride + local_stride)).min(RESIDENT_CTAS_MAX);
        let resident = settings.resident_ctas.min(resident_max).max(u64::from(cluster_size));
        let clusters_total = shape.ctas() / u64::from(cluster_size);
        let clusters = (resident / u64::from(cluster_size)).min(clusters_total) as usize;
        let ctas = clusters * cluster_size as usize;
        let bytes = GRID_BARRIER_BYTES + parameter_stride + ctas as u64 * (shared_stride + local_stride);
        let arena = Arena::new(bytes as usize);
        let base = arena.base as u64;
        let own = base..base + bytes;
        let parameters = base + GRID_BARRIER_BYTES;
        // SAFETY: the arena has a stride for the block there, and nobody else knows of it yet.
        unsafe { std::ptr::copy_nonoverlapping(block.as_ptr(), parameters as *mut u8, block.len()) };
        let shared_start = parameters + parameter_stride;
        let local_start = shared_start + ctas as u64 * shared_stride;
        let slots = (0..ctas).map(|index| Cta {
            linear: 0,
            rank: (index % cluster_size as usize) as u32,
            cluster: index / cluster_size as usize,
            cluster_first: index - index % cluster_size as usize,
            shared: shared_start + index as u64 * shared_stride,
            local: local_start + index as u64 * local_stride,
            live: 0,
            barriers: [CtaBarrier::default(); BARRIERS_PER_CTA],
        });
        let context = Context {
            ctas: slots.collect(),
            clusters: vec![Cluster::default(); clusters],
            cluster_size,
            shared_bytes,
            checker: Checker::new(settings.space.clone(), (own.start, own.end)),
            commit: Commit { hooks: settings.hooks.clone(), stores: 0, stores_limit: u64::MAX, touched: 0 },
            weak: settings.weak.map(|weak| Weak::new(weak.seed, ctas)),
            own,
            executed: 0,
            parameters,
            conditional: settings.conditional.clone(),
            start: Instant::now(),
            start_utc_ns: SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .map_or(0, |since| since.as_nanos() as u64),
            program,
        };
        let mut launch =
            Self { context, warps: Vec::new(), shape, settings, warps_per_cta, next_cluster: 0, arena };
        launch.build_warps(ctas);
        launch
    }

    fn build_warps(&mut self, ctas: usize) {
        let program = self.context.program.clone();
        for cta in 0..ctas {
            for number in 0..self.warps_per_cta {
                let mut warp = Warp::new(program.registers, program.predicates, program.loops, cta, number);
                for &(register, value) in &program.constants {
                    warp.registers[usize::from(register)] = Lanes([value; LANES]);
                }
                self.warps.push(warp);
            }
        }
    }

    pub(super) fn clusters_total(&self) -> u64 {
        self.shape.ctas() / u64::from(self.context.cluster_size)
    }

    /// Starts the next cluster of the grid in a slot. False: there is none.
    pub(super) fn start_cluster(&mut self, slot: usize) -> bool {
        if self.next_cluster >= self.clusters_total() {
            return false;
        }
        let cluster = self.next_cluster;
        self.next_cluster += 1;
        let size = self.context.cluster_size as usize;
        self.context.clusters[slot] =
            Cluster { live: self.shape.threads() * size as u32, ..self.context.clusters[slot] };
        for index in slot * size..(slot + 1) * size {
            self.start_cta(index, cluster);
        }
        true
    }

    fn start_cta(&mut self, index: usize, cluster: u64) {
        let shape = self.shape;
        let rank = self.context.ctas[index].rank;
        let clusters = [0, 1, 2].map(|axis| shape.grid[axis] / shape.cluster[axis]);
        let cluster_id = unravel(cluster, clusters);
        let in_cluster = unravel(u64::from(rank), shape.cluster);
        let id = [0, 1, 2].map(|axis| cluster_id[axis] * shape.cluster[axis] + in_cluster[axis]);
        if let Some(weak) = &mut self.context.weak {
            weak.start_cta(index, &mut self.context.commit);
        }
        let cta = &mut self.context.ctas[index];
        cta.linear = id[0] + shape.grid[0] * (id[1] + shape.grid[1] * id[2]);
        cta.live = shape.threads();
        for number in 0..self.warps_per_cta {
            let place = Place { id, cluster_id, in_cluster, rank, number, clusters, index };
            self.start_warp(&place);
        }
    }

    fn start_warp(&mut self, place: &Place) {
        let at = place.index * self.warps_per_cta as usize + place.number as usize;
        let threads = self.shape.threads() - place.number * LANES as u32;
        let lanes = if threads >= LANES as u32 { u32::MAX } else { (1 << threads) - 1 };
        let program = self.context.program.clone();
        for &(register, special) in &program.specials {
            let values = std::array::from_fn(|lane| self.special(special, place, lane as u32));
            self.warps[at].registers[usize::from(register)] = Lanes(values);
        }
        self.warps[at].start(lanes);
    }

    fn special(&self, special: Special, place: &Place, lane: u32) -> u64 {
        let shape = &self.shape;
        let thread = unravel(u64::from(place.number * LANES as u32 + lane), shape.block);
        let multiprocessors = self.settings.multiprocessors.max(1);
        let value = match special {
            Special::Thread(axis) => thread[usize::from(axis)],
            Special::ThreadCount(axis) => shape.block[usize::from(axis)],
            Special::Cta(axis) => place.id[usize::from(axis)],
            Special::CtaCount(axis) => shape.grid[usize::from(axis)],
            Special::Lane => lane,
            Special::Warp => place.number,
            Special::WarpCount => self.warps_per_cta,
            Special::Multiprocessor => place.index as u32 % multiprocessors,
            Special::MultiprocessorCount => multiprocessors,
            Special::LanesEqual => 1 << lane,
            Special::LanesBelow => (1 << lane) - 1,
            Special::LanesUpTo => (2u64 << lane).wrapping_sub(1) as u32,
            Special::LanesAbove => !((2u64 << lane).wrapping_sub(1) as u32),
            Special::LanesFrom => !((1 << lane) - 1),
            Special::ClusterRank => place.rank,
            Special::ClusterSize => self.context.cluster_size,
            Special::Cluster(axis) => place.cluster_id[usize::from(axis)],
            Special::ClusterCount(axis) => place.clusters[usize::from(axis)],
            Special::CtaInCluster(axis) => place.in_cluster[usize::from(axis)],
            Special::CtasInCluster(axis) => shape.cluster[usize::from(axis)],
            Special::Environment(half) => {
                let address = self.arena.base as u64;
                if half == 1 { (address >> 32) as u32 } else { address as u32 }
            }
            Special::DynamicSharedBytes => shape.dynamic_shared_bytes,
            Special::TotalSharedBytes => self.context.shared_bytes as u32,
            Special::Grid | Special::Zero | Special::ClusterExplicit => 0,
        };
        u64::from(value)
    }
}

/// Where a warp stands in its grid.
struct Place {
    id: [u32; 3],
    cluster_id: [u32; 3],
    in_cluster: [u32; 3],
    rank: u32,
    number: u32,
    clusters: [u32; 3],
    /// The CTA's slot.
    index: usize,
}

impl Arena {
    fn new(bytes: usize) -> Self {
        let layout = Layout::from_size_align(bytes.max(64), 4096).expect("shapes are bounded");
        // SAFETY: the layout is not empty.
        let base = unsafe { alloc_zeroed(layout) };
        if base.is_null() {
            std::alloc::handle_alloc_error(layout);
        }
        Self { base, layout }
    }
}

fn parameter_block(program: &Program, bytes: &[u8]) -> Vec<u8> {
    let mut block = vec![0u8; program.parameter_bytes.next_multiple_of(16).max(16)];
    let given = bytes.len().min(block.len());
    block[..given].copy_from_slice(&bytes[..given]);
    block
}

fn unravel(index: u64, counts: [u32; 3]) -> [u32; 3] {
    let [x, y] = [u64::from(counts[0].max(1)), u64::from(counts[1].max(1))];
    [(index % x) as u32, (index / x % y) as u32, (index / (x * y)) as u32]
}

impl Context {
    pub(super) fn parameters_address(&self) -> u64 {
        self.parameters
    }

    /// `%clock` ticks in ns of this launch, `%globaltimer` in ns of UTC that never step back.
    pub(super) fn clock(&self, i: &Instruction) -> u64 {
        if i.code != Code::ReadClock {
            return 0;
        }
        let cycles = self.start.elapsed().as_nanos() as u64;
        let utc_ns = self.start_utc_ns + cycles;
        match i.x {
            x if x == Clock::Cycles32 as u32 => cycles & 0xffff_ffff,
            x if x == Clock::CyclesHigh as u32 => cycles >> 32,
            x if x == Clock::Cycles64 as u32 => cycles,
            x if x == Clock::Nanoseconds as u32 => utc_ns,
            x if x == Clock::NanosecondsLow as u32 => utc_ns & 0xffff_ffff,
            _ => utc_ns >> 32,
        }
    }

    pub(super) fn set_conditional(&self, handle: u64, value: u32) {
        if let Some(set) = &self.conditional {
            set(handle, value);
        }
    }

    /// The lanes that stay behind here: none but under a seed, and never all.
    #[inline(always)]
    pub(super) fn lanes_that_drift(&mut self, run: u32) -> u32 {
        const DRIFT_ONE_IN: u64 = 24;
        let Some(weak) = &mut self.weak else { return 0 };
        if run.is_power_of_two() || weak.random.below(DRIFT_ONE_IN) != 0 {
            return 0;
        }
        let part = run & weak.random.below(1 << 32) as u32;
        if part == run { 0 } else { part }
    }
}
