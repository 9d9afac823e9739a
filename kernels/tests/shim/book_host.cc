// Runs book.cuh on the host: reads changes, writes what became of the books. The protocol is that of device_book.rs.
#include <stdio.h>
#include "warp.cuh"

#include "book.cuh"

struct Header {
    uint64_t seed;
    uint32_t listings, levels_max, bucket_mask, changes;
};
struct ChangeRecord {
    uint32_t listing, kind, sells, reserved;
    int64_t price;
    uint64_t quantity, order_id, second_id;
};
struct Outcome {
    uint64_t hash;
    int64_t bid_price, ask_price;
    uint64_t bid_quantity, ask_quantity;
    uint32_t fault, changed;
};

int main() {
    Header h;
    if (fread(&h, sizeof h, 1, stdin) != 1) {
        return 2;
    }
    std::vector<Book> books(h.listings);
    for (uint32_t listing = 0; listing < h.listings; ++listing) {
        books[listing] = {book_hash_of_empty(listing), 0, 0, PRICE_NONE, PRICE_NONE, {0, 0}, 1, {}};
    }
    std::vector<int64_t> keys(h.listings * 2 * h.levels_max);
    std::vector<uint64_t> quantities(keys.size());
    const size_t slots = (h.bucket_mask + 1) * BUCKET_SLOTS;
    std::vector<uint64_t> ids(slots), order_quantities(slots);
    std::vector<int64_t> prices(slots);
    std::vector<uint32_t> owners(slots);
    const Orders orders = {ids.data(), prices.data(), order_quantities.data(), owners.data(), h.bucket_mask};
    static shim::Warp warp;
    warp.random = h.seed * 2 + 1;
    for (uint32_t i = 0; i < h.changes; ++i) {
        ChangeRecord r;
        if (fread(&r, sizeof r, 1, stdin) != 1) {
            return 2;
        }
        BookView view;
        view.book = &books[r.listing];
        view.listing = r.listing;
        for (uint32_t sells = 0; sells < 2; ++sells) {
            const size_t at = (r.listing * 2 + sells) * h.levels_max;
            view.sides[sells] = {&keys[at], &quantities[at], &view.book->levels[sells], h.levels_max, sells};
        }
        const BookChange change = {r.kind, r.sells, r.price, r.quantity, r.order_id, r.second_id};
        uint32_t faults[WARP_LANES];
        bool changed[WARP_LANES];
        shim::run(warp, [&] {
            const uint32_t lane = wt_lane();
            faults[lane] = book_apply(view, orders, change, &changed[lane]);
        });
        bool agree = true;
        for (uint32_t lane = 1; lane < WARP_LANES; ++lane) {
            agree &= faults[lane] == faults[0] && changed[lane] == changed[0];
        }
        const Book& book = books[r.listing];
        const Outcome outcome = {book.hash,         book.bid_price,    book.ask_price,
                                 book.bid_quantity, book.ask_quantity, agree ? faults[0] : 99u,
                                 changed[0]};
        fwrite(&outcome, sizeof outcome, 1, stdout);
    }
    return 0;
}
