// Where the replica's parts lie in the engine's memory, and what a tick line means to a book: shared by the resident kernel
// and by those that are launched for a batch or for a tick.
#pragma once
#include "abi.cuh"
#include "book.cuh"
#include "ring.cuh"
#include "state.cuh"

WT_DEVICE bool is_book_kind(uint32_t kind) { return kind >= TICK_LEVEL && kind <= TICK_ELIGIBLE; }

WT_DEVICE BookView view_of(const EngineParameters& p, uint32_t listing) {
    BookView view;
    view.book = &p.books[listing];
    view.listing = listing;
    for (uint32_t sells = 0; sells < 2; ++sells) {
        uint64_t at = ((uint64_t)listing * 2 + sells) * p.levels_max;
        view.sides[sells] = {p.level_keys + at, p.level_quantities + at, &view.book->levels[sells], p.levels_max, sells};
    }
    return view;
}

// The table of orders that one warp at a time works on.
WT_DEVICE Orders orders_of(const EngineParameters& p, uint32_t shard) {
    const uint64_t slots = ((uint64_t)p.bucket_mask + 1) * BUCKET_SLOTS;
    return {p.order_ids + shard * slots, p.order_prices + shard * slots, p.order_quantities + shard * slots,
            p.order_owners + shard * slots, p.bucket_mask};
}

WT_DEVICE BookChange change_of(const Staged& line) {
    return {tick_kind(line),     tick_sells(line),    tick_price(line),
            tick_quantity(line), tick_order_id(line), tick_second_id(line)};
}
