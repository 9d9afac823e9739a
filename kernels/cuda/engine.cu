// The resident kernel: reads tick lines, keeps the replica of the books, scans what a tick touches, writes signal lines.
//
// Warps of CTA 0: the reader stages lines from the host into shared memory; each of `shards` warps owns the books whose
// number modulo `shards` is its own and works off their lines in order; the sequencer merges what they found in the order of
// the lines, so that the scan of tick n sees exactly the changes up to n, hands requests to the scanners and ends the answer.
// All other warps, and all warps of the other CTAs, are scanners. CTAs are those of one cluster where WT_CLUSTER is
// defined (mailboxes and counters in shared memory), else of a grid that is resident as a whole (in device memory).
//
// An epoch ends by an in-band line; then every warp leaves, and `epoch_end` tells the graph whether another follows.
#include "abi.cuh"
#include "book.cuh"
#include "replica.cuh"
#include "ring.cuh"
#include "scan.cuh"
#include "warp.cuh"

constexpr uint32_t QUEUE_LINES = 64;
constexpr uint32_t CTA_WARPS = 16;
constexpr uint32_t SHARDS_MAX = 8;
constexpr uint32_t POLLS_A_LOOK = 16;
// In a mail's third word: everybody leaves.
constexpr uint32_t LEAVE = 0xFFu;

// What a shard found out about a line.
struct alignas(64) Found {
    uint64_t hash;
    int64_t bid_price;
    int64_t ask_price;
    uint64_t bid_quantity;
    uint64_t ask_quantity;
    uint32_t fault;
    uint32_t changed;
    uint32_t tag;  // last: of which line
};

// Shared memory of a CTA; CTA 0 uses all of it, the others the mailbox.
struct Shared {
    Staged queue[QUEUE_LINES];
    Found found[QUEUE_LINES];
    Quad mailbox;
    uint32_t staged;            // lines up to this one are in the queue
    uint32_t sequenced;         // lines up to this one are worked off
    uint32_t seen[SHARDS_MAX];  // lines up to this one a shard will not look at again
    uint32_t leaving;           // a RunState: all warps leave once what is staged is worked off
    uint32_t done;              // parts that scanners of this CTA (of a cluster: of all) have worked off
    uint32_t tickets;           // signal lines drawn
    uint32_t credits;           // signal lines that the host has taken out
};

#if defined(WT_CLUSTER)
WT_DEVICE uint32_t cta_number() {
    uint32_t rank;
    asm volatile("mov.u32 %0, %%cluster_ctarank;" : "=r"(rank));
    return rank;
}
// The same place in the shared memory of another CTA of the cluster, as a generic address.
WT_DEVICE void* of_cta(void* own, uint32_t cta) {
    uint64_t address;
    asm volatile("mapa.u64 %0, %1, %2;" : "=l"(address) : "l"(own), "r"(cta));
    return (void*)address;
}
WT_DEVICE void team_sync() {
    asm volatile("barrier.cluster.arrive.release;\n\tbarrier.cluster.wait.acquire;" ::: "memory");
}
#else
WT_DEVICE uint32_t cta_number() { return blockIdx.x; }
#endif

// Lines that were staged and are not free again: not sequenced, or a shard may still look at them.
WT_DEVICE uint32_t lines_in_use(const EngineParameters& p, const Shared& s, uint32_t next) {
    const uint32_t lane = wt_lane();
    uint32_t in_use = next - 1 - wt_load_acquire_cta(lane < p.shards ? &s.seen[lane] : &s.sequenced);
    for (uint32_t step = WARP_LANES / 2; step > 0; step /= 2) {
        const uint32_t other = wt_shfl(in_use, lane ^ step);
        in_use = other > in_use ? other : in_use;
    }
    return in_use;
}

