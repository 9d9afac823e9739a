// One kernel for each family of operations: an operand a thread, a result a lane and operation.
#include <stdint.h>
typedef unsigned long long u64;
typedef long long s64;
typedef unsigned __int128 u128;
#define OUT(k, v) out[(k) * blockDim.x + threadIdx.x] = (u64)(v)
#define ASM32(k, text) { uint32_t r_; asm(text : "=r"(r_) : "r"(x), "r"(y), "r"(z)); OUT(k, r_); }
#define ASM64(k, text) { u64 r_; asm(text : "=l"(r_) : "l"(a), "l"(b), "l"(c)); OUT(k, r_); }

extern "C" __global__ void integers32(const u64* va, const u64* vb, const u64* vc, u64* out)
{
    uint32_t x = va[threadIdx.x], y = vb[threadIdx.x], z = vc[threadIdx.x];
    ASM32(0, "add.u32 %0, %1, %2;") ASM32(1, "sub.s32 %0, %1, %2;") ASM32(2, "mul.lo.s32 %0, %1, %2;")
    ASM32(3, "mul.hi.s32 %0, %1, %2;") ASM32(4, "mul.hi.u32 %0, %1, %2;") ASM32(5, "mad.lo.s32 %0, %1, %2, %3;")
    ASM32(6, "mad.hi.s32 %0, %1, %2, %3;") ASM32(7, "mad.hi.u32 %0, %1, %2, %3;") ASM32(8, "sad.s32 %0, %1, %2, %3;")
    ASM32(9, "sad.u32 %0, %1, %2, %3;") ASM32(10, "min.s32 %0, %1, %2;") ASM32(11, "max.u32 %0, %1, %2;")
    ASM32(12, "neg.s32 %0, %1;") ASM32(13, "abs.s32 %0, %1;") ASM32(14, "popc.b32 %0, %1;") ASM32(15, "clz.b32 %0, %1;")
    ASM32(16, "bfind.u32 %0, %1;") ASM32(17, "bfind.s32 %0, %1;") ASM32(18, "bfind.shiftamt.s32 %0, %1;")
    ASM32(19, "brev.b32 %0, %1;") ASM32(20, "shl.b32 %0, %1, %2;") ASM32(21, "shr.s32 %0, %1, %2;")
    ASM32(22, "shr.u32 %0, %1, %2;") ASM32(23, "shf.l.wrap.b32 %0, %1, %2, %3;") ASM32(24, "shf.r.wrap.b32 %0, %1, %2, %3;")
    ASM32(25, "shf.l.clamp.b32 %0, %1, %2, %3;") ASM32(26, "shf.r.clamp.b32 %0, %1, %2, %3;")
    ASM32(27, "bfe.u32 %0, %1, %2, %3;") ASM32(28, "bfe.s32 %0, %1, %2, %3;") ASM32(29, "prmt.b32 %0, %1, %2, %3;")
    ASM32(30, "lop3.b32 %0, %1, %2, %3, 0x96;") ASM32(31, "lop3.b32 %0, %1, %2, %3, 0x1b;") ASM32(32, "not.b32 %0, %1;")
    ASM32(33, "cnot.b32 %0, %1;") ASM32(34, "dp4a.u32.u32 %0, %1, %2, %3;") ASM32(35, "dp4a.s32.s32 %0, %1, %2, %3;")
    ASM32(36, "bfi.b32 %0, %1, %2, %3, 9;") ASM32(37, "{ .reg .u32 t; add.cc.u32 t, %1, %2; addc.u32 %0, %3, 0; }")
    ASM32(38, "{ .reg .u32 t; sub.cc.u32 t, %1, %2; subc.u32 %0, %3, 1; }")
    ASM32(39, "{ .reg .u32 t; mad.lo.cc.u32 t, %1, %2, %3; madc.hi.u32 %0, %1, %2, 5; }")
    ASM32(40, "{ .reg .u32 t; mad.hi.cc.s32 t, %1, %2, %3; addc.u32 %0, t, 0; }")
    ASM32(41, "set.lt.u32.s32 %0, %1, %2;") ASM32(42, "{ .reg .pred p, q; setp.lt.s32 p, %1, %2; setp.hi.and.u32 q, %2, %3, !p; selp.u32 %0, 1, 0, q; }")
    ASM32(43, "{ .reg .pred p, q; setp.ge.s32 p|q, %1, %2; selp.u32 %0, %1, %3, q; }")
    ASM32(44, "{ .reg .pred p; setp.ls.u32 p, %1, %2; @!p mov.u32 %0, 7; @p mov.u32 %0, %3; }")
    ASM32(45, "{ .reg .b16 a, b; mov.b32 {a, b}, %1; mad.lo.s16 a, a, b, a; mov.b32 %0, {b, a}; }")
    ASM32(46, "{ .reg .b16 a, b; cvt.u16.u32 a, %1; cvt.u16.u32 b, %2; mul.wide.s16 %0, a, b; }")
    ASM32(47, "{ .reg .b16 a; cvt.s16.s8 a, %1; cvt.s32.s16 %0, a; }") ASM32(48, "cvt.u32.u8 %0, %1;")
    ASM32(49, "{ .reg .b16 a, b; cvt.u16.u32 a, %1; cvt.u16.u32 b, %2; shr.s16 a, a, 3; max.s16 a, a, b; neg.s16 a, a; cvt.u32.u16 %0, a; }")
    OUT(50, y ? x / y : 0); OUT(51, y ? x % y : 0);
    OUT(52, y && !((int)x == INT32_MIN && (int)y == -1) ? (uint32_t)((int)x / (int)y) : 0);
    OUT(53, y && !((int)x == INT32_MIN && (int)y == -1) ? (uint32_t)((int)x % (int)y) : 0);
    OUT(54, (s64)(int)x * (int)y); OUT(55, (u64)x * y + vc[threadIdx.x]);
}

