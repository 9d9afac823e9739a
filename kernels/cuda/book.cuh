// The exact replica of a listing's book: price levels, and resting orders where the feed is by order. Twin of
// kernels/src/cpu/book.rs as far as wide work needs it: no queues, no time priority.
//
// One warp owns a book and works on one change at a time; all lanes call every function with the same arguments. A side is
// a sorted array of keys, best price last (a bid's key is its price, an offer's the negated one), and an array of quantities
// beside it: a change near the best price touches one or two groups of 32 keys. Orders are found by id in buckets of 32
// slots that the warp looks through at once. Nothing is looked for that is not there, since the host's book took the same
// event first: a lookup needs no tombstones.
#pragma once
#include "abi.cuh"
#include "warp.cuh"

constexpr uint32_t BUCKET_SLOTS = WARP_LANES;

enum BookFault : uint32_t {
    FAULT_NONE = 0,
    FAULT_LEVELS_FULL = 1,
    FAULT_ORDERS_FULL = 2,
    FAULT_ORDER_UNKNOWN = 3,
    FAULT_LISTING = 4,
};

struct Book {
    uint64_t hash;
    uint64_t bid_quantity;
    uint64_t ask_quantity;
    int64_t bid_price;
    int64_t ask_price;
    uint32_t levels[2];  // how many, bids and offers
    uint32_t eligible;
    uint32_t reserved[3];
};
static_assert(sizeof(Book) == 64, "a book");

// Where the levels of one side lie.
struct Side {
    int64_t* keys;
    uint64_t* quantities;
    uint32_t* len;
    uint32_t capacity;
    uint32_t sells;
};

// All orders of the books that one warp owns.
struct Orders {
    uint64_t* ids;
    int64_t* prices;
    uint64_t* quantities;
    uint32_t* owners;  // (listing << 1 | sells) + 1; zero: the slot is free
    uint32_t bucket_mask;
};

// SplitMix64's finaliser.
WT_DEVICE uint64_t hash_mix(uint64_t value) {
    value = (value ^ value >> 30) * 0xBF58476D1CE4E5B9ull;
    value = (value ^ value >> 27) * 0x94D049BB133111EBull;
    return value ^ value >> 31;
}
constexpr uint64_t HASH_START = 0xCBF29CE484222325ull;
WT_DEVICE uint64_t level_hash(int64_t price, uint32_t sells, uint64_t quantity) {
    return hash_mix(hash_mix((uint64_t)price << 1 | sells) ^ quantity * 0x9E3779B97F4A7C15ull);
}
WT_DEVICE uint64_t order_hash(uint64_t id, int64_t price, uint32_t sells, uint64_t quantity) {
    return hash_mix((id + HASH_START) ^ level_hash(price, sells, quantity));
}
WT_DEVICE uint64_t book_hash_of_empty(uint32_t listing) { return hash_mix(HASH_START ^ listing); }

struct Place {
    uint32_t at;  // where the key is or belongs: all keys before it are smaller
    bool found;
    uint32_t len;  // keys of the side
};

// Looks from the best price down, 32 keys at a time.
WT_DEVICE Place side_find(const Side& side, int64_t key) {
    // Read before the votes below: all lanes have the same, and none has written yet.
    const uint32_t len = *side.len;
    uint32_t end = len;
    for (;;) {
        uint32_t behind = wt_lane() + 1;
        bool in = behind <= end;
        int64_t other = in ? side.keys[end - behind] : 0;
        uint32_t above = wt_popc(wt_ballot(in && other > key));
        bool found = wt_ballot(in && other == key) != 0;
        if (above < WARP_LANES || end == WARP_LANES) {
            return {end - above - (found ? 1 : 0), found, len};
        }
        end -= WARP_LANES;
    }
}

// Makes room at `at`: what is there moves towards the end, from the end on.
WT_DEVICE void side_insert(const Side& side, Place place, int64_t key, uint64_t quantity) {
    const uint32_t at = place.at;
    for (uint32_t end = place.len; end > at;) {
        uint32_t behind = wt_lane() + 1;
        bool moves = behind <= end - at;
        int64_t moved_key = moves ? side.keys[end - behind] : 0;
        uint64_t moved_quantity = moves ? side.quantities[end - behind] : 0;
        wt_syncwarp();
        if (moves) {
            side.keys[end - behind + 1] = moved_key;
            side.quantities[end - behind + 1] = moved_quantity;
        }
        wt_syncwarp();
        end -= end - at < WARP_LANES ? end - at : WARP_LANES;
    }
    if (wt_lane() == 0) {
        side.keys[at] = key;
        side.quantities[at] = quantity;
        *side.len = place.len + 1;
    }
    wt_syncwarp();
}