// Stages lines until the epoch's last one. Looks at the host's word now and then: stop, heartbeat, credits.
WT_DEVICE void read_ticks(const EngineParameters& p, Shared& s, uint32_t first) {
    const uint32_t lane = wt_lane();
    uint32_t next = first, in_use = 0, polls = 0, beat = 0, host_beat = 0, credits = p.control->host.credits;
    uint64_t host_seen_ns = wt_now_ns();
    for (;;) {
        if (in_use > QUEUE_LINES - LINES_A_LOAD) {
            in_use = lines_in_use(p, s, next);
        }
        const bool looks = polls++ % POLLS_A_LOOK == 0;
        const Quad q = ring_load(p.ticks, p.ticks_mask, next);
        const Quad host = looks ? wt_load_quad(&p.control->host) : Quad{};
        const uint32_t there = ring_lines_there(q.x, next + lane / QUADS);
        uint32_t count = there < QUEUE_LINES - in_use ? there : QUEUE_LINES - in_use;
        const uint32_t ends = wt_ballot(lane % QUADS == 0 && lane / QUADS < count && (q.z & 0xFF) == TICK_EPOCH_END);
        count = ends ? wt_lowest(ends) / QUADS + 1 : count;
        if (lane / QUADS < count) {
            s.queue[(next + lane / QUADS) % QUEUE_LINES].quads[lane % QUADS] = q;
        }
        uint32_t newest = count ? wt_shfl(q.w, (count - 1) * QUADS) : looks ? host.z : credits;
        credits = (int32_t)(newest - credits) > 0 ? newest : credits;
        next += count;
        in_use += count;
        wt_syncwarp();
        if (lane == 0) {
            wt_store_release_cta(&s.credits, credits);
            wt_store_release_cta(&s.staged, next - 1);
        }
        wt_syncwarp();
        if (ends || (count == 0 && wt_shfl(wt_load_acquire_cta(&s.leaving), 0))) {
            return;
        }
        if (!looks) {
            continue;
        }
        const uint64_t now_ns = wt_now_ns();
        if (host.y != host_beat) {
            host_beat = host.y;
            host_seen_ns = now_ns;
        }
        if (lane == 0) {
            const uint32_t sequenced = wt_load_acquire_cta(&s.sequenced);
            wt_store_quad(&p.control->device, {++beat, sequenced, STATE_RUNNING, p.state->epoch});
        }
        const bool host_lost = p.host_limit_ns != 0 && now_ns - host_seen_ns > p.host_limit_ns;
        if (wt_ballot(host.x != 0 || host_lost)) {
            if (lane == 0) {
                wt_store_release_cta(&s.leaving, host.x != 0 ? STATE_STOPPED : STATE_HOST_LOST);
            }
            wt_syncwarp();
            return;
        }
    }
}

// Works off one line of a book and says what came of it.
WT_DEVICE void apply_line(const EngineParameters& p, Shared& s, const Orders& orders, uint32_t number) {
    const Staged& line = s.queue[number % QUEUE_LINES];
    const uint32_t listing = tick_listing(line);
    bool changed = false;
    uint32_t fault = FAULT_LISTING;
    if (listing < p.listings) {
        fault = book_apply(view_of(p, listing), orders, change_of(line), &changed);
    }
    if (wt_lane() == 0) {
        Found& found = s.found[number % QUEUE_LINES];
        if (fault != FAULT_LISTING) {
            const Book& book = p.books[listing];
            found.hash = book.hash;
            found.bid_price = book.bid_price;
            found.ask_price = book.ask_price;
            found.bid_quantity = book.bid_quantity;
            found.ask_quantity = book.ask_quantity;
        }
        found.fault = fault;
        found.changed = changed;
        wt_store_release_cta(&found.tag, number);
    }
    wt_syncwarp();
}

// Works off the lines of one shard's books.
WT_DEVICE void keep_books(const EngineParameters& p, Shared& s, uint32_t shard, uint32_t first) {
    const Orders orders = orders_of(p, shard);
    for (uint32_t next = first;;) {
        const uint32_t staged = wt_load_acquire_cta(&s.staged);
        // One lane's answer is all lanes'.
        const uint32_t there = wt_shfl(staged - (next - 1), 0);
        if (there == 0) {
            const uint32_t leaving = wt_load_acquire_cta(&s.leaving);
            if (wt_shfl(leaving, 0)) {
                return;
            }
            continue;
        }
        const uint32_t count = there < WARP_LANES ? there : WARP_LANES;
        bool mine = false;
        if (wt_lane() < count) {
            const Staged& line = s.queue[(next + wt_lane()) % QUEUE_LINES];
            mine = is_book_kind(tick_kind(line)) && tick_listing(line) % p.shards == shard;
        }
        for (uint32_t todo = wt_ballot(mine); todo != 0; todo &= todo - 1) {
            apply_line(p, s, orders, next + wt_lowest(todo));
        }
        next += count;
        wt_syncwarp();
        if (wt_lane() == 0) {
            wt_store_release_cta(&s.seen[shard], next - 1);
        }
    }
}