extern "C" __global__ void integers64(const u64* va, const u64* vb, const u64* vc, u64* out)
{
    u64 a = va[threadIdx.x], b = vb[threadIdx.x], c = vc[threadIdx.x];
    ASM64(0, "add.u64 %0, %1, %2;") ASM64(1, "sub.s64 %0, %1, %2;") ASM64(2, "mul.lo.s64 %0, %1, %2;")
    ASM64(3, "mul.hi.s64 %0, %1, %2;") ASM64(4, "mul.hi.u64 %0, %1, %2;") ASM64(5, "mad.lo.s64 %0, %1, %2, %3;")
    ASM64(6, "mad.hi.u64 %0, %1, %2, %3;") ASM64(7, "min.s64 %0, %1, %2;") ASM64(8, "max.u64 %0, %1, %2;")
    ASM64(9, "neg.s64 %0, %1;") ASM64(10, "abs.s64 %0, %1;")
    ASM64(11, "{ .reg .u32 t; popc.b64 t, %1; cvt.u64.u32 %0, t; }") ASM64(12, "{ .reg .u32 t; clz.b64 t, %1; cvt.u64.u32 %0, t; }")
    ASM64(13, "{ .reg .u32 t; bfind.u64 t, %1; cvt.u64.u32 %0, t; }") ASM64(14, "brev.b64 %0, %1;")
    ASM64(15, "{ .reg .u32 t; cvt.u32.u64 t, %2; shl.b64 %0, %1, t; }") ASM64(16, "{ .reg .u32 t; cvt.u32.u64 t, %2; shr.s64 %0, %1, t; }")
    ASM64(17, "{ .reg .u32 t, s; cvt.u32.u64 t, %2; cvt.u32.u64 s, %3; bfe.u64 %0, %1, t, s; }")
    ASM64(18, "{ .reg .u32 t, s; cvt.u32.u64 t, %2; cvt.u32.u64 s, %3; bfe.s64 %0, %1, t, s; }")
    ASM64(19, "{ .reg .u32 t; cvt.u32.u64 t, %3; bfi.b64 %0, %1, %2, t, 21; }")
    ASM64(20, "{ .reg .u64 t; add.cc.u64 t, %1, %2; addc.u64 %0, %3, 0; }") ASM64(21, "{ .reg .u64 t; sub.cc.u64 t, %1, %2; subc.u64 %0, %3, 0; }")
    ASM64(22, "{ .reg .u32 l, h; mov.b64 {l, h}, %1; mov.b64 %0, {h, l}; }")
    ASM64(23, "{ .reg .b128 t; mov.b128 t, {%1, %2}; mov.b128 {_, %0}, t; }")
    u128 wide = (u128)a * b + c, sum = wide - ((u128)c << 64 | b);
    OUT(24, wide >> 64); OUT(25, sum >> 64); OUT(26, sum);
    OUT(27, b ? a / b : 0); OUT(28, b ? a % b : 0);
    OUT(29, b && !((s64)a == INT64_MIN && (s64)b == -1) ? (s64)a / (s64)b : 0);
    OUT(30, b && !((s64)a == INT64_MIN && (s64)b == -1) ? (s64)a % (s64)b : 0);
    OUT(31, (u128)a * b > (u128)c * a); OUT(32, (s64)a < (s64)b); OUT(33, a < b); OUT(34, (s64)(int8_t)a + (int16_t)b - (int)c);
}

