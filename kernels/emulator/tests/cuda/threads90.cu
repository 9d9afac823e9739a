// Clusters: what needs compute capability 9.0.
#include <cooperative_groups.h>
namespace cg = cooperative_groups;

// A ring through the shared memory of four CTAs: each adds its rank to what its neighbour sent it.
extern "C" __global__ void __cluster_dims__(4, 1, 1) ring(int* out, int rounds)
{
    auto cluster = cg::this_cluster();
    __shared__ int box[2];
    unsigned rank = cluster.block_rank();
    if (threadIdx.x == 0) box[0] = blockIdx.x;
    cluster.sync();
    for (int round = 0; round < rounds; round++) {
        if (threadIdx.x == 0) {
            int* right = cluster.map_shared_rank(box, (rank + 1) % 4);
            right[(round + 1) & 1] = box[round & 1] + rank;
        }
        cluster.sync();
    }
    if (threadIdx.x == 0) out[blockIdx.x] = box[rounds & 1];
}

// A mailbox: rank 0 writes requests into the others' shared memory with a release, they answer into its own.
extern "C" __global__ void __cluster_dims__(2, 1, 1) mailbox(unsigned* out, unsigned rounds)
{
    __shared__ unsigned box[4];
    auto cluster = cg::this_cluster();
    unsigned rank = cluster.block_rank();
    if (threadIdx.x < 4) box[threadIdx.x] = 0;
    cluster.sync();
    unsigned own = (unsigned)__cvta_generic_to_shared(box), far;
    asm("mapa.shared::cluster.u32 %0, %1, %2;" : "=r"(far) : "r"(own), "r"(rank ^ 1));
    for (unsigned round = 1; round <= rounds; round++) {
        unsigned value, flag;
        if (threadIdx.x == 0) {
            if (rank == 0) {
                asm volatile("st.shared::cluster.u32 [%0+4], %1;" ::"r"(far), "r"(round * 3) : "memory");
                asm volatile("st.release.cluster.shared::cluster.u32 [%0], %1;" ::"r"(far), "r"(round) : "memory");
            }
            do asm volatile("ld.acquire.cluster.shared::cta.u32 %0, [%1];" : "=r"(flag) : "r"(own) : "memory");
            while (flag != round);
            asm volatile("ld.shared.u32 %0, [%1+4];" : "=r"(value) : "r"(own) : "memory");
            if (rank == 1) {
                asm volatile("st.shared::cluster.u32 [%0+4], %1;" ::"r"(far), "r"(value + 1) : "memory");
                asm volatile("st.release.cluster.shared::cluster.u32 [%0], %1;" ::"r"(far), "r"(round) : "memory");
            } else {
                out[round - 1] = value;
                asm volatile("atom.add.relaxed.cluster.shared::cluster.u32 %0, [%1+8], 1;" : "=r"(value) : "r"(far) : "memory");
            }
        }
    }
    cluster.sync();
    if (rank == 1 && threadIdx.x == 0) out[rounds] = box[2];
}

extern "C" __global__ void reduce_warp(unsigned* out, const unsigned* in)
{
    unsigned value = in[threadIdx.x], leader = 0;
    out[threadIdx.x] = __reduce_add_sync(~0u, value);
    out[32 + threadIdx.x] = __reduce_max_sync(~0u, value);
    out[64 + threadIdx.x] = __reduce_xor_sync(~0u, value);
    out[96 + threadIdx.x] = (unsigned)__reduce_min_sync(~0u, (int)value);
    if (threadIdx.x >= 4) asm volatile("{ .reg .pred p; elect.sync _|p, 0xfffffff0; selp.u32 %0, 1, 0, p; }" : "=r"(leader));
    if (threadIdx.x >= 4) out[128 + threadIdx.x] = leader;
}

// A compare and exchange of 16 bytes: each thread adds to both halves of one value.
extern "C" __global__ void exchange_16(unsigned long long* pair)
{
    bool done = false;
    while (!done) {
        unsigned long long low = ((volatile unsigned long long*)pair)[0], high = ((volatile unsigned long long*)pair)[1], l, h;
        asm volatile("{ .reg .b128 d, b, c; mov.b128 b, {%3, %4}; mov.b128 c, {%5, %6}; atom.relaxed.gpu.global.cas.b128 d, [%2], b, c; mov.b128 {%0, %1}, d; }"
                     : "=l"(l), "=l"(h) : "l"(pair), "l"(low), "l"(high), "l"(low + 1), "l"(high + threadIdx.x) : "memory");
        done = l == low && h == high;
    }
}