WT_DEVICE void side_remove(const Side& side, Place place) {
    const uint32_t len = place.len;
    for (uint32_t from = place.at + 1; from < len; from += WARP_LANES) {
        uint32_t i = from + wt_lane();
        bool moves = i < len;
        int64_t moved_key = moves ? side.keys[i] : 0;
        uint64_t moved_quantity = moves ? side.quantities[i] : 0;
        wt_syncwarp();
        if (moves) {
            side.keys[i - 1] = moved_key;
            side.quantities[i - 1] = moved_quantity;
        }
        wt_syncwarp();
    }
    if (wt_lane() == 0) {
        *side.len = len - 1;
    }
    wt_syncwarp();
}

// What a change does to the quantity at a price.
enum Change : uint32_t { CHANGE_SET, CHANGE_ADD, CHANGE_TAKE };

// Changes the quantity at a price and the book's hash; `hash` is the caller's copy.
WT_DEVICE uint32_t side_change(const Side& side, int64_t price, Change change, uint64_t quantity, uint64_t* hash) {
    int64_t key = side.sells ? -price : price;
    Place place = side_find(side, key);
    uint64_t before = place.found ? side.quantities[place.at] : 0;
    // All lanes have read before one of them writes.
    wt_syncwarp();
    uint64_t after = change == CHANGE_SET   ? quantity
                     : change == CHANGE_ADD ? before + quantity
                                            : before - (quantity < before ? quantity : before);
    if (before != 0) {
        *hash -= level_hash(price, side.sells, before);
    }
    if (after != 0) {
        *hash += level_hash(price, side.sells, after);
    }
    if (place.found && after == 0) {
        side_remove(side, place);
    } else if (place.found) {
        if (wt_lane() == 0) {
            side.quantities[place.at] = after;
        }
        wt_syncwarp();
    } else if (after != 0) {
        if (place.len == side.capacity) {
            return FAULT_LEVELS_FULL;
        }
        side_insert(side, place, key, after);
    }
    return FAULT_NONE;
}

constexpr uint32_t SLOT_NONE = 0xFFFFFFFFu;

WT_DEVICE uint32_t orders_first_bucket(const Orders& orders, uint64_t id) {
    return (uint32_t)hash_mix(id) & orders.bucket_mask;
}

// Slot of a listing's order, or SLOT_NONE.
WT_DEVICE uint32_t orders_find(const Orders& orders, uint32_t listing, uint64_t id) {
    uint32_t bucket = orders_first_bucket(orders, id);
    for (uint32_t probes = 0; probes <= orders.bucket_mask; ++probes) {
        uint32_t slot = bucket * BUCKET_SLOTS + wt_lane();
        uint32_t owner = orders.owners[slot];
        uint32_t mine = wt_ballot(owner != 0 && (owner - 1) >> 1 == listing && orders.ids[slot] == id);
        if (mine) {
            return bucket * BUCKET_SLOTS + wt_lowest(mine);
        }
        bucket = (bucket + 1) & orders.bucket_mask;
    }
    return SLOT_NONE;
}

WT_DEVICE uint32_t orders_insert(
    const Orders& orders, uint32_t listing, uint32_t sells, uint64_t id, int64_t price, uint64_t quantity) {
    uint32_t bucket = orders_first_bucket(orders, id);
    for (uint32_t probes = 0; probes <= orders.bucket_mask; ++probes) {
        uint32_t slot = bucket * BUCKET_SLOTS + wt_lane();
        uint32_t free = wt_ballot(orders.owners[slot] == 0);
        if (free) {
            if (wt_lane() == wt_lowest(free)) {
                orders.ids[slot] = id;
                orders.prices[slot] = price;
                orders.quantities[slot] = quantity;
                orders.owners[slot] = (listing << 1 | sells) + 1;
            }
            wt_syncwarp();
            return FAULT_NONE;
        }
        bucket = (bucket + 1) & orders.bucket_mask;
    }
    return FAULT_ORDERS_FULL;
}

// What a book needs to take a change.
struct BookView {
    Book* book;
    Side sides[2];
    uint32_t listing;
};

WT_DEVICE Side view_side(const BookView& view, uint32_t sells) { return sells ? view.sides[1] : view.sides[0]; }

// What happens to one price.
struct LevelChange {
    Change change;
    uint32_t sells;
    int64_t price;
    uint64_t quantity;
};

// Takes `quantity` off an order, at most all of it, and says what that takes off its level.
WT_DEVICE uint32_t orders_reduce(
    const Orders& orders, uint32_t listing, uint64_t id, uint64_t quantity, LevelChange* level, uint64_t* hash) {
    const uint32_t slot = orders_find(orders, listing, id);
    if (slot == SLOT_NONE) {
        return FAULT_ORDER_UNKNOWN;
    }
    const int64_t price = orders.prices[slot];
    const uint64_t before = orders.quantities[slot];
    const uint32_t sells = (orders.owners[slot] - 1) & 1;
    const uint64_t taken = quantity < before ? quantity : before;
    // All lanes have read before one of them writes.
    wt_syncwarp();
    if (wt_lane() == 0) {
        orders.quantities[slot] = before - taken;
        if (taken == before) {
            orders.owners[slot] = 0;
        }
    }
    wt_syncwarp();
    *hash -= order_hash(id, price, sells, before);
    if (taken != before) {
        *hash += order_hash(id, price, sells, before - taken);
    }
    *level = {CHANGE_TAKE, sells, price, taken};
    return FAULT_NONE;
}