#define ASMD(k, text) { double r_; asm(text : "=d"(r_) : "d"(a), "d"(b), "d"(c)); OUT(k, __double_as_longlong(r_)); }
#define ASMI(k, text) { u64 r_; asm(text : "=l"(r_) : "d"(a), "d"(b), "d"(c)); OUT(k, r_); }
extern "C" __global__ void doubles(const double* va, const double* vb, const double* vc, u64* out)
{
    double a = va[threadIdx.x], b = vb[threadIdx.x], c = vc[threadIdx.x];
    ASMD(0, "add.rn.f64 %0, %1, %2;") ASMD(1, "sub.rn.f64 %0, %1, %2;") ASMD(2, "mul.rn.f64 %0, %1, %2;")
    ASMD(3, "div.rn.f64 %0, %1, %2;") ASMD(4, "fma.rn.f64 %0, %1, %2, %3;") ASMD(5, "sqrt.rn.f64 %0, %1;")
    ASMD(6, "rcp.rn.f64 %0, %1;") ASMD(7, "neg.f64 %0, %1;") ASMD(8, "abs.f64 %0, %1;") ASMD(9, "min.f64 %0, %1, %2;")
    ASMD(10, "max.f64 %0, %1, %2;") ASMD(11, "cvt.rni.f64.f64 %0, %1;") ASMD(12, "cvt.rmi.f64.f64 %0, %1;")
    ASMD(13, "cvt.rpi.f64.f64 %0, %1;") ASMD(14, "cvt.rzi.f64.f64 %0, %1;") ASMD(15, "copysign.f64 %0, %1, %2;")
    ASMI(16, "cvt.rni.s64.f64 %0, %1;") ASMI(17, "cvt.rzi.u64.f64 %0, %1;") ASMI(18, "cvt.rmi.s64.f64 %0, %1;")
    ASMI(19, "{ .reg .s32 t; cvt.rzi.s32.f64 t, %1; cvt.s64.s32 %0, t; }") ASMI(20, "{ .reg .u32 t; cvt.rni.u32.f64 t, %1; cvt.u64.u32 %0, t; }")
#define COMPARE(k, name) ASMI(k, "{ .reg .pred p; setp." name ".f64 p, %1, %2; selp.u64 %0, 1, 0, p; }")
    COMPARE(21, "eq") COMPARE(22, "ne") COMPARE(23, "lt") COMPARE(24, "le") COMPARE(25, "gt") COMPARE(26, "ge")
    COMPARE(27, "equ") COMPARE(28, "neu") COMPARE(29, "ltu") COMPARE(30, "leu") COMPARE(31, "gtu") COMPARE(32, "geu")
    COMPARE(33, "num") COMPARE(34, "nan")
    ASMI(35, "{ .reg .pred p; testp.finite.f64 p, %1; selp.u64 %0, 1, 0, p; }") ASMI(36, "{ .reg .pred p; testp.subnormal.f64 p, %1; selp.u64 %0, 1, 0, p; }")
    OUT(37, __float_as_uint((float)a)); OUT(38, __double_as_longlong((double)(float)b));
    OUT(39, __double_as_longlong((double)__double_as_longlong(a))); OUT(40, __double_as_longlong((double)(u64)__double_as_longlong(a)));
    OUT(41, __double_as_longlong((double)(int)__double_as_longlong(a))); OUT(42, __float_as_uint((float)(u64)__double_as_longlong(b)));
    float x = (float)a, y = (float)b, z = (float)c;
    OUT(43, __float_as_uint(x + y)); OUT(44, __float_as_uint(x * y)); OUT(45, __float_as_uint(x / y)); OUT(46, __float_as_uint(fmaf(x, y, z)));
    OUT(47, __float_as_uint(sqrtf(x))); OUT(48, __float_as_uint(fminf(x, y))); OUT(49, (u64)(int)x); OUT(50, x < y); OUT(51, (u64)(s64)rintf(y));
}