// Scanners of CTA 0, the sequencer (worker 0) among them.
WT_DEVICE uint32_t workers_of_first_cta(const EngineParameters& p) { return CTA_WARPS - 1 - p.shards; }

// How many CTAs hold the first `workers` workers.
WT_DEVICE uint32_t ctas_of(const EngineParameters& p, uint32_t workers) {
    const uint32_t here = workers_of_first_cta(p);
    return workers <= here ? 1 : 1 + (workers - here + CTA_WARPS - 1) / CTA_WARPS;
}

// Where the mailbox of a CTA is, as seen from CTA 0.
WT_DEVICE Quad* mailbox_of(const EngineParameters& p, Shared& s, uint32_t cta) {
#if defined(WT_CLUSTER)
    return (Quad*)of_cta(&s.mailbox, cta);
#else
    return cta == 0 ? &s.mailbox : &p.mailboxes[cta * (64 / sizeof(Quad))];
#endif
}

// Where a worker of a CTA draws tickets when `ctas` CTAs take part, and where it counts up when it is done.
WT_DEVICE uint32_t* tickets_of(const EngineParameters& p, Shared& s, uint32_t ctas) {
#if defined(WT_CLUSTER)
    return (uint32_t*)of_cta(&s.tickets, 0);
#else
    return ctas == 1 ? &s.tickets : &p.state->tickets;
#endif
}
WT_DEVICE uint32_t* done_of(const EngineParameters& p, Shared& s, uint32_t cta) {
#if defined(WT_CLUSTER)
    return (uint32_t*)of_cta(&s.done, 0);
#else
    return cta == 0 ? &s.done : &p.state->done;
#endif
}

// Scans as worker `worker` whenever a mail says so. In a grid the first warp of a CTA fetches its mails from device memory
// for the others: one poller a CTA.
WT_DEVICE void take_part(const EngineParameters& p, Shared& s, uint32_t cta, uint32_t worker, uint32_t seen) {
#if defined(WT_CLUSTER)
    const bool fetches = false;
#else
    const bool fetches = cta != 0 && threadIdx.x < WARP_LANES;
#endif
    for (;;) {
        Quad mail;
        do {
            mail = wt_load_quad(fetches ? &p.mailboxes[cta * (64 / sizeof(Quad))] : &s.mailbox);
            // One lane's answer is all lanes'.
            mail = {wt_shfl(mail.x, 0), wt_shfl(mail.y, 0), wt_shfl(mail.z, 0), wt_shfl(mail.w, 0)};
        } while (mail.x == seen);
        seen = mail.x;
        wt_fence_team();
        wt_syncwarp();
        if (fetches && wt_lane() == 0) {
            wt_store_quad(&s.mailbox, mail);
        }
        wt_syncwarp();
        if (mail.z >> 24 == LEAVE) {
            return;
        }
        if (worker < mail.w) {
            uint32_t* tickets = tickets_of(p, s, ctas_of(p, mail.w));
            scan(p, tickets, {mail.y, mail.z & 0xFFFFFF, mail.z >> 24, worker, mail.w});
            wt_fence_team();
            wt_syncwarp();
            if (wt_lane() == 0) {
                wt_add_release_team(done_of(p, s, cta), 1);
            }
        }
    }
}

// What the sequencer counts.
struct Sequencer {
    uint32_t mails;
    uint32_t tickets;
    uint32_t done_here;
    uint32_t done_elsewhere;
};

// Sends a mail to the first `ctas` CTAs; what was written before is seen by whoever has read it.
WT_DEVICE void announce(const EngineParameters& p, Shared& s, Sequencer& q, uint32_t ctas, uint32_t request,
                        uint32_t listing_and_flags, uint32_t workers) {
    q.mails += 1;
    wt_syncwarp();
    wt_fence_team();
    for (uint32_t cta = wt_lane(); cta < ctas; cta += WARP_LANES) {
        wt_store_quad(mailbox_of(p, s, cta), {q.mails, request, listing_and_flags, workers});
    }
    wt_syncwarp();
}

// Waits until the ring of signals has room for `lines` more: they are written without looking.
WT_DEVICE void wait_for_room(const EngineParameters& p, Shared& s, const Sequencer& q, uint32_t lines) {
    while (q.tickets + lines - wt_shfl(wt_load_acquire_cta(&s.credits), 0) > p.signals_mask + 1) {
        if (wt_shfl(wt_load_acquire_cta(&s.leaving), 0)) {
            return;
        }
    }
}