// Forgets all orders of the listing: looks at every slot, as a clear is rare.
WT_DEVICE void orders_clear(const Orders& orders, uint32_t listing) {
    uint32_t slots = (orders.bucket_mask + 1) * BUCKET_SLOTS;
    for (uint32_t slot = wt_lane(); slot < slots; slot += WARP_LANES) {
        uint32_t owner = orders.owners[slot];
        if (owner != 0 && (owner - 1) >> 1 == listing) {
            orders.owners[slot] = 0;
        }
    }
    wt_syncwarp();
}

// One change of a book, as a tick line says it. `order_id` and `second_id` count for orders only.
struct BookChange {
    uint32_t kind;  // TickKind
    uint32_t sells;
    int64_t price;
    uint64_t quantity;
    uint64_t order_id;
    uint64_t second_id;
};

// Applies a change and brings the book's record up to date. Returns a BookFault; `changed` says whether the best prices or
// the quantities at them changed as the scan sees them.
WT_DEVICE uint32_t book_apply(const BookView& view, const Orders& orders, const BookChange& c, bool* changed) {
    Book* book = view.book;
    uint64_t hash = book->hash;
    uint32_t eligible = book->eligible;
    uint32_t fault = FAULT_NONE;
    // What leaves, then what comes.
    LevelChange levels[2] = {{CHANGE_TAKE, c.sells, c.price, 0}, {CHANGE_ADD, c.sells, c.price, c.quantity}};
    const bool replaces = c.kind == TICK_ORDER_REPLACE;
    const bool takes = c.kind == TICK_ORDER_REDUCE || replaces;
    const bool puts = c.kind == TICK_LEVEL || c.kind == TICK_ORDER_ADD || replaces;
    if (takes) {
        fault = orders_reduce(orders, view.listing, c.order_id, replaces ? UINT64_MAX : c.quantity, &levels[0], &hash);
    }
    if (replaces) {
        levels[1].sells = levels[0].sells;
    }
    if (puts && c.kind != TICK_LEVEL && fault == FAULT_NONE) {
        const uint64_t id = replaces ? c.second_id : c.order_id;
        fault = orders_insert(orders, view.listing, levels[1].sells, id, c.price, c.quantity);
        hash += order_hash(id, c.price, levels[1].sells, c.quantity);
    }
    if (c.kind == TICK_LEVEL) {
        levels[1].change = CHANGE_SET;
    }
    // One copy of the code for both.
#if defined(__CUDACC__)
#pragma unroll 1
#endif
    for (uint32_t step = takes ? 0 : 1; step < (puts ? 2 : 1) && fault == FAULT_NONE; ++step) {
        const LevelChange level = step == 0 ? levels[0] : levels[1];
        fault = side_change(view_side(view, level.sells), level.price, level.change, level.quantity, &hash);
    }
    if (c.kind == TICK_CLEAR) {
        orders_clear(orders, view.listing);
        if (wt_lane() == 0) {
            book->levels[0] = 0;
            book->levels[1] = 0;
        }
        wt_syncwarp();
        hash = book_hash_of_empty(view.listing);
    } else if (c.kind == TICK_ELIGIBLE) {
        eligible = (uint32_t)c.quantity;
    }
    const Side &bids = view.sides[0], &asks = view.sides[1];
    uint32_t bid_levels = *bids.len, ask_levels = *asks.len;
    bool bid = bid_levels != 0 && eligible, ask = ask_levels != 0 && eligible;
    int64_t bid_price = bid ? bids.keys[bid_levels - 1] : PRICE_NONE;
    int64_t ask_price = ask ? -asks.keys[ask_levels - 1] : PRICE_NONE;
    uint64_t bid_quantity = bid ? bids.quantities[bid_levels - 1] : 0;
    uint64_t ask_quantity = ask ? asks.quantities[ask_levels - 1] : 0;
    *changed = bid_price != book->bid_price || ask_price != book->ask_price || bid_quantity != book->bid_quantity ||
               ask_quantity != book->ask_quantity;
    wt_syncwarp();
    if (wt_lane() == 0) {
        book->hash = hash;
        book->eligible = eligible;
        book->bid_price = bid_price;
        book->ask_price = ask_price;
        book->bid_quantity = bid_quantity;
        book->ask_quantity = ask_quantity;
    }
    wt_syncwarp();
    return fault;
}
