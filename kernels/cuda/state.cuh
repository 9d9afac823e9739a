// What the engine keeps in device memory, and where everything is; kernels/src/device/layout.rs has the same structs.
#pragma once
#include "abi.cuh"

struct Book;
struct Control;
struct Quad;

// What lives from epoch to epoch, in device memory.
struct EngineState {
    uint32_t next;     // number of the first line of the next epoch
    uint32_t tickets;  // signal lines written so far
    uint32_t done;     // slices that scanners of other CTAs have worked off
    uint32_t mails;    // announcements so far
    uint32_t epoch;    // epochs ended
    uint32_t again;    // whether another epoch follows
    uint32_t arrived;  // CTAs of a grid, but the first, that have read the above
    uint32_t reserved[9];
};
static_assert(sizeof(EngineState) == 64, "engine state");

// Where everything is; kernels/src/device/layout.rs fills it in. Pointers are the device's.
struct EngineParameters {
    const Line* ticks;
    Line* signals;
    Control* control;
    EngineState* state;
    Quad* mailboxes;  // 64 bytes a CTA
    Book* books;
    int64_t* level_keys;         // listings * 2 * levels_max
    uint64_t* level_quantities;  // the same
    uint64_t* order_ids;         // shards * (bucket_mask + 1) * BUCKET_SLOTS, as are the next three
    int64_t* order_prices;
    uint64_t* order_quantities;
    uint32_t* order_owners;
    const ListingTerms* terms;
    const uint8_t* inverse;  // of each listing: 1 where its price is upside-down
    Touch* touches;
    int64_t* mids;  // of each listing, 1e-9; PRICE_NONE where there is none
    const Relation* relations;
    const LinearRelation* linears;  // numbered behind the relations
    const LinearLeg* linear_legs;
    Values* relation_last;  // of both forms
    const uint32_t* relation_start;  // listings + 1 places in relation_list
    const uint32_t* relation_list;
    const Expiry* expiries;
    OptionTerms* options;
    Values* option_last;
    const uint32_t* option_start;  // listings + 1 places in options
    uint64_t host_limit_ns;        // the kernel ends when the host's heartbeat stands still for so long; 0: never
    uint32_t ticks_mask;
    uint32_t signals_mask;
    uint32_t listings;
    uint32_t levels_max;
    uint32_t bucket_mask;
    uint32_t shards;
    uint32_t workers;  // scanners in all CTAs, the sequencer among them
    uint32_t options_len;
    uint32_t relations_len;  // linear ones not counted
    uint32_t reserved;
};
static_assert(sizeof(EngineParameters) == 256, "engine parameters");