// One line, by one lane, under the next ticket.
WT_DEVICE void signal_one(const EngineParameters& p, Sequencer& q, uint32_t request, uint32_t kind, uint32_t index,
                          int64_t first, int64_t second) {
    q.tickets += 1;
    if (wt_lane() == 0) {
        const Signal s = {request, index | kind << SIGNAL_INDEX_BITS, {{first, second, 0, 0, 0}}};
        ring_store(p.signals, p.signals_mask, q.tickets, s);
    }
    wt_syncwarp();
}

// Has a request computed and ends its answer.
WT_DEVICE void answer(const EngineParameters& p, Shared& s, Sequencer& q, uint32_t number, uint32_t listing,
                      uint32_t flags, uint64_t hash) {
    const uint32_t slices = slices_of(p, listing);
    const uint32_t workers = slices < p.workers ? slices : p.workers;
    const uint32_t ctas = ctas_of(p, workers);
    uint32_t* tickets = tickets_of(p, s, ctas);
    wait_for_room(p, s, q, slices * WARP_LANES + 1);
    if (wt_lane() == 0) {
        *(volatile uint32_t*)tickets = q.tickets;
    }
    wt_syncwarp();
    if (workers > 1) {
        announce(p, s, q, ctas, number, listing | flags << 24, workers);
    }
    if (workers != 0) {
        scan(p, tickets, {number, listing, flags, 0, workers});
    }
    const uint32_t here = workers_of_first_cta(p);
#if defined(WT_CLUSTER)
    q.done_here += workers > 1 ? workers - 1 : 0;
#else
    q.done_here += workers > 1 ? (workers < here ? workers : here) - 1 : 0;
    q.done_elsewhere += workers > here ? workers - here : 0;
    while (workers > here && wt_shfl(wt_load_acquire_team(&p.state->done), 0) != q.done_elsewhere) {
    }
#endif
    while (wt_shfl(wt_load_acquire_team(&s.done), 0) != q.done_here) {
    }
    const uint32_t drawn = wt_shfl(wt_load_acquire_team(tickets), 0);
    const uint32_t items = drawn - q.tickets;
    q.tickets = drawn;
    signal_one(p, q, number, SIGNAL_END, items, (int64_t)hash, listing);
}

// The last line that a kernel writes, and what the next epoch starts from.
WT_DEVICE void end_epoch(const EngineParameters& p, Shared& s, Sequencer& q, uint32_t number, uint32_t state,
                         uint32_t fault, uint32_t listing) {
    uint64_t sum = 0;
    for (uint32_t i = wt_lane(); i < p.listings; i += WARP_LANES) {
        sum += p.books[i].hash;
    }
    sum = wt_sum64(sum);
    if (state == STATE_BROKEN) {
        signal_one(p, q, number, SIGNAL_BROKEN, listing & 0xFFFFFF, fault, 0);
    } else if (state != STATE_HOST_LOST) {
        wait_for_room(p, s, q, 1);
        signal_one(p, q, number, SIGNAL_EPOCH_END, 0, (int64_t)sum, state);
    }
    announce(p, s, q, gridDim.x, number, LEAVE << 24, 0);
    if (wt_lane() == 0) {
        p.state->next = number + 1;
        p.state->tickets = q.tickets;
        p.state->done = q.done_elsewhere;
        p.state->mails = q.mails;
        p.state->again = state == STATE_EPOCH_ENDED;
        p.state->epoch += 1;
        p.state->arrived = 0;
        wt_store_release_cta(&s.leaving, state);
        wt_store_quad(&p.control->device, {0xFFFFFFFFu, number, state, p.state->epoch});
    }
    wt_syncwarp();
}

