// A message through the shared memory of another CTA of the cluster, right and with the release left out.
#include <stdint.h>
#include <cooperative_groups.h>
namespace cg = cooperative_groups;

template <bool release, bool acquire>
static __device__ __forceinline__ void message(uint32_t* wrong, uint32_t rounds)
{
    __shared__ uint32_t box[64];
    auto cluster = cg::this_cluster();
    uint32_t rank = cluster.block_rank(), lane = threadIdx.x, own = (uint32_t)__cvta_generic_to_shared(box), far;
    box[lane] = 0;
    box[32 + lane] = 0;
    cluster.sync();
    asm("mapa.shared::cluster.u32 %0, %1, %2;" : "=r"(far) : "r"(own), "r"(rank ^ 1));
    for (uint32_t round = 1; round <= rounds; round++) {
        uint32_t value, flag;
        if (rank == 0) {
            asm volatile("st.shared::cluster.u32 [%0], %1;" ::"r"(far + 128 + 4 * lane), "r"(round * 64 + lane) : "memory");
            __syncwarp();
            if (lane == 0) {
                if (release) asm volatile("st.release.cluster.shared::cluster.u32 [%0], %1;" ::"r"(far), "r"(round) : "memory");
                else asm volatile("st.relaxed.cluster.shared::cluster.u32 [%0], %1;" ::"r"(far), "r"(round) : "memory");
                do asm volatile("ld.acquire.cluster.shared::cta.u32 %0, [%1];" : "=r"(flag) : "r"(own) : "memory"); while (flag != round);
            }
            __syncwarp();
        } else {
            if (lane == 0) do {
                if (acquire) asm volatile("ld.acquire.cluster.shared::cta.u32 %0, [%1];" : "=r"(flag) : "r"(own) : "memory");
                else asm volatile("ld.relaxed.cluster.shared::cta.u32 %0, [%1];" : "=r"(flag) : "r"(own) : "memory");
            } while (flag != round);
            __syncwarp();
            asm volatile("ld.shared.u32 %0, [%1];" : "=r"(value) : "r"(own + 128 + 4 * lane) : "memory");
            if (value != round * 64 + lane) atomicAdd(wrong, 1);
            __syncwarp();
            if (lane == 0) asm volatile("st.release.cluster.shared::cluster.u32 [%0], %1;" ::"r"(far), "r"(round) : "memory");
        }
    }
    cluster.sync();
}
#define ARGUMENTS uint32_t *data, uint32_t *flag, uint32_t *back, uint32_t *wrong, uint32_t rounds
extern "C" __global__ void __cluster_dims__(2, 1, 1) far_message_right(ARGUMENTS) { message<true, true>(wrong, rounds); }
extern "C" __global__ void __cluster_dims__(2, 1, 1) far_message_without_release(ARGUMENTS) { message<false, true>(wrong, rounds); }
