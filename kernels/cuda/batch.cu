// Kernels that are launched and end, on the memory of the resident one: books from their lists of changes, all relations and
// all options once; and one launch a tick, the plain way that the resident kernel is measured against.
//
// No CTA waits for another, so that a launch may be of any size. Everything is computed by the resident kernel's functions.
#include "abi.cuh"
#include "book.cuh"
#include "replica.cuh"
#include "ring.cuh"
#include "scan.cuh"
#include "warp.cuh"

// A change of a book in a list of the device's memory; kernels/src/device/batch/records.rs has the same.
struct ChangeRecord {
    uint32_t kind;  // TickKind
    uint32_t sells;
    uint64_t reserved;
    int64_t price;
    uint64_t quantity;
    uint64_t order_id;
    uint64_t second_id;
};
static_assert(sizeof(ChangeRecord) == 48, "change record");

constexpr uint32_t BATCH_THREADS = 128;
constexpr uint32_t TICK_WARPS = 16;
// Groups of 32 options that a warp prices behind each other, so that most find the terms of their expiry at hand.
constexpr uint32_t GROUPS_A_TILE = 8;

WT_DEVICE uint32_t warp_of_grid() { return (blockIdx.x * blockDim.x + threadIdx.x) / WARP_LANES; }
WT_DEVICE uint32_t warps_of_grid() { return gridDim.x * blockDim.x / WARP_LANES; }

// Applies a listing's changes in order; fault << 32 | place of the change that could not be applied, 0 where all were.
WT_DEVICE uint64_t replay_book(const EngineParameters& p, uint32_t listing, const ChangeRecord* changes, uint64_t count) {
    const BookView view = view_of(p, listing);
    const Orders orders = orders_of(p, listing);
    ChangeRecord next = count ? changes[0] : ChangeRecord{};
    for (uint64_t at = 0; at < count; ++at) {
        const ChangeRecord record = next;
        // On its way while this one is worked off.
        if (at + 1 < count) {
            next = changes[at + 1];
        }
        const BookChange change = {record.kind,     record.sells,    record.price,
                                   record.quantity, record.order_id, record.second_id};
        bool changed;
        const uint32_t fault = book_apply(view, orders, change, &changed);
        if (fault != FAULT_NONE) {
            return (uint64_t)fault << 32 | at;
        }
    }
    return 0;
}

// A warp a listing: its changes lie from starts[listing] to starts[listing + 1]. Each listing has a table of orders of its
// own here. What depends on the best prices, touches and mids, is left as it has to be after the last change.
extern "C" __global__ void __launch_bounds__(BATCH_THREADS)
    replay_books(const __grid_constant__ EngineParameters p, const ChangeRecord* changes, const uint64_t* starts,
                 uint64_t* faults) {
    for (uint32_t listing = warp_of_grid(); listing < p.listings; listing += warps_of_grid()) {
        const uint64_t from = starts[listing];
        const uint64_t fault = replay_book(p, listing, changes + from, starts[listing + 1] - from);
        if (wt_lane() == 0) {
            const Book& book = p.books[listing];
            take_touch(p, listing, book.bid_price, book.bid_quantity, book.ask_price, book.ask_quantity);
            faults[listing] = fault;
        }
        wt_syncwarp();
    }
}

// A thread a relation, of either form: every value is stored, and how many have something to take is added up.
extern "C" __global__ void __launch_bounds__(BATCH_THREADS)
    scan_all(const __grid_constant__ EngineParameters p, uint32_t relation_count, uint32_t* hits) {
    uint32_t found = 0;
    const uint32_t threads = warps_of_grid() * WARP_LANES;
    for (uint32_t first = warp_of_grid() * WARP_LANES; first < relation_count; first += threads) {
        const uint32_t at = first + wt_lane(), index = at < relation_count ? at : NO_RELATION;
        const Values values = relation_values(p, index);
        if (index != NO_RELATION) {
            p.relation_last[index] = values;
        }
        found += wt_popc(wt_ballot(values.v[4] > 0));
    }
    if (found != 0 && wt_lane() == 0) {
        wt_add_team(hits, found);
    }
}

// A thread an option. Options stand by underlying and expiry: the terms of an expiry are made anew where either changes.
extern "C" __global__ void __launch_bounds__(BATCH_THREADS) price_all(const __grid_constant__ EngineParameters p) {
    constexpr uint32_t TILE = WARP_LANES * GROUPS_A_TILE;
    const uint32_t tiles = (p.options_len + TILE - 1) / TILE;
    for (uint32_t tile = warp_of_grid(); tile < tiles; tile += warps_of_grid()) {
        uint32_t underlying = UINT32_MAX, expiry = UINT32_MAX;
        int64_t mid = PRICE_NONE;
        ForwardTerms forward = {};
        for (uint32_t group = 0; group < GROUPS_A_TILE; ++group) {
            const uint32_t index = tile * TILE + group * WARP_LANES + wt_lane();
            if (index >= p.options_len) {
                break;
            }
            const OptionTerms option = p.options[index];
            if (option.underlying != underlying || option.expiry != expiry) {
                underlying = option.underlying;
                expiry = option.expiry;
                mid = p.mids[underlying];
                if (mid != PRICE_NONE) {
                    forward = forward_terms(p.expiries[expiry], mid_in_currency_units(mid));
                }
            }
            p.option_last[index] = mid == PRICE_NONE ? no_quote() : option_answer_at(option, forward);
        }
    }
}