// Collectives of a warp, under the member mask of the lanes whose bit is set in `members`.
extern "C" __global__ void collectives(const u64* va, const u64* vb, const u64* vc, u64* out, unsigned members)
{
    unsigned lane = threadIdx.x;
    uint32_t x = va[lane], y = vb[lane], z = vc[lane];
    if (!(members >> lane & 1)) return;
    OUT(0, __ballot_sync(members, x & 1)); OUT(1, __any_sync(members, (x & 7) == 3)); OUT(2, __all_sync(members, (x & 7) != 3));
    OUT(3, __match_any_sync(members, x & 3)); int same; OUT(4, __match_all_sync(members, z & 1, &same)); OUT(5, same);
    OUT(8, __match_any_sync(members, vb[lane] & 0x100000001ull));
    ASM32(10, "{ .reg .pred p; setp.ne.u32 p, %1, 0; vote.sync.uni.pred p, p, -1; selp.u32 %0, 1, 0, p; }")
}
extern "C" __global__ void shuffles(const u64* va, const u64* vb, const u64* vc, u64* out)
{
    unsigned lane = threadIdx.x;
    uint32_t x = va[lane], y = vb[lane] & 31;
    OUT(0, __shfl_sync(~0u, x, y)); OUT(1, __shfl_up_sync(~0u, x, 5)); OUT(2, __shfl_down_sync(~0u, x, 9)); OUT(3, __shfl_xor_sync(~0u, x, 13));
    OUT(4, __shfl_sync(~0u, x, y, 8)); OUT(5, __shfl_up_sync(~0u, x, 3, 16)); OUT(6, __shfl_down_sync(~0u, x, 3, 8)); OUT(7, __shfl_xor_sync(~0u, x, 6, 4));
    OUT(8, __shfl_sync(~0u, va[lane], y));
    uint32_t z = 0;
    ASM32(9, "{ .reg .pred p; shfl.sync.down.b32 %0|p, %1, 7, 31, -1; @!p mov.u32 %0, 99; }")
}

// Speed: one kernel for each kind of code.
extern "C" __global__ void speed_integers(uint32_t* out, int rounds)
{
    uint32_t a = threadIdx.x, b = a * 3 + 1, c = a ^ 0x55, d = 7;
    for (int i = 0; i < rounds; i++) { a = a * b + c; b = (b ^ a) + (c >> 3); c = max(a, b) - d; d = (d << 1) ^ (a & c); a += b < c ? d : c; b ^= d; }
    out[threadIdx.x] = a + b + c + d;
}
extern "C" __global__ void speed_longs(u64* out, int rounds)
{
    s64 a = threadIdx.x, b = a * 3 + 1, c = a ^ 0x55, d = 7;
    for (int i = 0; i < rounds; i++) { a = a * b + c; b = (b ^ a) + (c >> 3); c = max(a, b) - d; d = (d << 1) ^ (a & c); a += b < c ? d : c; b ^= d; }
    out[threadIdx.x] = a + b + c + d;
}
extern "C" __global__ void speed_one_lane(uint32_t* out, int rounds)
{
    if (threadIdx.x != 3) return;
    uint32_t a = threadIdx.x, b = a * 3 + 1, c = a ^ 0x55, d = 7;
    for (int i = 0; i < rounds; i++) { a = a * b + c; b = (b ^ a) + (c >> 3); c = max(a, b) - d; d = (d << 1) ^ (a & c); a += b < c ? d : c; b ^= d; }
    out[threadIdx.x] = a + b + c + d;
}
extern "C" __global__ void speed_doubles(double* out, int rounds)
{
    double a = threadIdx.x * 0.01, b = 0.5, c = 1.0;
    for (int i = 0; i < rounds; i++) { a = fma(a, b, 0.3); b = fma(b, 0.9, 0.05); c = c * b + a * 0.1; a = a - c * 0.01; c = a > 2.0 ? c * 0.5 : c; b = b / (1.0 + c * c * 0.001); }
    out[threadIdx.x] = a + b + c;
}
extern "C" __global__ void speed_memory(uint32_t* out, int rounds)
{
    __shared__ uint32_t box[64];
    uint32_t a = threadIdx.x;
    box[a] = a;
    __syncwarp();
    for (int i = 0; i < rounds; i++) { a += box[(a + i) & 31]; box[32 + threadIdx.x] = a; out[threadIdx.x] = a; a ^= *(volatile uint32_t*)&out[threadIdx.x ^ 1]; }
    out[threadIdx.x] = a;
}