// What a line means for the scan; `hash` is that of its book after it. Says what is wrong with the line.
WT_DEVICE uint32_t merge(const EngineParameters& p, Shared& s, uint32_t number, uint64_t* hash) {
    const Staged& line = s.queue[number % QUEUE_LINES];
    const uint32_t kind = tick_kind(line), listing = tick_listing(line);
    if (is_book_kind(kind)) {
        const Found& found = s.found[number % QUEUE_LINES];
        while (wt_shfl(wt_load_acquire_cta(&found.tag), 0) != number) {
        }
        if (found.fault == FAULT_NONE && found.changed && wt_lane() == 0) {
            take_touch(p, listing, found.bid_price, found.bid_quantity, found.ask_price, found.ask_quantity);
        }
        wt_syncwarp();
        *hash = found.hash;
        return found.fault;
    }
    if (kind == TICK_VOLATILITY) {
        if (listing >= p.options_len) {
            return FAULT_LISTING;
        }
        if (wt_lane() == 0) {
            p.options[listing].volatility = wt_of_bits((uint64_t)tick_price(line));
        }
        wt_syncwarp();
    } else if (tick_flags(line) & TICK_REQUEST) {
        if (listing >= p.listings) {
            return FAULT_LISTING;
        }
        *hash = p.books[listing].hash;
    }
    return FAULT_NONE;
}

// Merges what the shards found, in the order of the lines, and answers.
WT_DEVICE void sequence(const EngineParameters& p, Shared& s, uint32_t first) {
    Sequencer q = {p.state->mails, p.state->tickets, 0, p.state->done};
#if !defined(WT_CLUSTER)
    // The state changes at the epoch's end: by then all have read it.
    while (wt_shfl(wt_load_acquire_team(&p.state->arrived), 0) != gridDim.x - 1) {
    }
#endif
    for (uint32_t number = first;; ++number) {
        while (wt_shfl(wt_load_acquire_cta(&s.staged), 0) == number - 1) {
            const uint32_t leaving = wt_shfl(wt_load_acquire_cta(&s.leaving), 0);
            // What was staged before the word was set is worked off first.
            if (leaving && wt_shfl(wt_load_acquire_cta(&s.staged), 0) == number - 1) {
                return end_epoch(p, s, q, number - 1, leaving, 0, 0);
            }
        }
        const Staged& line = s.queue[number % QUEUE_LINES];
        const uint32_t kind = tick_kind(line), listing = tick_listing(line);
        const uint32_t flags = tick_flags(line);
        const bool stops = tick_quantity(line) != EPOCH_CONTINUE;
        uint64_t hash = 0;
        const uint32_t fault = merge(p, s, number, &hash);
        if (fault != FAULT_NONE) {
            return end_epoch(p, s, q, number, STATE_BROKEN, fault, listing);
        }
        if (flags & TICK_REQUEST) {
            answer(p, s, q, number, listing, flags & TICK_FULL, hash);
        }
        wt_syncwarp();
        if (wt_lane() == 0) {
            wt_store_release_cta(&s.sequenced, number);
        }
        if (kind == TICK_EPOCH_END) {
            return end_epoch(p, s, q, number, stops ? STATE_STOPPED : STATE_EPOCH_ENDED, 0, 0);
        }
    }
}

extern "C" __global__ void __launch_bounds__(CTA_WARPS* WARP_LANES, 1) engine(const __grid_constant__ EngineParameters p) {
    __shared__ Shared s;
    const uint32_t cta = cta_number(), warp = threadIdx.x / WARP_LANES;
    const uint32_t first = p.state->next, mails = p.state->mails;
    if (threadIdx.x == 0) {
        s.mailbox = {mails, 0, 0, 0};
        s.staged = first - 1;
        s.sequenced = first - 1;
        s.leaving = 0;
        s.done = 0;
        s.tickets = 0;
        s.credits = 0;
    }
    if (threadIdx.x < SHARDS_MAX) {
        s.seen[threadIdx.x] = first - 1;
    }
    if (threadIdx.x < QUEUE_LINES) {
        s.found[threadIdx.x].tag = first - 1;
    }
    __syncthreads();
#if defined(WT_CLUSTER)
    team_sync();
#else
    if (cta != 0 && threadIdx.x == 0) {
        wt_add_release_team(&p.state->arrived, 1);
    }
#endif
    if (cta != 0) {
        take_part(p, s, cta, workers_of_first_cta(p) + (cta - 1) * CTA_WARPS + warp, mails);
    } else if (warp == 0) {
        read_ticks(p, s, first);
    } else if (warp == 1) {
        sequence(p, s, first);
    } else if (warp < 2 + p.shards) {
        keep_books(p, s, warp - 2, first);
    } else {
        take_part(p, s, 0, warp - 1 - p.shards, mails);
    }
#if defined(WT_CLUSTER)
    // Nobody's shared memory goes away while another CTA may still write to it.
    team_sync();
#endif
}