// What the first warp of tick_once found for the others.
struct Tick {
    Staged line;
    Part part;
    uint64_t hash;
    uint32_t tickets;
    uint32_t first_ticket;
    uint32_t fault;
};

// What a line changes; a BookFault.
WT_DEVICE uint32_t take_line(const EngineParameters& p, const Staged& line) {
    const uint32_t kind = tick_kind(line), listing = tick_listing(line);
    if (is_book_kind(kind)) {
        if (listing >= p.listings) {
            return FAULT_LISTING;
        }
        bool changed = false;
        const uint32_t fault = book_apply(view_of(p, listing), orders_of(p, listing % p.shards), change_of(line), &changed);
        const Book& book = p.books[listing];
        if (fault == FAULT_NONE && changed && wt_lane() == 0) {
            take_touch(p, listing, book.bid_price, book.bid_quantity, book.ask_price, book.ask_quantity);
        }
        wt_syncwarp();
        return fault;
    }
    if (kind == TICK_VOLATILITY) {
        if (listing >= p.options_len) {
            return FAULT_LISTING;
        }
        if (wt_lane() == 0) {
            p.options[listing].volatility = wt_of_bits((uint64_t)tick_price(line));
        }
        wt_syncwarp();
    }
    return FAULT_NONE;
}

// Works off the lines that are there, up to the first that asks for something: the number behind the last one.
WT_DEVICE uint32_t take_lines(const EngineParameters& p, Tick& s) {
    const uint32_t quad = wt_lane() % QUADS;
    uint32_t next = p.state->next;
    for (;; ++next) {
        const Quad q = wt_load_quad((const char*)&p.ticks[next & p.ticks_mask] + quad * sizeof(Quad));
        if (wt_ballot(q.x == next) != ALL_LANES) {
            return next;
        }
        if (wt_lane() < QUADS) {
            s.line.quads[quad] = q;
        }
        wt_syncwarp();
        const uint32_t listing = tick_listing(s.line), flags = tick_flags(s.line);
        const bool asks = flags & TICK_REQUEST;
        uint32_t fault = take_line(p, s.line);
        fault = fault == FAULT_NONE && asks && listing >= p.listings ? FAULT_LISTING : fault;
        if (fault == FAULT_NONE && !asks) {
            continue;
        }
        if (wt_lane() == 0) {
            const uint32_t slices = fault == FAULT_NONE ? slices_of(p, listing) : 0;
            s.part = {next, listing, flags & TICK_FULL, 0, slices < TICK_WARPS ? slices : TICK_WARPS};
            s.hash = fault == FAULT_NONE ? p.books[listing].hash : 0;
            s.fault = fault;
        }
        wt_syncwarp();
        return next + 1;
    }
}

// The answer's last line; nothing when nothing was asked for.
WT_DEVICE void end_tick(const EngineParameters& p, Tick& s, uint32_t next) {
    const Part& part = s.part;
    const uint32_t items = s.tickets - s.first_ticket;
    if (part.request != 0) {
        s.tickets += 1;
        const bool broken = s.fault != FAULT_NONE;
        const uint32_t what = broken ? part.listing & 0xFFFFFF : items;
        const Values values = {{broken ? (int64_t)s.fault : (int64_t)s.hash, broken ? 0 : part.listing, 0, 0, 0}};
        const uint32_t kind = broken ? SIGNAL_BROKEN : SIGNAL_END;
        ring_store(p.signals, p.signals_mask, s.tickets, {part.request, what | kind << SIGNAL_INDEX_BITS, values});
    }
    p.state->next = next;
    p.state->tickets = s.tickets;
    wt_store_quad(&p.control->device, {next, next - 1, STATE_RUNNING, 0});
}

// One CTA: does for one tick what the resident kernel does, then ends. The host takes an answer out before it asks again, so
// that there is always room for it.
extern "C" __global__ void __launch_bounds__(TICK_WARPS* WARP_LANES, 1) tick_once(const __grid_constant__ EngineParameters p) {
    __shared__ Tick s;
    const uint32_t warp = threadIdx.x / WARP_LANES;
    uint32_t next = 0;
    if (threadIdx.x == 0) {
        s.part = {};
        s.fault = FAULT_NONE;
        s.tickets = s.first_ticket = p.state->tickets;
    }
    __syncthreads();
    if (warp == 0) {
        next = take_lines(p, s);
    }
    __syncthreads();
    Part part = s.part;
    part.worker = warp;
    if (warp < part.workers) {
        scan(p, &s.tickets, part);
    }
    __syncthreads();
    if (threadIdx.x == 0) {
        end_tick(p, s, next);
    }
}
